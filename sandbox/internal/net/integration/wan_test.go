package integration

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestDelaysBetweenSites(t *testing.T) {
	w := start(t, netJSON)
	serve(t, w.machine("mtl-1", mtl, "10.10.0.11", "198.18.2.10"), "198.18.2.10:7000", "mtl")
	serve(t, w.machine("sao-1", sao, "10.10.0.11", "198.18.1.10"), "198.18.1.10:7000", "sao")
	node := w.machine("sao-2", sao, "10.10.0.12", "")
	for _, c := range []struct {
		from, to string
		want     float64 // ms
	}{
		{"users-sao", "198.18.2.10:7000", 130}, {"users-sao", "198.18.1.10:7000", 10.6},
		{"operator", "198.18.2.10:7000", 15.6}, {"operator", "198.18.1.10:7000", 135},
		{"clouds", "198.18.1.10:7000", 2}, {"sao-2", "198.18.2.10:7000", 120},
	} {
		got := rtt(t, w.space(c.from), c.to, 6)
		ms := float64(got) / float64(time.Millisecond)
		t.Logf("%s to %s: %.2f ms (set %.1f)", c.from, c.to, ms, c.want)
		if ms < c.want || ms > c.want+2 {
			t.Errorf("%s to %s: %.2f ms, want %.1f to %.1f", c.from, c.to, ms, c.want, c.want+2)
		}
	}
	expect(t, "a machine behind the NAT gateway", call(node, "tcp", "198.18.2.10:7000", time.Second), "mtl 198.18.1.2")
	w.ask(`{"do":"link","from":"users-sao","to":"canadacentral","both":true,"oneWayMs":20}`)
	if ms := rtt(t, w.space("users-sao"), "198.18.2.10:7000", 4); ms < 40*time.Millisecond || ms > 42*time.Millisecond {
		t.Errorf("after a change to 20 ms one way: %v", ms)
	}
}

func TestCutPartitionAndHeal(t *testing.T) {
	w := start(t, netJSON)
	serve(t, w.machine("mtl-1", mtl, "10.10.0.11", "198.18.2.10"), "198.18.2.10:7000", "mtl")
	serve(t, w.machine("sao-1", sao, "10.10.0.11", "198.18.1.10"), "198.18.1.10:7000", "sao")
	users, operator := w.space("users-sao"), w.space("operator")
	reach := func(what string, toMtl, toSao bool) {
		t.Helper()
		if got := call(users, "udp", "198.18.2.10:7000", 400*time.Millisecond) != ""; got != toMtl {
			t.Errorf("%s: users-sao reaches mtl: %v", what, got)
		}
		if got := call(users, "udp", "198.18.1.10:7000", 400*time.Millisecond) != ""; got != toSao {
			t.Errorf("%s: users-sao reaches sao: %v", what, got)
		}
	}
	reach("at first", true, true)
	w.ask(`{"do":"link","from":"canadacentral","to":"users-sao","cut":true}`) // one way: the answers
	reach("one direction cut", false, true)
	w.ask(`{"do":"link","from":"canadacentral","to":"users-sao","reset":true}`)
	reach("healed", true, true)
	if n := w.ask(`{"do":"link","from":"sa-east-1","to":"canadacentral","wide":true,"both":true,"cut":true}`)["links"]; n != 12.0 {
		t.Errorf("the ocean between two regions has %v links, want 12 (2 sites there, 3 here, both ways)", n)
	}
	reach("ocean cut", false, true)
	w.ask(`{"do":"link","from":"*","to":"*","reset":true}`)
	w.ask(`{"do":"partition","site":"sa-east-1","on":true}`)
	reach("region partitioned", true, false)
	if call(operator, "udp", "198.18.1.10:7000", 400*time.Millisecond) != "" {
		t.Error("the operator reaches a partitioned region")
	}
	w.ask(`{"do":"partition","site":"sa-east-1","on":false}`)
	reach("after the partition", true, true)
	for request, want := range map[string]string{
		`{"do":"link","from":"sa-esat-1","to":"*","cut":true}`:             `unknown site "sa-esat-1", did you mean "sa-east-1"?`,
		`{"do":"link","from":"sa-east-1","to":"*","lossPct":101}`:          "lossPct: 101 is not within",
		`{"do":"partition","site":"nowhere","on":true}`:                    `unknown site "nowhere"`,
		`{"do":"link","from":"sa-east-1","to":"sa-east-1","oneWayMs":1}`:   "no link from",
		`{"do":"link","from":"users-sao","to":"*","wide":true,"cut":true}`: "unknown site",
	} {
		if got := fmt.Sprint(w.try(request)["error"]); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}

// A rate must hold for TCP too, whose packets would otherwise cross as one of 64 KB.
func TestRateHoldsForTCP(t *testing.T) {
	w := start(t, netJSON)
	m := w.machine("sao-1", sao, "10.10.0.11", "198.18.1.10")
	w.ask(`{"do":"link","from":"users-sao","to":"sa-east-1","kbit":8000}`)
	var l net.Listener
	if err := m.Do(func() (err error) { l, err = net.Listen("tcp4", "198.18.1.10:7001"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	took := make(chan time.Duration, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		at := time.Now()
		_, _ = io.Copy(io.Discard, c)
		took <- time.Since(at)
	}()
	c, err := w.space("users-sao").Dial(t.Context(), "tcp", "198.18.1.10:7001")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Write(make([]byte, 1_000_000)) // 1 s at 8 Mbit/s
	c.Close()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-took:
		t.Logf("1 MB in %v", d)
		if d < 900*time.Millisecond || d > 2500*time.Millisecond {
			t.Errorf("1 MB at 8 Mbit/s took %v", d)
		}
	case <-time.After(8 * time.Second):
		t.Error("1 MB at 8 Mbit/s did not arrive in 8 s")
	}
}

func TestNothingElseIsReachable(t *testing.T) {
	w := start(t, netJSON)
	serve(t, w.machine("mtl-1", mtl, "10.10.0.77", ""), "10.10.0.77:7000", "mtl")
	w.machine("sao-1", sao, "10.10.0.11", "")
	for _, c := range [][2]string{{"sao-1", "10.10.0.77:7000"}, {"operator", "10.10.0.77:7000"}, {"operator", "192.0.2.1:80"}, {"users-sao", "192.0.2.1:80"}} {
		if got := call(w.space(c[0]), "tcp", c[1], 400*time.Millisecond); got != "" {
			t.Errorf("%s reaches %s: %s", c[0], c[1], got)
		}
	}
}
