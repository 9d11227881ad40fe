package world

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"tradewind.dev/sandbox/internal/net/ns"
	"tradewind.dev/sandbox/internal/net/wan"
)

// portMaker connects sites to the WAN: by TUN devices, or where the system does
// not let us by cables into a namespace "wan" where packet sockets listen.
type portMaker struct {
	factory *ns.Factory
	device  string // "", "auto", "tun" or "packet"
	hub     *ns.Space
	cables  int
}

func (p *portMaker) open(site *ns.Space) (port *wan.Port, err error) {
	if p.device == "packet" {
		return p.cable(site)
	}
	err = site.Do(func() error {
		port, err = wan.OpenTun()
		return err
	})
	if err == nil || p.device == "tun" {
		p.device = "tun" // all ports of one kind
		return port, err
	}
	if port, e := p.cable(site); e == nil {
		p.device = "packet"
		return port, nil
	}
	return nil, err
}

func (p *portMaker) cable(site *ns.Space) (port *wan.Port, err error) {
	if p.hub == nil {
		if p.hub, err = p.factory.Make("wan"); err != nil {
			return nil, err
		}
	}
	p.cables++
	near := fmt.Sprintf("w%d", p.cables)
	h, err := handle(p.hub)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = near, mtu
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: wan.Device, PeerNamespace: netlink.NsFd(netns.NsHandle(site.FD))}); err != nil {
		return nil, fmt.Errorf("veth: %w", err)
	}
	l, err := h.LinkByName(near)
	if err == nil {
		err = h.LinkSetARPOff(l)
	}
	if err == nil {
		err = h.LinkSetUp(l)
	}
	if err != nil {
		return nil, err
	}
	far, err := wireSite(site)
	if err != nil {
		return nil, err
	}
	err = p.hub.Do(func() error {
		port, err = wan.OpenPacket(near, l.Attrs().Index, far.Attrs().HardwareAddr)
		return err
	})
	return port, err
}

// wireSite prepares the site's end of the cable: no ARP, whole packets only.
func wireSite(site *ns.Space) (netlink.Link, error) {
	h, err := handle(site)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	far, err := h.LinkByName(wan.Device)
	if err == nil {
		err = h.LinkSetARPOff(far)
	}
	if err == nil {
		err = site.Do(func() error { return wan.WholePackets(wan.Device) })
	}
	return far, err
}
