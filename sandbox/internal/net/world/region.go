package world

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/ns"
	"tradewind.dev/sandbox/internal/net/vip"
)

// region is a router with its bridge, NAT gateway and load balancer addresses.
type region struct {
	site   config.Site
	space  *ns.Space
	bridge netlink.Link
	router router
	nat    *vip.Table
	walls  map[netip.Prefix]bool // isolated ranges
	walled bool                  // there is a table of rules for them

	mu       sync.Mutex
	gateways map[netip.Prefix]int // machines per range
	ports    int                  // names of bridge ports, never reused
}

func newRegion(s config.Site, space *ns.Space, logf func(string, ...any)) (*region, error) {
	h, err := handle(space)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	r := &region{site: s, space: space, walls: map[netip.Prefix]bool{}, gateways: map[netip.Prefix]int{}}
	if r.bridge, err = addBridge(h, "br0", macOf(s.Addrs[0])); err != nil {
		return nil, err
	}
	// With bridge filtering on, a translated packet between two ports of the bridge
	// would be bridged instead of routed, and lost when both ports are the same.
	off := map[string]string{"bridge/bridge-nf-call-iptables": "0"}
	if err := space.Do(func() error { return ns.Sysctl(off) }); err != nil {
		return nil, err
	}
	if err := blackhole(h, s.Prefix); err != nil {
		return nil, err
	}
	nft, err := findNft()
	if err != nil {
		return nil, err
	}
	r.router = router{space, nft}
	r.nat = vip.NewTable(s.Addrs[0], r.router, logf)
	return r, r.nat.Init()
}

// findNft also looks where PATH of a trimmed environment may not.
func findNft() (string, error) {
	if p, err := exec.LookPath("nft"); err == nil {
		return p, nil
	}
	for _, p := range []string{"/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("nft not found in PATH, /usr/sbin, /sbin, /usr/local/sbin: install nftables")
}

type flowFilter func(*netlink.ConntrackFlow) bool

func (f flowFilter) MatchConntrackFlow(c *netlink.ConntrackFlow) bool { return f(c) }

// dropFlows forgets the tracked connections that match, so that their next
// packet is judged anew.
func dropFlows(space *ns.Space, match func(*netlink.ConntrackFlow) bool) error {
	h, err := handle(space, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer h.Close()
	_, err = h.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, flowFilter(match))
	return err
}

// gateway is the first address of a range: the bridge's own.
func gateway(p netip.Prefix) netip.Addr { return p.Masked().Addr().Next() }

// attach gives a machine its cable, its range's gateway and its public address.
func (r *region) attach(m *machine) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, err := handle(r.space)
	if err != nil {
		return err
	}
	defer h.Close()
	gw := gateway(m.CIDR)
	if r.gateways[m.CIDR] == 0 {
		if err := h.AddrAdd(r.bridge, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(gw, m.CIDR.Bits()))}); err != nil {
			return fmt.Errorf("gateway %s: %w", gw, err)
		}
	}
	r.gateways[m.CIDR]++
	r.ports++
	m.port = fmt.Sprintf("m%d", r.ports)
	if err := addVeth(h, m.port, r.bridge, m.space.FD, macOf(m.IP)); err != nil {
		return err
	}
	if err := configure(m, gw); err != nil {
		return err
	}
	if !m.Public.IsValid() {
		return nil
	}
	return h.RouteAdd(&netlink.Route{LinkIndex: r.bridge.Attrs().Index,
		Dst: ipNet(netip.PrefixFrom(m.Public, 32)), Gw: m.IP.AsSlice()})
}

// configure sets up the machine's side of the cable.
func configure(m *machine, gw netip.Addr) error {
	h, err := handle(m.space)
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := linkUp(h, "lo")
	if err != nil {
		return err
	}
	eth, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := h.AddrAdd(eth, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(m.IP, m.CIDR.Bits()))}); err != nil {
		return err
	}
	if err := h.LinkSetUp(eth); err != nil {
		return err
	}
	if m.Public.IsValid() {
		if err := h.AddrAdd(lo, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(m.Public, 32))}); err != nil {
			return err
		}
	}
	return h.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: gw.AsSlice()})
}

// detach undoes attach as far as it came.
func (r *region) detach(m *machine) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, err := handle(r.space)
	if err != nil {
		return err
	}
	defer h.Close()
	if m.Public.IsValid() {
		_ = h.RouteDel(&netlink.Route{LinkIndex: r.bridge.Attrs().Index,
			Dst: ipNet(netip.PrefixFrom(m.Public, 32)), Gw: m.IP.AsSlice()})
	}
	if l, err := h.LinkByName(m.port); err == nil {
		if err := h.LinkDel(l); err != nil {
			return err
		}
	}
	if r.gateways[m.CIDR]--; r.gateways[m.CIDR] <= 0 {
		delete(r.gateways, m.CIDR)
		return h.AddrDel(r.bridge, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(gateway(m.CIDR), m.CIDR.Bits()))})
	}
	return nil
}
