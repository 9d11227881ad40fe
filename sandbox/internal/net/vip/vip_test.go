package vip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	one, two = netip.MustParseAddr("10.10.0.11"), netip.MustParseAddr("10.10.0.12")
	vipAddr  = netip.MustParseAddr("198.18.1.100")
)

func spec() Spec {
	return Spec{IP: vipAddr, Region: "r", Ports: []Port{
		{Proto: "tcp", Port: 80, Targets: []Target{{one, 30080}, {two, 30080}}},
		{Proto: "udp", Port: 53, Targets: []Target{{one, 30053}, {two, 30053}}}}}
}

// fakeRouter is a router whose targets listen as `up` says.
type fakeRouter struct {
	mu    sync.Mutex
	up    map[string]bool
	rules string
	flows []*netlink.ConntrackFlow
}

func (f *fakeRouter) Load(rules string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = rules
	return nil
}

func (f *fakeRouter) Forget(match func(*netlink.ConntrackFlow) bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var left []*netlink.ConntrackFlow
	for _, c := range f.flows {
		if !match(c) {
			left = append(left, c)
		}
	}
	f.flows = left
	return nil
}

func (f *fakeRouter) Dial(_ context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.up[address] {
		return nil, unix.ECONNREFUSED
	}
	a, b := net.Pipe()
	b.Close()
	return a, nil
}

func (f *fakeRouter) see() (string, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rules, len(f.flows)
}

func flow(proto uint8, port uint16, to netip.Addr, toPort uint16) *netlink.ConntrackFlow {
	c := &netlink.ConntrackFlow{}
	c.Forward.Protocol, c.Forward.DstIP, c.Forward.DstPort = proto, vipAddr.AsSlice(), port
	c.Reverse.SrcIP, c.Reverse.SrcPort = to.AsSlice(), toPort
	return c
}

func TestTableFollowsHealthAndPresence(t *testing.T) {
	f := &fakeRouter{up: map[string]bool{"10.10.0.11:30080": true, "10.10.0.12:30080": true}}
	tab := NewTable(netip.MustParseAddr("198.18.1.2"), f, t.Logf)
	tab.Presence(map[netip.Addr]bool{one: true, two: true})
	if err := tab.Set(spec()); err != nil {
		t.Fatal(err)
	}
	defer tab.Remove(vipAddr)
	rules, _ := f.see()
	if !strings.Contains(rules, "tcp dport 80 dnat ip to numgen random mod 2 map { 0 : 10.10.0.11 . 30080, 1 : 10.10.0.12 . 30080 }") ||
		!strings.Contains(rules, "udp dport 53 dnat ip to numgen random mod 2 map { 0 : 10.10.0.11 . 30053, 1 : 10.10.0.12 . 30053 }") {
		t.Errorf("after the first round:\n%s", rules)
	}
	f.mu.Lock()
	f.flows = []*netlink.ConntrackFlow{
		flow(unix.IPPROTO_TCP, 80, one, 30080), flow(unix.IPPROTO_TCP, 80, two, 30080),
		flow(unix.IPPROTO_UDP, 53, one, 30053), flow(unix.IPPROTO_UDP, 53, two, 30053)}
	f.up["10.10.0.12:30080"] = false
	f.mu.Unlock()
	if !within(3*time.Second, func() bool { r, n := f.see(); return !strings.Contains(r, "10.10.0.12") && n == 2 }) {
		rules, flows := f.see()
		t.Errorf("machine two refuses: %d flows left, want the 2 to the healthy machine\n%s", flows, rules)
	}
	tab.Presence(map[netip.Addr]bool{two: true}) // machine one vanishes: at once, before any check
	if rules, flows := f.see(); strings.Contains(rules, "10.10.0.11") || flows != 0 {
		t.Errorf("after the machine is gone: %d flows\n%s", flows, rules)
	}
	f.mu.Lock()
	f.up["10.10.0.12:30080"] = true
	f.mu.Unlock()
	if !within(3*time.Second, func() bool { r, _ := f.see(); return strings.Contains(r, "10.10.0.12 . 30053") }) {
		t.Error("machine two came up and is not used")
	}
}

func within(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

func TestJudgement(t *testing.T) {
	silent := errors.New("timeout")
	s := state{}.note(nil, false)
	if s = s.note(silent, false); !s.up {
		t.Error("one silence is enough to fall")
	}
	if s = s.note(silent, false); s.up {
		t.Error("two silences are not enough to fall")
	}
	if s = s.note(nil, false); !s.up || s.why != "" {
		t.Error("a success does not heal")
	}
	if s = s.note(unix.ECONNREFUSED, true); s.up {
		t.Error("a refused connection is not enough to fall")
	}
}

func TestHealthByCheckPort(t *testing.T) {
	s := spec()
	s.Check = &Check{Port: 31000, Path: "/healthz"}
	if p := s.probes(); len(p) != 2 || !p[probe{one, 31000}] {
		t.Errorf("probes %v", p)
	}
	states := map[probe]state{{one, 31000}: {asked: true, up: true}, {two, 31000}: {asked: true, why: "503"}}
	all := map[netip.Addr]bool{one: true, two: true}
	live := s.live(states, all)
	if len(live[0]) != 1 || live[0][0].IP != one || len(live[1]) != 1 || live[1][0].IP != one {
		t.Errorf("live %v", live)
	}
	if ok, why := s.healthy(s.Ports[0], s.Ports[0].Targets[1], states, all); ok || why != "503" {
		t.Errorf("%v %q", ok, why)
	}
}

func TestUDPAloneLivesWithItsMachine(t *testing.T) {
	s := spec()
	s.Ports = s.Ports[1:]
	live := s.live(map[probe]state{}, map[netip.Addr]bool{one: true})
	if len(live[0]) != 1 || live[0][0].IP != one {
		t.Errorf("live %v", live)
	}
}

func TestNoHealthyTargetMeansNoRule(t *testing.T) {
	s := spec()
	if r := setRules(&s, make([][]Target, 2)); strings.Contains(r, "dnat") {
		t.Error(r)
	}
}

func TestFaults(t *testing.T) {
	s := Spec{Ports: []Port{{Proto: "sctp", Targets: []Target{{}}}, {Proto: "tcp", Port: 1}, {Proto: "tcp", Port: 1}}, Check: &Check{Path: "x"}}
	got := strings.Join(s.Faults(), "\n")
	for _, want := range []string{"ip:", "ports[0].proto", "ports[0].port", "ports[0].targets[0]", "ports[2]: tcp 1 is given twice", "check.port", "check.path"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
}
