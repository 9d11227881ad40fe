package world

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"tradewind.dev/sandbox/internal/net/ns"
	"tradewind.dev/sandbox/internal/net/vip"
)

// router lends a region's namespace to its table of load balancer addresses.
type router struct {
	space *ns.Space
	nft   string
}

func (r router) Load(rules string) error { return r.space.Run(rules, r.nft, "-f", "-") }

func (r router) Forget(match func(*netlink.ConntrackFlow) bool) error {
	return dropFlows(r.space, match)
}

func (r router) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r.space.Dial(ctx, network, address)
}

// Vip adds or replaces a load balancer address and shows it after its first checks.
func (w *World) Vip(s vip.Spec) (vip.View, error) {
	r, err := w.checkVip(s)
	if err != nil {
		return vip.View{}, err
	}
	if err := r.nat.Set(s); err != nil {
		return vip.View{}, err
	}
	for _, v := range r.nat.Views() {
		if v.IP == s.IP {
			return v, nil
		}
	}
	return vip.View{}, fmt.Errorf("vip %s was removed meanwhile", s.IP)
}

func (w *World) checkVip(s vip.Spec) (*region, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.regions[s.Region]
	if !ok {
		return nil, w.unknownSite("region", s.Region)
	}
	if !s.IP.Is4() {
		return nil, fmt.Errorf("vip needs an IPv4 ip")
	}
	for _, m := range w.machines {
		if m.Public == s.IP {
			return nil, fmt.Errorf("%s is the public address of machine %s", s.IP, m.Name)
		}
	}
	if r.nat.Has(s.IP) {
		return r, nil
	}
	return r, r.checkPublic(s.IP)
}

// VipGone removes a load balancer address; it says whether there was one.
func (w *World) VipGone(ip netip.Addr) (bool, error) {
	for _, r := range w.regions {
		if r.nat.Has(ip) {
			return r.nat.Remove(ip)
		}
	}
	return false, nil
}
