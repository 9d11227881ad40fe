package vip

import (
	"fmt"
	"net/netip"
	"strings"
)

// baseRules is the router's table. Whatever asks for a public address from a
// private one leaves as the NAT gateway, also when the answer lies behind the same
// router (hairpin). Replies and known flows never come here: NAT rules see the
// first packet of a flow only.
func baseRules(nat netip.Addr) string {
	return fmt.Sprintf(`table ip tw {
  map vips {
    type ipv4_addr : verdict
  }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr vmap @vips
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr != 198.18.0.0/15 ct original ip daddr 198.18.0.0/15 snat to %s
  }
}
`, nat)
}

func chain(ip netip.Addr) string { return "vip_" + strings.ReplaceAll(ip.String(), ".", "_") }

// setRules replaces an address's chain in one step. A port without a healthy
// target has no rule: its packets meet the router's blackhole, as with a real
// load balancer whose targets are all gone.
func setRules(s *Spec, live [][]Target) string {
	var b strings.Builder
	c := chain(s.IP)
	fmt.Fprintf(&b, "add chain ip tw %s\nflush chain ip tw %s\n", c, c)
	for i, p := range s.Ports {
		if len(live[i]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "add rule ip tw %s %s dport %d dnat ip to numgen random mod %d map {", c, p.Proto, p.Port, len(live[i]))
		for j, t := range live[i] {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %d : %s . %d", j, t.IP, t.Port)
		}
		b.WriteString(" }\n")
	}
	fmt.Fprintf(&b, "add element ip tw vips { %s : jump %s }\n", s.IP, c)
	return b.String()
}

func removeRules(ip netip.Addr) string {
	c := chain(ip)
	return fmt.Sprintf("delete element ip tw vips { %s }\nflush chain ip tw %s\ndelete chain ip tw %s\n", ip, c, c)
}
