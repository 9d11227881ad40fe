package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// grow writes another net.json and has it taken.
func (w *world) grow(spec string) map[string]any {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "net.json"), fmt.Appendf(nil, spec, w.id), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.try(`{"do":"grow"}`)
}

// A region and its users come while connections go on, and bent links stay bent.
func TestWorldGrowsWhileItRuns(t *testing.T) {
	w := start(t, netJSON)
	serve(t, w.machine("mtl-1", mtl, "10.10.0.11", "198.18.2.10"), "198.18.2.10:7000", "mtl")
	users := w.space("users-sao")
	long, err := users.Dial(context.Background(), "tcp", "198.18.2.10:7000")
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	expect(t, "before", talk(long, time.Second), "mtl 198.19.101.2")
	w.ask(`{"do":"link","from":"users-sao","to":"canadacentral","both":true,"oneWayMs":20}`)

	const fra = `{"from":"eu-central-1","to":"%s","oneWayMs":50},{"from":"%s","to":"eu-central-1","oneWayMs":50},`
	more := strings.Replace(netJSON, `"links":[`, `"links":[`+fmt.Sprintf(strings.Repeat(fra, 3), sao, sao, mtl, mtl, syd, syd), 1)
	more = strings.Replace(more, `,"index":3}]`, `,"index":3},{"name":"eu-central-1","index":4}]`, 1)
	more = strings.Replace(more, `"users":[`, `"users":[{"name":"fra","index":3,"region":"eu-central-1","lastMileMs":5},`, 1)
	got := w.grow(more)
	expect(t, "new sites", fmt.Sprint(got["sites"]), "[eu-central-1 users-fra]")
	expect(t, "the connection from before", talk(long, time.Second), "mtl 198.19.101.2")
	if ms := rtt(t, users, "198.18.2.10:7000", 4); ms < 40*time.Millisecond || ms > 44*time.Millisecond {
		t.Errorf("the bent link after the growth: %v", ms)
	}
	serve(t, w.machine("fra-1", "eu-central-1", "10.10.0.11", "198.18.4.10"), "198.18.4.10:7000", "fra")
	fresh := w.space("users-fra")
	expect(t, "from the old world", call(users, "tcp", "198.18.4.10:7000", time.Second), "fra 198.19.101.2")
	expect(t, "from the new users", call(fresh, "tcp", "198.18.2.10:7000", time.Second), "mtl 198.19.103.2")
	if ms := rtt(t, fresh, "198.18.2.10:7000", 4); ms < 110*time.Millisecond || ms > 114*time.Millisecond {
		t.Errorf("new users to mtl: %v, want 110 ms", ms)
	}
	expect(t, "the same once more", fmt.Sprint(w.grow(more)["sites"]), "[]")
	for why, wrong := range map[string]string{
		"eu-central-1 is there and must stay": netJSON,
		"users-mtl is there and must stay":    strings.Replace(more, `"name":"mtl","index":2`, `"name":"mtl","index":9`, 1),
		"net.json":                            `{`,
	} {
		if got := fmt.Sprint(w.grow(wrong)["error"]); !strings.Contains(got, why) {
			t.Errorf("%s, want %s", got, why)
		}
	}
	expect(t, "after refusals", talk(long, time.Second), "mtl 198.19.101.2")
}
