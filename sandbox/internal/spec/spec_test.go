package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	f := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(f, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func goodPlane() ControlPlane {
	return ControlPlane{ID: "c", Dir: "/d", PrivateIP: "10.0.0.1", EndpointIP: "198.18.1.10", Issuer: "https://issuer.example/x",
		PodCIDR: "10.1.0.0/16", ServiceCIDR: "10.2.0.0/16", CloudsSocket: "/s", DNSUpstream: "198.19.0.53"}
}

func TestReadControlPlane(t *testing.T) {
	s, err := ReadControlPlane(write(t, goodPlane()))
	if err != nil {
		t.Fatal(err)
	}
	if s.PrivateIP != "10.0.0.1" {
		t.Errorf("privateIp = %q", s.PrivateIP)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	bad := goodPlane()
	bad.Dir, bad.PrivateIP, bad.Issuer, bad.PodCIDR = "relative", "10.0.0", "http://issuer.example", "10.1.0.0"
	_, err := ReadControlPlane(write(t, bad))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"dir:", "privateIp:", "issuer:", "podCidr:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

func TestUnknownKey(t *testing.T) {
	_, err := ReadNode(write(t, map[string]any{"node": "n", "memory": 1}))
	if err == nil || !strings.Contains(err.Error(), `"memory"`) {
		t.Errorf("err = %v", err)
	}
}

func TestReadNodeFaults(t *testing.T) {
	_, err := ReadNode(write(t, Node{Name: "n", Dir: "/d", ClusterDir: "/c", Recipes: "/r", Shim: "/s", IP: "10.0.0.2",
		ClusterDNS: "10.2.0.10", APIServer: "https://10.0.0.1:443", PodCIDR: "10.1.0.0/16"}))
	if err == nil || !strings.Contains(err.Error(), "cpu") || !strings.Contains(err.Error(), "memoryBytes") {
		t.Errorf("err = %v", err)
	}
}

func TestServiceIP(t *testing.T) {
	for _, c := range []struct {
		cidr string
		n    int
		want string
	}{{"10.250.0.0/16", 10, "10.250.0.10"}, {"10.250.0.0/16", 1, "10.250.0.1"}, {"10.0.0.250/24", 10, "10.0.0.10"}} {
		if got, err := ServiceIP(c.cidr, c.n); err != nil || got.String() != c.want {
			t.Errorf("ServiceIP(%s, %d) = %v, %v", c.cidr, c.n, got, err)
		}
	}
	if _, err := ServiceIP("10.0.0.0/29", 10); err == nil {
		t.Error("an address outside the range was given")
	}
}

func TestNodeMask(t *testing.T) {
	for cidr, want := range map[string]int{"10.0.0.0/8": 24, "10.0.0.0/16": 24, "10.0.0.0/20": 24, "10.0.0.0/22": 26, "10.0.0.0/25": 28} {
		if got := NodeMask(cidr); got != want {
			t.Errorf("NodeMask(%s) = %d, want %d", cidr, got, want)
		}
	}
}

func TestOwnLabels(t *testing.T) {
	own, refused := OwnLabels(map[string]string{
		"pool": "a", "eks.amazonaws.com/nodegroup": "g", "topology.kubernetes.io/zone": "z", "node.kubernetes.io/instance-type": "t",
		"node-role.kubernetes.io/worker": "", "node-restriction.kubernetes.io/x": "y",
	})
	if len(own) != 4 || own["topology.kubernetes.io/zone"] != "z" {
		t.Errorf("own = %v", own)
	}
	if want := []string{"node-restriction.kubernetes.io/x", "node-role.kubernetes.io/worker"}; !reflect.DeepEqual(refused, want) {
		t.Errorf("refused = %v", refused)
	}
}
