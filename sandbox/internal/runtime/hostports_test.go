package runtime

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	rt "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func podWithPorts(ports ...*rt.PortMapping) *pod {
	return &pod{ip: netip.MustParseAddr("10.1.0.5"), cfg: &rt.PodSandboxConfig{PortMappings: ports}}
}

func TestHostPorts(t *testing.T) {
	got, err := hostPorts(podWithPorts(
		&rt.PortMapping{ContainerPort: 80},
		&rt.PortMapping{ContainerPort: 80, HostPort: 8080},
		&rt.PortMapping{ContainerPort: 53, HostPort: 5353, Protocol: rt.Protocol_UDP, HostIp: "10.0.0.9"},
		&rt.PortMapping{ContainerPort: 53, HostPort: 54, HostIp: "0.0.0.0"},
	))
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, h := range got {
		rules = append(rules, h.rule())
	}
	want := []string{
		"fib daddr type local tcp dport 8080 dnat to 10.1.0.5:80",
		"ip daddr 10.0.0.9 udp dport 5353 dnat to 10.1.0.5:53",
		"fib daddr type local tcp dport 54 dnat to 10.1.0.5:53",
	}
	if !slices.Equal(rules, want) {
		t.Errorf("%q", rules)
	}
	for _, bad := range []*rt.PortMapping{
		{ContainerPort: 1, HostPort: 1, Protocol: rt.Protocol_SCTP},
		{ContainerPort: 1, HostPort: 1, HostIp: "::1"},
		{ContainerPort: 1, HostPort: 1, HostIp: "here"},
	} {
		if _, err := hostPorts(podWithPorts(bad)); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

func TestPortRules(t *testing.T) {
	if got := portRules(nil); strings.Contains(got, "{") || !strings.Contains(got, "delete table") {
		t.Errorf("%q", got)
	}
	ports, err := hostPorts(podWithPorts(&rt.PortMapping{ContainerPort: 80, HostPort: 8080}, &rt.PortMapping{ContainerPort: 81, HostPort: 8080, HostIp: "127.0.0.1"}))
	if err != nil {
		t.Fatal(err)
	}
	got := portRules(ports)
	one, all := strings.Index(got, "ip daddr 127.0.0.1 tcp dport 8080"), strings.Index(got, "fib daddr type local")
	if one < 0 || all < one || strings.Count(got, "{") != strings.Count(got, "}") {
		t.Error(got)
	}
}

func TestSysctlsByNamespace(t *testing.T) {
	got := ipcSysctls(map[string]string{"kernel.shm_rmid_forced": "1", "fs.mqueue.msg_max": "20", "net.ipv4.tcp_syncookies": "1", "kernel.panic": "1"})
	if len(got) != 2 || got["kernel.shm_rmid_forced"] != "1" || got["fs.mqueue.msg_max"] != "20" {
		t.Errorf("%v", got)
	}
}
