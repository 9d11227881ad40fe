package world

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Isolation cuts the machines of a range (a cluster) off from everything outside of it, or lets them speak again:
// their public addresses and the load balancers that lead to them answer nobody, and what they send is lost. Among
// themselves, also by way of their own load balancers, they speak on. Machines that come later are behind it too.
type Isolation struct {
	Region string       `json:"region"`
	CIDR   netip.Prefix `json:"cidr"`
	On     bool         `json:"on"`
}

// Isolate puts up a wall around a range, or takes it down.
func (w *World) Isolate(i Isolation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.regions[i.Region]
	switch {
	case !ok:
		return w.unknownSite("region", i.Region)
	case !i.CIDR.IsValid() || !i.CIDR.Addr().Is4():
		return errors.New("isolate needs an IPv4 cidr")
	}
	delete(r.walls, i.CIDR.Masked())
	if i.On {
		r.walls[i.CIDR.Masked()] = true
	}
	return w.wall(r)
}

// wall loads the rules of a region's walls; the packets of a flow meet them where load balancer addresses are
// translated already. w.mu is held.
func (w *World) wall(r *region) error {
	if len(r.walls) == 0 && !r.walled {
		return nil
	}
	var b strings.Builder
	b.WriteString("table ip wall\ndelete table ip wall\n")
	if r.walled = len(r.walls) > 0; r.walled {
		b.WriteString("table ip wall {\n  chain forward {\n    type filter hook forward priority -10; policy accept;\n")
		for cidr := range r.walls {
			own := w.addresses(r, cidr)
			fmt.Fprintf(&b, "    ip saddr %s ip daddr %s accept\n    ip saddr %s drop\n    ip daddr %s drop\n", own, own, own, own)
		}
		b.WriteString("  }\n}\n")
	}
	return r.router.Load(b.String())
}

// addresses are a range and the public addresses of its machines, as a set of nftables.
func (w *World) addresses(r *region, cidr netip.Prefix) string {
	set := []string{cidr.String()}
	for _, m := range w.machines {
		if m.Region == r.site.Name && m.CIDR == cidr && m.Public.IsValid() {
			set = append(set, m.Public.String())
		}
	}
	return "{ " + strings.Join(set, ", ") + " }"
}
