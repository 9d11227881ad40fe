package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/ns"
)

// twoTargets asks for 198.18.1.100:80 (tcp and udp) with two machines behind it.
func twoTargets(check string) string {
	const targets = `"targets":[{"ip":"10.10.0.11","port":30080},{"ip":"10.10.0.12","port":30080}]`
	return `{"do":"vip","ip":"198.18.1.100","region":"sa-east-1","ports":[{"proto":"tcp","port":80,` + targets +
		`},{"proto":"udp","port":80,` + targets + `}]` + check + `}`
}

func TestVipKeepsTheClientAndFailsOver(t *testing.T) {
	w := start(t, netJSON)
	one := serve(t, w.machine("sao-1", sao, "10.10.0.11", ""), "10.10.0.11:30080", "one")
	serve(t, w.machine("sao-2", sao, "10.10.0.12", ""), "10.10.0.12:30080", "two")
	w.ask(twoTargets(""))
	users := w.space("users-sao")
	for _, network := range []string{"tcp", "udp"} {
		seen := map[string]bool{}
		for range 30 {
			tag, client := words(call(users, network, "198.18.1.100:80", time.Second))
			seen[tag] = true
			expect(t, network+": client seen by "+tag, client, "198.19.101.2")
		}
		if !seen["one"] || !seen["two"] {
			t.Errorf("%s: targets used: %v", network, seen)
		}
	}
	// Open flows that lie on target one, then its process dies.
	held := map[string]net.Conn{}
	for _, network := range []string{"tcp", "udp"} {
		for held[network] == nil {
			c, err := users.Dial(context.Background(), network, "198.18.1.100:80")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if tag, _ := words(talk(c, time.Second)); tag == "one" {
				held[network] = c
			}
		}
	}
	one.stop()
	at := time.Now()
	if !eventually(3*time.Second, func() bool { tag, _ := words(talk(held["udp"], 200*time.Millisecond)); return tag == "two" }) {
		t.Error("udp: the flow is not with target two after 3 s")
	}
	t.Logf("udp: the flow moved after %v", time.Since(at).Round(time.Millisecond))
	for range 20 {
		tag, _ := words(call(users, "tcp", "198.18.1.100:80", time.Second))
		expect(t, "tcp after the fall", tag, "two")
	}
	if time.Since(at) > 4*time.Second {
		t.Errorf("fail-over took %v", time.Since(at))
	}
}

// A machine that is gone answers nothing at all, not even a refusal.
func TestVipCutsFlowsToALostMachine(t *testing.T) {
	w := start(t, netJSON)
	serve(t, w.machine("sao-1", sao, "10.10.0.11", ""), "10.10.0.11:30080", "one")
	w.ask(twoTargets(""))
	users := w.space("users-sao")
	c, err := users.Dial(context.Background(), "tcp", "198.18.1.100:80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if tag, _ := words(talk(c, time.Second)); tag != "one" {
		t.Fatalf("answered by %q", tag)
	}
	serve(t, w.machine("sao-2", sao, "10.10.0.12", ""), "10.10.0.12:30080", "two")
	if !eventually(3*time.Second, func() bool {
		tag, _ := words(call(users, "tcp", "198.18.1.100:80", 300*time.Millisecond))
		return tag == "two"
	}) {
		t.Fatal("a target that came up is not used")
	}
	at := time.Now()
	w.ask(`{"do":"machineGone","name":"sao-1"}`)
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	_, err = c.Write([]byte("x"))
	if err == nil {
		_, err = c.Read(make([]byte, 10))
	}
	if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
		t.Errorf("the old connection lives on: %v", err)
	}
	t.Logf("the old connection ended after %v: %v", time.Since(at).Round(time.Millisecond), err)
	expect(t, "new connection", call(users, "tcp", "198.18.1.100:80", time.Second), "two 198.19.101.2")
	w.ask(`{"do":"vipGone","ip":"198.18.1.100"}`)
	if got := call(users, "tcp", "198.18.1.100:80", 300*time.Millisecond); got != "" {
		t.Errorf("a removed address answers %q", got)
	}
	if r := w.ask(`{"do":"vipGone","ip":"198.18.1.100"}`); r["existed"] != false {
		t.Errorf("removed twice: %v", r)
	}
}

func TestVipHTTPCheck(t *testing.T) {
	w := start(t, netJSON)
	var code [2]atomic.Int32
	for i, ip := range []string{"10.10.0.11", "10.10.0.12"} {
		m := w.machine(fmt.Sprintf("sao-%d", i), sao, ip, "")
		serve(t, m, ip+":30080", fmt.Sprint(i))
		code[i].Store(200)
		var l net.Listener
		if err := m.Do(func() (err error) { l, err = net.Listen("tcp4", ip+":31000"); return err }); err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			_ = http.Serve(l, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/healthz" {
					rw.WriteHeader(404)
					return
				}
				rw.WriteHeader(int(code[i].Load()))
			}))
		}()
	}
	code[0].Store(503)
	w.ask(twoTargets(`,"check":{"port":31000,"path":"/healthz"}`))
	users := w.space("users-sao")
	for range 10 {
		for _, network := range []string{"tcp", "udp"} {
			tag, _ := words(call(users, network, "198.18.1.100:80", time.Second))
			expect(t, network+" with target 0 at 503", tag, "1")
		}
	}
	code[0].Store(200)
	code[1].Store(500)
	if !eventually(3*time.Second, func() bool {
		tag, _ := words(call(users, "udp", "198.18.1.100:80", 300*time.Millisecond))
		return tag == "0"
	}) {
		t.Error("no change of target within 3 s")
	}
}

func TestVipFromInside(t *testing.T) {
	w := start(t, netJSON)
	nodes := []*ns.Space{w.machine("sao-1", sao, "10.10.0.11", ""), w.machine("sao-2", sao, "10.10.0.12", "")}
	serve(t, nodes[0], "10.10.0.11:30080", "one")
	serve(t, nodes[1], "10.10.0.12:30080", "two")
	far := w.machine("mtl-1", mtl, "10.10.0.11", "") // the same private address in another region
	w.ask(twoTargets(""))
	pod := podOn(t, nodes[0])
	for what, c := range map[string]struct {
		from   *ns.Space
		client string
	}{
		"node of the region": {nodes[0], "198.18.1.2"}, "pod of the region": {pod, "198.18.1.2"},
		"node of another region": {far, "198.18.2.2"},
	} {
		for _, network := range []string{"tcp", "udp"} {
			seen := map[string]bool{}
			for range 16 {
				tag, client := words(call(c.from, network, "198.18.1.100:80", 2*time.Second))
				seen[tag] = true
				expect(t, what+", "+network+", client seen by "+tag, client, c.client)
			}
			if !seen["one"] || !seen["two"] {
				t.Errorf("%s, %s: targets used: %v", what, network, seen)
			}
		}
	}
}

// podOn makes a pod: a namespace behind the node, which masquerades it.
func podOn(t *testing.T, node *ns.Space) *ns.Space {
	t.Helper()
	var fd int
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		made <- err
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	pod := &ns.Space{Record: ns.Record{Name: "pod"}, FD: fd}
	t.Cleanup(func() { unix.Close(fd) })
	plug := func(s *ns.Space, dev, address, gateway string) {
		t.Helper()
		err := s.Do(func() error {
			l, err := netlink.LinkByName(dev)
			if err != nil {
				return err
			}
			a, err := netlink.ParseAddr(address)
			if err == nil {
				err = netlink.AddrAdd(l, a)
			}
			if err == nil {
				err = netlink.LinkSetUp(l)
			}
			if err == nil && gateway != "" {
				err = netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := node.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "pod0"
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(netns.NsHandle(fd))})
	}); err != nil {
		t.Fatal(err)
	}
	plug(node, "pod0", "10.244.0.1/24", "")
	plug(pod, "eth0", "10.244.0.2/24", "10.244.0.1")
	rules := "table ip m {\n chain p {\n type nat hook postrouting priority srcnat\n ip saddr 10.244.0.0/24 oif eth0 masquerade\n }\n}\n"
	if err := node.Run(rules, "nft", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	return pod
}
