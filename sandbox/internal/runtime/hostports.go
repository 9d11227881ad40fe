package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"

	rt "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// hostPort is a port of the node that leads to a pod.
type hostPort struct {
	// host is the node's address it is open on; invalid: all of them.
	host  netip.Addr
	proto string // tcp or udp
	port  uint16
	to    netip.AddrPort
}

// hostPorts reads what a pod asks for. SCTP and IPv6 addresses are refused: the node has neither.
func hostPorts(p *pod) ([]hostPort, error) {
	var out []hostPort
	for _, m := range p.cfg.GetPortMappings() {
		if m.GetHostPort() == 0 {
			continue
		}
		h := hostPort{port: uint16(m.GetHostPort()), to: netip.AddrPortFrom(p.ip, uint16(m.GetContainerPort()))}
		switch m.GetProtocol() {
		case rt.Protocol_TCP:
			h.proto = "tcp"
		case rt.Protocol_UDP:
			h.proto = "udp"
		default:
			return nil, fmt.Errorf("host port %d: %s is not offered", h.port, m.GetProtocol())
		}
		if ip := m.GetHostIp(); ip != "" {
			a, err := netip.ParseAddr(ip)
			if err != nil || !a.Is4() {
				return nil, fmt.Errorf("host port %d: %q is not an IPv4 address", h.port, ip)
			}
			if !a.IsUnspecified() {
				h.host = a
			}
		}
		out = append(out, h)
	}
	return out, nil
}

func (h hostPort) rule() string {
	to := "fib daddr type local"
	if h.host.IsValid() {
		to = "ip daddr " + h.host.String()
	}
	return fmt.Sprintf("%s %s dport %d dnat to %s", to, h.proto, h.port, h.to)
}

// portRules is the whole table, declared first so that the delete cannot fail. A port on one address comes before
// one on all. What comes from the loopback or from the pod itself is given the node's address on its way, because
// the answer would not come back otherwise.
func portRules(all []hostPort) string {
	const table = "table ip tradewind_hostports"
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ndelete %s\n", table, table)
	if len(all) == 0 {
		return b.String()
	}
	slices.SortFunc(all, func(x, y hostPort) int {
		if x.host.IsValid() != y.host.IsValid() {
			if x.host.IsValid() {
				return -1
			}
			return 1
		}
		return strings.Compare(x.rule(), y.rule())
	})
	fmt.Fprintf(&b, "%s {\n", table)
	for _, hook := range []string{"prerouting", "output"} {
		fmt.Fprintf(&b, "chain %s {\ntype nat hook %s priority -110;\n", hook, hook)
		for _, h := range all {
			fmt.Fprintln(&b, h.rule())
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "chain postrouting {\ntype nat hook postrouting priority 80;\n")
	for _, h := range all {
		fmt.Fprintf(&b, "ct status dnat ip saddr { 127.0.0.0/8, %s } ip daddr %s %s dport %d masquerade\n", h.to.Addr(), h.to.Addr(), h.proto, h.to.Port())
	}
	b.WriteString("}\n}\n")
	return b.String()
}

// openPorts brings the node's table in line with the pods that are there. The lock is held.
func (r *Runtime) openPorts() error {
	var all []hostPort
	for _, p := range r.pods {
		if p.ready {
			all = append(all, p.ports...)
		}
	}
	if len(all) == 0 && !r.portsOpen {
		return nil
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/route_localnet", []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("host ports: %w", err)
	}
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(portRules(all))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("host ports: %w: %s", err, bytes.TrimSpace(out))
	}
	r.portsOpen = len(all) > 0
	return nil
}
