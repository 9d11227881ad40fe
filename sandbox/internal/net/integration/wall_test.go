package integration

import (
	"context"
	"testing"
	"time"

	"tradewind.dev/sandbox/internal/net/ns"
)

const neighbour = `{"do":"machine","name":"two","region":"sa-east-1","ip":"10.11.0.11","cidr":"10.11.0.0/16","public":"198.18.1.11"}`

// Two clusters in one region: one is cut off, the other is not.
func TestIsolatedClusterSpeaksToItselfAlone(t *testing.T) {
	w := start(t, netJSON)
	cp, node := w.machine("cp", sao, "10.10.255.10", "198.18.1.10"), w.machine("node", sao, "10.10.0.11", "")
	w.ask(neighbour)
	two, users, operator, clouds := w.space("two"), w.space("users-sao"), w.space("operator"), w.space("clouds")
	serve(t, cp, "0.0.0.0:443", "api")
	serve(t, node, "10.10.0.11:30080", "pod")
	serve(t, two, "0.0.0.0:443", "two")
	serve(t, clouds, "198.19.0.10:80", "clouds")
	w.ask(`{"do":"vip","ip":"198.18.1.100","region":"sa-east-1","ports":[{"proto":"tcp","port":80,"targets":[{"ip":"10.10.0.11","port":30080}]}]}`)

	type way struct {
		what   string
		from   *ns.Space
		to     string
		inside bool
	}
	ways := []way{
		{"user to load balancer", users, "198.18.1.100:80", false}, {"operator to API", operator, "198.18.1.10:443", false},
		{"neighbour to API", two, "198.18.1.10:443", false}, {"neighbour to load balancer", two, "198.18.1.100:80", false},
		{"neighbour to node", two, "10.10.0.11:30080", false}, {"node to neighbour", node, "10.11.0.11:443", false},
		{"node to clouds", node, "198.19.0.10:80", false}, {"API to clouds", cp, "198.19.0.10:80", false},
		{"node to API", node, "10.10.255.10:443", true}, {"API to node", cp, "10.10.0.11:30080", true},
		{"node to its load balancer", node, "198.18.1.100:80", true}, {"node to the public API", node, "198.18.1.10:443", true},
		{"user to neighbour", users, "198.18.1.11:443", true}, {"neighbour to clouds", two, "198.19.0.10:80", true},
	}
	check := func(when string, cut bool) {
		t.Helper()
		for _, v := range ways {
			wait := 2 * time.Second
			if cut && !v.inside {
				wait = 300 * time.Millisecond
			}
			if got := call(v.from, "tcp", v.to, wait) != ""; got != (v.inside || !cut) {
				t.Errorf("%s: %s: answered %v", when, v.what, got)
			}
		}
	}
	check("before", false)
	held, err := operator.Dial(context.Background(), "tcp", "198.18.1.10:443")
	if err != nil || talk(held, time.Second) == "" {
		t.Fatal(err)
	}
	defer held.Close()
	isolate := func(on string) { w.ask(`{"do":"isolate","region":"sa-east-1","cidr":"10.10.0.0/16","on":` + on + `}`) }
	isolate("true")
	check("isolated", true)
	if talk(held, 300*time.Millisecond) != "" {
		t.Error("an open connection goes on")
	}
	// A machine that comes back is behind the wall.
	w.ask(`{"do":"machineGone","name":"cp"}`)
	cp = w.machine("cp", sao, "10.10.255.10", "198.18.1.10")
	serve(t, cp, "0.0.0.0:443", "api")
	ways[7].from, ways[9].from = cp, cp
	check("machine anew", true)
	isolate("false")
	check("healed", false)
	if got := w.try(`{"do":"isolate","region":"nowhere","cidr":"10.10.0.0/16","on":true}`); got["ok"] == true {
		t.Error("an unknown region is isolated")
	}
}
