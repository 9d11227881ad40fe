package pki

import (
	"fmt"
	"net"

	"tradewind.dev/sandbox/internal/spec"
)

// internalNames are the names a cluster's API server has inside the cluster.
var internalNames = []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}

// APIServer lists every name and address an API server is reached by: its own, the first of the service
// range, and the loopback. Empty addresses and names are left out.
func APIServer(serviceCIDR string, addresses []string, names ...string) (Subject, error) {
	service, err := spec.ServiceIP(serviceCIDR, 1)
	if err != nil {
		return Subject{}, err
	}
	sub := Subject{CommonName: "kube-apiserver", Server: true, DNS: append([]string{}, internalNames...),
		IPs: []net.IP{net.IPv4(127, 0, 0, 1), service.AsSlice()}}
	for _, a := range addresses {
		if a == "" {
			continue
		}
		ip := net.ParseIP(a)
		if ip == nil {
			return Subject{}, fmt.Errorf("API server: %q is not an address", a)
		}
		sub.IPs = append(sub.IPs, ip)
	}
	for _, n := range names {
		if n != "" {
			sub.DNS = append(sub.DNS, n)
		}
	}
	return sub, nil
}
