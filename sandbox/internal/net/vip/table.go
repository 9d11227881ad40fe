package vip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	interval = time.Second
	patience = 700 * time.Millisecond // two rounds of silence end within 3 s
)

// Router is what a table needs from its namespace.
type Router interface {
	// Load hands rules to `nft -f -`; all of them take effect or none.
	Load(rules string) error
	// Forget drops the tracked flows that match.
	Forget(match func(*netlink.ConntrackFlow) bool) error
	// Dial connects from the router; numeric addresses only.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// Table holds the load balancer addresses of one region's router.
type Table struct {
	nat    netip.Addr
	router Router
	logf   func(format string, a ...any)

	mu      sync.Mutex
	vips    map[netip.Addr]*entry
	present map[netip.Addr]bool
}

type entry struct {
	spec    Spec
	states  map[probe]state
	applied string
	kick    chan struct{}
	stop    context.CancelFunc
}

// NewTable makes an empty table for the router whose NAT address is nat.
func NewTable(nat netip.Addr, r Router, logf func(string, ...any)) *Table {
	return &Table{nat: nat, router: r, logf: logf, vips: map[netip.Addr]*entry{}, present: map[netip.Addr]bool{}}
}

// Init loads the base rules.
func (t *Table) Init() error { return t.router.Load(baseRules(t.nat)) }

// Has says whether ip is a load balancer address.
func (t *Table) Has(ip netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.vips[ip] != nil
}

// Presence tells which machines exist; targets elsewhere are down at once.
func (t *Table) Presence(machines map[netip.Addr]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.present = machines
	for _, e := range t.vips {
		if err := t.apply(e); err != nil {
			t.logf("vip %s: %v", e.spec.IP, err)
		}
		e.ask()
	}
}

func (e *entry) ask() {
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

// Set adds or replaces an address and returns after its first round of checks.
// What is known about targets that stay is kept.
func (t *Table) Set(s Spec) error {
	if f := s.Faults(); len(f) > 0 {
		return errors.New(strings.Join(f, "; "))
	}
	t.mu.Lock()
	e := t.vips[s.IP]
	fresh := e == nil
	ctx := context.Background()
	if fresh {
		e = &entry{states: map[probe]state{}, kick: make(chan struct{}, 1)}
		ctx, e.stop = context.WithCancel(ctx)
		t.vips[s.IP] = e
	}
	e.spec = s
	known := e.states
	e.states = map[probe]state{}
	for p := range s.probes() {
		e.states[p] = known[p]
	}
	err := t.apply(e)
	t.mu.Unlock()
	if err != nil {
		return fmt.Errorf("vip %s: %w", s.IP, err)
	}
	err = t.round(e)
	if fresh {
		go t.check(ctx, e, s.IP)
	}
	return err
}

// Remove takes an address away with its flows; it says whether there was one.
func (t *Table) Remove(ip netip.Addr) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.vips[ip]
	if e == nil {
		return false, nil
	}
	e.stop()
	delete(t.vips, ip)
	if err := t.router.Load(removeRules(ip)); err != nil {
		return true, err
	}
	return true, t.forget(&Spec{IP: ip}, nil)
}

// apply brings the rules in line with what is known; t.mu is held.
func (t *Table) apply(e *entry) error {
	live := e.spec.live(e.states, t.present)
	rules := setRules(&e.spec, live)
	if rules == e.applied {
		return nil
	}
	if err := t.router.Load(rules); err != nil {
		return err
	}
	e.applied = rules
	return t.forget(&e.spec, live)
}

// forget cuts the flows whose target is not (or no longer) alive.
func (t *Table) forget(s *Spec, live [][]Target) error {
	type flow struct {
		proto uint8
		port  uint16
		to    Target
	}
	good := map[flow]bool{}
	for i, targets := range live {
		for _, to := range targets {
			good[flow{protoNumber(s.Ports[i].Proto), s.Ports[i].Port, to}] = true
		}
	}
	return t.router.Forget(func(c *netlink.ConntrackFlow) bool {
		dst, _ := netip.AddrFromSlice(c.Forward.DstIP)
		src, _ := netip.AddrFromSlice(c.Reverse.SrcIP)
		return dst.Unmap() == s.IP && !good[flow{c.Forward.Protocol, c.Forward.DstPort, Target{src.Unmap(), c.Reverse.SrcPort}}]
	})
}

func protoNumber(p string) uint8 {
	if p == "udp" {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

func (t *Table) check(ctx context.Context, e *entry, ip netip.Addr) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-e.kick:
		}
		if err := t.round(e); err != nil {
			t.logf("vip %s: %v", ip, err)
		}
	}
}

// round asks all probes at once and applies what it learned.
func (t *Table) round(e *entry) error {
	t.mu.Lock()
	var path string
	if e.spec.Check != nil {
		path = e.spec.Check.Path
	}
	asked := make([]probe, 0, len(e.states))
	for p := range e.states {
		if t.present[p.ip] {
			asked = append(asked, p)
		}
	}
	t.mu.Unlock()
	results := make([]error, len(asked))
	var wg sync.WaitGroup
	for i, p := range asked {
		wg.Go(func() { results[i] = t.ask(p, path) })
	}
	wg.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.vips[e.spec.IP] != e {
		return nil // removed meanwhile
	}
	for i, p := range asked {
		if old, ok := e.states[p]; ok {
			e.states[p] = old.note(results[i], errors.Is(results[i], unix.ECONNREFUSED))
		}
	}
	return t.apply(e)
}

func (t *Table) ask(p probe, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address := netip.AddrPortFrom(p.ip, p.port).String()
	if path == "" {
		c, err := t.router.Dial(ctx, "tcp", address)
		if err == nil {
			c.Close()
		}
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DialContext: t.router.Dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d", path, res.StatusCode)
	}
	return nil
}

// TargetView is a target with its health.
type TargetView struct {
	Target
	Healthy bool   `json:"healthy"`
	Why     string `json:"why,omitempty"` // why not
}

// PortView is a port with the health of its targets.
type PortView struct {
	Proto   string       `json:"proto"`
	Port    uint16       `json:"port"`
	Targets []TargetView `json:"targets"`
}

// View of a load balancer address.
type View struct {
	IP     netip.Addr `json:"ip"`
	Region string     `json:"region"`
	Ports  []PortView `json:"ports"`
}

// Views lists all addresses in order.
func (t *Table) Views() []View {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]View, 0, len(t.vips))
	for _, e := range t.vips {
		v := View{IP: e.spec.IP, Region: e.spec.Region, Ports: []PortView{}}
		for _, p := range e.spec.Ports {
			pv := PortView{Proto: p.Proto, Port: p.Port, Targets: []TargetView{}}
			for _, to := range p.Targets {
				ok, why := e.spec.healthy(p, to, e.states, t.present)
				pv.Targets = append(pv.Targets, TargetView{to, ok, why})
			}
			v.Ports = append(v.Ports, pv)
		}
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].IP.Less(out[j].IP) })
	return out
}
