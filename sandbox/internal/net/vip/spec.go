// Package vip keeps load balancer addresses: a router translates ip:port to one
// of the healthy targets (the client's address stays), and forgets connections
// to targets that are no longer healthy.
package vip

import (
	"fmt"
	"net/netip"
	"strings"
)

// Target of a port.
type Target struct {
	IP   netip.Addr `json:"ip"`
	Port uint16     `json:"port"`
}

// Port of a load balancer.
type Port struct {
	Proto   string   `json:"proto"` // "tcp" or "udp"
	Port    uint16   `json:"port"`
	Targets []Target `json:"targets"`
}

// Check asks each target's machine on one port: HTTP 200 at Path, or a TCP connection.
type Check struct {
	Port uint16 `json:"port"`
	Path string `json:"path,omitempty"`
}

// Spec of a load balancer address. Without Check, TCP targets are checked by a
// connection to the target itself; UDP targets then follow the TCP targets on the
// same machine, and without any they count as healthy while their machine exists.
type Spec struct {
	IP     netip.Addr `json:"ip"`
	Region string     `json:"region"`
	Ports  []Port     `json:"ports"`
	Check  *Check     `json:"check,omitempty"`
}

// Faults lists everything wrong with a spec.
func (s *Spec) Faults() []string {
	var out []string
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if !s.IP.Is4() {
		add("ip: %q is not an IPv4 address", s.IP)
	}
	seen := map[string]bool{}
	for i, p := range s.Ports {
		at := fmt.Sprintf("ports[%d]", i)
		if p.Proto != "tcp" && p.Proto != "udp" {
			add(`%s.proto: %q is not "tcp" or "udp"`, at, p.Proto)
		}
		if p.Port == 0 {
			add("%s.port: missing", at)
		}
		key := fmt.Sprint(p.Proto, p.Port)
		if seen[key] {
			add("%s: %s %d is given twice", at, p.Proto, p.Port)
		}
		seen[key] = true
		for j, t := range p.Targets {
			if !t.IP.Is4() || t.Port == 0 {
				add("%s.targets[%d]: needs an IPv4 ip and a port", at, j)
			}
		}
	}
	if s.Check != nil && s.Check.Port == 0 {
		add("check.port: missing")
	}
	if s.Check != nil && s.Check.Path != "" && !strings.HasPrefix(s.Check.Path, "/") {
		add("check.path: %q does not start with /", s.Check.Path)
	}
	return out
}

// probe is one thing to ask: a machine's port.
type probe struct {
	ip   netip.Addr
	port uint16
}

// probes lists what must be asked to know the health of all targets.
func (s *Spec) probes() map[probe]bool {
	out := map[probe]bool{}
	for _, p := range s.Ports {
		for _, t := range p.Targets {
			switch {
			case s.Check != nil:
				out[probe{t.IP, s.Check.Port}] = true
			case p.Proto == "tcp":
				out[probe{t.IP, t.Port}] = true
			}
		}
	}
	return out
}

// state is what is known about a probe.
type state struct {
	asked bool
	up    bool
	fails int
	why   string
}

// note takes a result: one success is enough to be healthy; two failures in a
// row, or one that leaves no doubt (connection refused), are needed to fall.
func (s state) note(err error, certain bool) state {
	if err == nil {
		return state{asked: true, up: true}
	}
	s.asked, s.why, s.fails = true, err.Error(), s.fails+1
	if certain || s.fails >= 2 {
		s.up = false
	}
	return s
}

// healthy judges a target and says why not.
func (s *Spec) healthy(p Port, t Target, states map[probe]state, present map[netip.Addr]bool) (bool, string) {
	if !present[t.IP] {
		return false, "no such machine"
	}
	key := probe{t.IP, t.Port}
	if s.Check != nil {
		key.port = s.Check.Port
	}
	st, asked := states[key]
	if s.Check == nil && p.Proto == "udp" && !asked {
		if st, asked = sameMachine(t.IP, states); !asked {
			return true, ""
		}
	}
	if !st.asked {
		return false, "not yet checked"
	}
	return st.up, st.why
}

func sameMachine(ip netip.Addr, states map[probe]state) (best state, found bool) {
	for k, st := range states {
		if k.ip == ip && (!found || st.up) {
			best, found = st, true
		}
	}
	return best, found
}

// live lists the healthy targets per port, in the spec's order.
func (s *Spec) live(states map[probe]state, present map[netip.Addr]bool) [][]Target {
	out := make([][]Target, len(s.Ports))
	for i, p := range s.Ports {
		for _, t := range p.Targets {
			if ok, _ := s.healthy(p, t, states, present); ok {
				out[i] = append(out[i], t)
			}
		}
	}
	return out
}
