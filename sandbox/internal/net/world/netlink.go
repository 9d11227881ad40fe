package world

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/ns"
	"tradewind.dev/sandbox/internal/net/wan"
)

var public = netip.MustParsePrefix("198.18.0.0/15")

const mtu = 1500

// handle opens a netlink socket in the namespace; the caller closes it.
func handle(s *ns.Space, families ...int) (*netlink.Handle, error) {
	var h *netlink.Handle
	err := s.Do(func() (err error) { // made on a thread that is inside, so no thread changes under us
		h, err = netlink.NewHandle(families...)
		return err
	})
	return h, err
}

// address gives a site its addresses and the way to the others. There is no
// default route: what is not part of the world is unreachable at once.
func address(space *ns.Space, s config.Site) error {
	h, err := handle(space)
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := linkUp(h, "lo")
	if err != nil {
		return err
	}
	for _, a := range s.Addrs {
		if err := h.AddrAdd(lo, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(a, 32))}); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	dev, err := h.LinkByName(wan.Device)
	if err != nil {
		return err
	}
	if err := h.LinkSetMTU(dev, mtu); err != nil {
		return err
	}
	if err := h.LinkSetTxQLen(dev, 5000); err != nil {
		return err
	}
	if err := h.LinkSetUp(dev); err != nil {
		return err
	}
	return h.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Scope: netlink.SCOPE_LINK,
		Dst: ipNet(public), Src: s.Addrs[0].AsSlice()})
}

func linkUp(h *netlink.Handle, name string) (netlink.Link, error) {
	l, err := h.LinkByName(name)
	if err == nil {
		err = h.LinkSetUp(l)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// blackhole swallows packets to addresses of the prefix that nothing owns.
func blackhole(h *netlink.Handle, p netip.Prefix) error {
	return h.RouteAdd(&netlink.Route{Dst: ipNet(p), Type: unix.RTN_BLACKHOLE})
}

func addBridge(h *netlink.Handle, name string, mac net.HardwareAddr) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = name, mtu, mac
	if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	return linkUp(h, name)
}

// addVeth connects the namespace behind fd to the bridge: eth0 there, port here.
func addVeth(h *netlink.Handle, port string, bridge netlink.Link, fd int, mac net.HardwareAddr) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.MasterIndex = port, mtu, bridge.Attrs().Index
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerHardwareAddr: mac,
		PeerNamespace: netlink.NsFd(netns.NsHandle(fd))}
	if err := h.LinkAdd(veth); err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	_, err := linkUp(h, port)
	return err
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// macOf derives the hardware address from the IP address, so that a machine
// that comes back is found under the old neighbour entry.
func macOf(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{0x02, 0x54, b[0], b[1], b[2], b[3]}
}
