// Package addons applies what a cloud puts into a new cluster: cluster DNS, the metrics API, the roles machines
// need, and storage classes.
package addons

import (
	"bytes"
	"context"
	_ "embed" // the manifest
	"errors"
	"fmt"
	"io"
	"text/template"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// CoreDNSImage is the image the DNS Deployment asks for; nodes have a recipe of it.
const CoreDNSImage = "registry.k8s.io/coredns/coredns:v1.15.0"

// StorageProvisioner is the name claims are provisioned under.
const StorageProvisioner = "sandbox.tradewind.dev/directory"

// Namespace is where add-ons live, MetricsService the Service behind the metrics API.
const (
	Namespace      = "kube-system"
	MetricsService = "metrics-server"
)

const manager = "tradewind-sandbox"

// classes are the storage classes of each cloud; all of them, and the default one named standard, are a
// folder of the cluster here.
var classes = map[string][]string{"aws": {"gp2", "gp3"}, "azure": {"default", "managed-csi"}, "gcp": {"standard-rwo"}}

//go:embed addons.yaml
var manifest string

// Values fill the manifest.
type Values struct {
	// DNSServiceIP is the tenth address of the service range.
	DNSServiceIP string
	// Upstream is the resolver for all other names; empty: none.
	Upstream string
	// Cloud is aws, azure or gcp.
	Cloud string
	// MetricsIP and MetricsPort are where the control plane serves the metrics API, CA (base64 of PEM) signs it.
	MetricsIP   string
	MetricsPort int
	CA          string
}

// resources maps the kinds of the manifest to their collections.
var resources = map[string]string{
	"ServiceAccount": "serviceaccounts", "ConfigMap": "configmaps", "Service": "services", "Deployment": "deployments",
	"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings", "StorageClass": "storageclasses",
	"PodDisruptionBudget": "poddisruptionbudgets", "EndpointSlice": "endpointslices", "APIService": "apiservices",
}

// Render returns the objects for a cluster.
func Render(v Values) ([]*unstructured.Unstructured, error) {
	t, err := template.New("addons").Parse(manifest)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	data := struct {
		Values
		Image, Provisioner, MetricsService string
		Classes                            []string
	}{v, CoreDNSImage, StorageProvisioner, MetricsService, classes[v.Cloud]}
	if err := t.Execute(&b, data); err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	d := yaml.NewYAMLOrJSONDecoder(&b, 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("add-ons: %w", err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}

// Apply brings the objects into the cluster with server-side apply, so that a restart changes nothing.
func Apply(ctx context.Context, cfg *rest.Config, v Values) error {
	objects, err := Render(v)
	if err != nil {
		return err
	}
	c, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	for _, u := range objects {
		collection, ok := resources[u.GetKind()]
		if !ok {
			return fmt.Errorf("add-ons: no collection for kind %s", u.GetKind())
		}
		gvk := u.GroupVersionKind()
		gvr := schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: collection}
		opts := metav1.ApplyOptions{FieldManager: manager, Force: true}
		if _, err := c.Resource(gvr).Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), u, opts); err != nil {
			return fmt.Errorf("add-on %s %s: %w", u.GetKind(), u.GetName(), err)
		}
	}
	return nil
}
