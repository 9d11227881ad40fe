package world

import (
	"fmt"
	"net/netip"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/ns"
)

// MachineSpec describes the namespace of a control plane or a node.
type MachineSpec struct {
	Name   string       `json:"name"`
	Region string       `json:"region"`
	IP     netip.Addr   `json:"ip"`
	CIDR   netip.Prefix `json:"cidr"`
	Public netip.Addr   `json:"public,omitzero"`
}

// MachineInfo is the answer to a machine request.
type MachineInfo struct {
	Gateway netip.Addr `json:"gateway"`
	Pid     int        `json:"pid"`
}

type machine struct {
	MachineSpec
	space *ns.Space
	port  string
}

// Machine makes a machine's namespace and plugs it in. The same call again
// changes nothing; another description under the same name is refused.
func (w *World) Machine(s MachineSpec) (MachineInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.CIDR = s.CIDR.Masked()
	if old, ok := w.machines[s.Name]; ok {
		if old.MachineSpec != s {
			return MachineInfo{}, fmt.Errorf("machine %s exists with other settings: %+v", s.Name, old.MachineSpec)
		}
		return MachineInfo{Gateway: gateway(s.CIDR), Pid: old.space.Holder()}, nil
	}
	r, err := w.checkMachine(s)
	if err != nil {
		return MachineInfo{}, err
	}
	space, err := w.factory.Make(s.Name)
	if err != nil {
		return MachineInfo{}, err
	}
	m := &machine{MachineSpec: s, space: space}
	w.machines[s.Name] = m
	if err := w.plug(r, m); err != nil {
		delete(w.machines, s.Name)
		_ = r.detach(m)
		space.Close()
		return MachineInfo{}, fmt.Errorf("machine %s: %w", s.Name, err)
	}
	r.nat.Presence(w.present(s.Region))
	return MachineInfo{Gateway: gateway(s.CIDR), Pid: space.Holder()}, nil
}

// plug connects a machine, behind the walls of its region.
func (w *World) plug(r *region, m *machine) error {
	if err := w.wall(r); err != nil {
		return err
	}
	return r.attach(m)
}

func (w *World) checkMachine(s MachineSpec) (*region, error) {
	r, ok := w.regions[s.Region]
	switch {
	case !ok:
		return nil, w.unknownSite("region", s.Region)
	case !config.ValidName(s.Name):
		return nil, fmt.Errorf("%q is not a machine name (a-z 0-9 . _ -, at most 63)", s.Name)
	case w.spaces[s.Name] != nil || s.Name == "wan":
		return nil, fmt.Errorf("%q is the name of a site", s.Name)
	case !s.IP.Is4() || !s.CIDR.IsValid() || !s.CIDR.Addr().Is4():
		return nil, fmt.Errorf("machine %s needs an IPv4 ip and cidr", s.Name)
	case !s.CIDR.Contains(s.IP) || s.IP == s.CIDR.Addr() || s.IP == gateway(s.CIDR):
		return nil, fmt.Errorf("ip %s is not a machine address of %s (its first address is the gateway)", s.IP, s.CIDR)
	case s.CIDR.Overlaps(public):
		return nil, fmt.Errorf("cidr %s overlaps the public range %s", s.CIDR, public)
	}
	for _, m := range w.machines {
		if m.Region != s.Region {
			continue
		}
		if m.IP == s.IP || s.Public.IsValid() && m.Public == s.Public {
			return nil, fmt.Errorf("machine %s already has ip %s, public %s", m.Name, m.IP, m.Public)
		}
		if m.CIDR != s.CIDR && m.CIDR.Overlaps(s.CIDR) {
			return nil, fmt.Errorf("cidr %s overlaps %s of machine %s in the same region", s.CIDR, m.CIDR, m.Name)
		}
	}
	if s.Public.IsValid() {
		return r, r.checkPublic(s.Public)
	}
	return r, nil
}

// checkPublic refuses addresses that are not the region's to give.
func (r *region) checkPublic(a netip.Addr) error {
	last := a.As4()[3]
	if !a.Is4() || !r.site.Prefix.Contains(a) || last < 3 || last == 255 {
		return fmt.Errorf("%s is not a free public address of %s (%s, .3 to .254)", a, r.site.Name, r.site.Prefix)
	}
	if r.nat.Has(a) {
		return fmt.Errorf("%s is already a load balancer address", a)
	}
	return nil
}

// MachineGone unplugs a machine and forgets it; processes inside stay, without
// a network. It says whether there was one.
func (w *World) MachineGone(name string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.machines[name]
	if !ok {
		return false, nil
	}
	r := w.regions[m.Region]
	err := r.detach(m)
	m.space.Close()
	delete(w.machines, name)
	r.nat.Presence(w.present(m.Region))
	return true, err
}

// present lists the addresses of a region's machines.
func (w *World) present(region string) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, m := range w.machines {
		if m.Region == region {
			out[m.IP] = true
		}
	}
	return out
}
