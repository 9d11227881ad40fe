package addons

import (
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func find(t *testing.T, v Values, kind, name string) *unstructured.Unstructured {
	t.Helper()
	all, err := Render(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		if resources[u.GetKind()] == "" {
			t.Errorf("kind %s has no collection", u.GetKind())
		}
		if u.GetKind() == kind && u.GetName() == name {
			return u
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

func corefile(t *testing.T, v Values) string {
	t.Helper()
	s, _, err := unstructured.NestedString(find(t, v, "ConfigMap", "coredns").Object, "data", "Corefile")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestForward(t *testing.T) {
	if c := corefile(t, Values{DNSServiceIP: "10.0.0.10", Upstream: "198.19.0.53"}); !strings.Contains(c, "forward . 198.19.0.53 {") {
		t.Error(c)
	}
	if c := corefile(t, Values{DNSServiceIP: "10.0.0.10"}); strings.Contains(c, "forward") || strings.Count(c, "{") != strings.Count(c, "}") {
		t.Error(c)
	}
}

func TestServiceAddress(t *testing.T) {
	ip, _, err := unstructured.NestedString(find(t, Values{DNSServiceIP: "10.9.0.10"}, "Service", "kube-dns").Object, "spec", "clusterIP")
	if err != nil || ip != "10.9.0.10" {
		t.Errorf("%s %v", ip, err)
	}
}

func TestDefaultStorageClass(t *testing.T) {
	u := find(t, Values{DNSServiceIP: "10.9.0.10"}, "StorageClass", "standard")
	if u.GetAnnotations()["storageclass.kubernetes.io/is-default-class"] != "true" || u.Object["provisioner"] != StorageProvisioner {
		t.Errorf("%+v", u.Object)
	}
}

func TestCloudStorageClasses(t *testing.T) {
	for cloud, name := range map[string]string{"aws": "gp3", "azure": "managed-csi", "gcp": "standard-rwo"} {
		u := find(t, Values{DNSServiceIP: "10.9.0.10", Cloud: cloud}, "StorageClass", name)
		if u.GetAnnotations()["storageclass.kubernetes.io/is-default-class"] != "" || u.Object["provisioner"] != StorageProvisioner {
			t.Errorf("%s: %+v", cloud, u.Object)
		}
	}
}

func TestMetricsEndpoint(t *testing.T) {
	u := find(t, Values{DNSServiceIP: "10.9.0.10", MetricsIP: "10.1.2.3", MetricsPort: 4443, CA: "eA=="}, "EndpointSlice", MetricsService)
	ports, _, err := unstructured.NestedSlice(u.Object, "ports")
	if err != nil || len(ports) != 1 || fmt.Sprint(ports[0].(map[string]any)["port"]) != "4443" || ports[0].(map[string]any)["name"] != "https" {
		t.Errorf("%v %v", ports, err)
	}
}

func TestServersFollowNodes(t *testing.T) {
	ok, off := &v1.Node{}, &v1.Node{Spec: v1.NodeSpec{Unschedulable: true}}
	ill := &v1.Node{Spec: v1.NodeSpec{Taints: []v1.Taint{{Key: v1.TaintNodeUnreachable, Effect: v1.TaintEffectNoSchedule}}}}
	for _, c := range []struct {
		what       string
		nodes      []any
		have, want int
	}{
		{"before the first node", nil, 0, 1},
		{"the second node is not ready yet", []any{ok, ill}, 1, 1},
		{"two nodes", []any{ok, ok}, 1, 2},
		{"many nodes", []any{ok, ok, ok}, 2, 2},
		{"a node falls ill", []any{ok, ill}, 2, 2},
		{"a node is cordoned", []any{off, ok}, 2, 2},
		{"a node is gone", []any{ok}, 2, 1},
	} {
		if got := servers(c.nodes, c.have); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}
