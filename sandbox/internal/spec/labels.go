package spec

import (
	"slices"
	"strings"

	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// OwnLabels leaves out labels the API server refuses from a kubelet, and would refuse the node with them.
func OwnLabels(in map[string]string) (own map[string]string, refused []string) {
	own = map[string]string{}
	for k, v := range in {
		if kubernetesOwned(k) && !kubeletapis.IsKubeletLabel(k) {
			refused = append(refused, k)
			continue
		}
		own[k] = v
	}
	slices.Sort(refused)
	return own, refused
}

// kubernetesOwned tells whether a label belongs to a namespace of Kubernetes itself.
func kubernetesOwned(label string) bool {
	domain, _, ok := strings.Cut(label, "/")
	if !ok {
		return false
	}
	for _, d := range []string{"kubernetes.io", "k8s.io"} {
		if domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return false
}
