package config

import (
	"strings"
	"testing"
)

const good = `{"id":"t","rootless":false,
"regions":[{"name":"sa-east-1","index":1},{"name":"canadacentral","index":2}],
"users":[{"name":"sao","index":1,"region":"sa-east-1","lastMileMs":5},{"name":"mtl","index":2,"region":"canadacentral","lastMileMs":4}],
"operator":{"region":"canadacentral","lastMileMs":7.5},"clouds":{"oneWayMs":1},
"links":[{"from":"sa-east-1","to":"canadacentral","oneWayMs":60,"jitterPct":2,"lossPct":0,"kbit":0,"cut":false},
{"from":"canadacentral","to":"sa-east-1","oneWayMs":61}],
"doors":{"connectSecret":"s"}}`

func TestSitesAndDelays(t *testing.T) {
	f, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]Site{}
	for _, s := range f.Sites() {
		at[s.Name] = s
	}
	if a := at["users-mtl"]; a.Prefix.String() != "198.19.102.0/24" || a.Addrs[0].String() != "198.19.102.2" || a.Addrs[1].String() != "198.19.102.53" {
		t.Errorf("users-mtl: %+v", a)
	}
	if a := at["sa-east-1"]; a.Addrs[0].String() != "198.18.1.2" {
		t.Errorf("sa-east-1: %+v", a)
	}
	if a := at["clouds"]; len(a.Addrs) != 4 || a.Addrs[3].String() != "198.19.0.53" {
		t.Errorf("clouds: %+v", a)
	}
	for _, c := range []struct {
		from, to string
		want     float64
	}{
		{"sa-east-1", "canadacentral", 60}, {"canadacentral", "sa-east-1", 61},
		{"users-sao", "canadacentral", 65}, {"users-sao", "users-mtl", 69}, {"users-sao", "sa-east-1", 5.3},
		{"operator", "sa-east-1", 68.5}, {"operator", "canadacentral", 7.8},
		{"clouds", "sa-east-1", 1}, {"operator", "clouds", 8.5},
	} {
		l := f.Between(at[c.from], at[c.to])
		if diff := l.OneWayMs - c.want; diff > 1e-9 || diff < -1e-9 || l.From != c.from || l.To != c.to {
			t.Errorf("%s to %s: %+v, want %v ms", c.from, c.to, l, c.want)
		}
	}
	if l := f.Between(at["users-sao"], at["canadacentral"]); l.JitterPct != 2 {
		t.Errorf("jitter of the ocean is lost: %+v", l)
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	bad := `{"id":"","wanDevice":"tap","regions":[{"name":"sa-east-1","index":1},{"name":"Bad Name","index":1},{"name":"operator","index":300},{"name":"sa-east-1","index":4}],
"users":[{"name":"x","index":156,"region":"sa-eest-1","lastMileMs":-1}],
"operator":{"region":"nowhere","lastMileMs":0},"clouds":{"oneWayMs":70000},
"links":[{"from":"sa-east-1","to":"sa-east-1","oneWayMs":-5,"jitterPct":101,"lossPct":-1,"kbit":-1}],"doors":{}}`
	_, err := Parse([]byte(bad))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"id: missing", `wanDevice: "tap" is not`, `regions[1].name: "Bad Name"`, `regions[1].index: 1 is already the index of "sa-east-1"`,
		`regions[2].name: "operator" is taken`, "regions[2].index: 300", `regions[3].name: "sa-east-1" is given twice`,
		"users[0].index: 156", `users[0].region: unknown region "sa-eest-1", did you mean "sa-east-1"?`, "users[0].lastMileMs: -1",
		`operator.region: unknown region "nowhere"`, "clouds.oneWayMs: 70000",
		"links[0]: a link needs two different regions", "links[0].oneWayMs: -5", "links[0].jitterPct: 101", "links[0].lossPct: -1", "links[0].kbit: -1",
		"links: no link from sa-east-1 to operator", "doors.connectSecret: missing",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing fault %q in\n%v", want, err)
		}
	}
}

func TestUnknownKeyIsRefused(t *testing.T) {
	if _, err := Parse([]byte(strings.Replace(good, `"kbit"`, `"kbits"`, 1))); err == nil || !strings.Contains(err.Error(), "kbits") {
		t.Errorf("error %v, want one that names the key", err)
	}
}

func TestSeedFollowsFromID(t *testing.T) {
	a, b := &File{ID: "one"}, &File{ID: "two"}
	if a.DrawSeed() == b.DrawSeed() || a.DrawSeed() != (&File{ID: "one"}).DrawSeed() {
		t.Error("seed does not follow from the id alone")
	}
	given := uint64(9)
	a.Seed = &given
	if a.DrawSeed() != 9 {
		t.Error("given seed is not used")
	}
}
