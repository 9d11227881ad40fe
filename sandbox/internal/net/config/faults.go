package config

import (
	"fmt"
	"math"
	"regexp"
)

var nameRe = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

// ValidName says whether s can name a region, a user group or a machine
// (it becomes a file name, so it is kept narrow).
func ValidName(s string) bool { return nameRe.MatchString(s) }

type faults struct {
	list    []string
	regions map[string]bool
}

func (x *faults) add(path, format string, a ...any) {
	x.list = append(x.list, path+": "+fmt.Sprintf(format, a...))
}

// Faults lists everything wrong with the file, each with its path. Empty = good.
func (f *File) Faults() []string {
	x := &faults{regions: map[string]bool{}}
	if f.ID == "" {
		x.add("id", "missing")
	}
	switch f.WAN {
	case "", "auto", "tun", "packet":
	default:
		x.add("wanDevice", `%q is not "auto", "tun" or "packet"`, f.WAN)
	}
	x.checkRegions(f.Regions)
	x.checkUsers(f.Users)
	x.region("operator.region", f.Operator.Region)
	x.ms("operator.lastMileMs", f.Operator.LastMileMs)
	x.ms("clouds.oneWayMs", f.Clouds.OneWayMs)
	x.checkLinks(f)
	if f.Doors.ConnectSecret == "" {
		x.add("doors.connectSecret", "missing: the connect door needs a secret")
	}
	return x.list
}

func (x *faults) checkRegions(rs []Region) {
	if len(rs) == 0 {
		x.add("regions", "none given")
	}
	index := map[int]string{}
	for i, r := range rs {
		p := fmt.Sprintf("regions[%d]", i)
		switch {
		case !ValidName(r.Name):
			x.add(p+".name", "%q is not a name (a-z 0-9 . _ -)", r.Name)
		case r.Name == "clouds" || r.Name == "operator" || r.Name == "wan" || len(r.Name) > 6 && r.Name[:6] == "users-":
			x.add(p+".name", "%q is taken by the sandbox itself", r.Name)
		case x.regions[r.Name]:
			x.add(p+".name", "%q is given twice", r.Name)
		}
		x.regions[r.Name] = true
		x.index(p, r.Index, 255, r.Name, index)
	}
}

func (x *faults) checkUsers(us []Users) {
	names, index := map[string]bool{}, map[int]string{}
	for i, u := range us {
		p := fmt.Sprintf("users[%d]", i)
		switch {
		case !ValidName(u.Name):
			x.add(p+".name", "%q is not a name (a-z 0-9 . _ -)", u.Name)
		case names[u.Name]:
			x.add(p+".name", "%q is given twice", u.Name)
		}
		names[u.Name] = true
		x.index(p, u.Index, 155, u.Name, index)
		x.region(p+".region", u.Region)
		x.ms(p+".lastMileMs", u.LastMileMs)
	}
}

func (x *faults) index(p string, i, limit int, name string, seen map[int]string) {
	if i < 1 || i > limit {
		x.add(p+".index", "%d is not within 1..%d", i, limit)
		return
	}
	if other, ok := seen[i]; ok {
		x.add(p+".index", "%d is already the index of %q", i, other)
	}
	seen[i] = name
}

func (x *faults) region(p, name string) {
	if x.regions[name] {
		return
	}
	if near := Nearest(name, keys(x.regions)); near != "" {
		x.add(p, "unknown region %q, did you mean %q?", name, near)
		return
	}
	x.add(p, "unknown region %q", name)
}

func (x *faults) ms(p string, v float64) {
	if math.IsNaN(v) || v < 0 || v > 60000 {
		x.add(p, "%v is not within 0..60000 ms", v)
	}
}

func (x *faults) checkLinks(f *File) {
	seen := map[[2]string]bool{}
	for i, l := range f.Links {
		p := fmt.Sprintf("links[%d]", i)
		x.region(p+".from", l.From)
		x.region(p+".to", l.To)
		if l.From == l.To {
			x.add(p, "a link needs two different regions, both are %q", l.From)
		}
		if seen[[2]string{l.From, l.To}] {
			x.add(p, "%s to %s is given twice", l.From, l.To)
		}
		seen[[2]string{l.From, l.To}] = true
		for _, s := range l.Faults() {
			x.list = append(x.list, p+"."+s)
		}
	}
	for _, a := range f.Regions {
		for _, b := range f.Regions {
			if a.Name != b.Name && !seen[[2]string{a.Name, b.Name}] {
				x.add("links", "no link from %s to %s", a.Name, b.Name)
			}
		}
	}
}

// Faults lists the values of a link that are out of range.
func (l Link) Faults() []string {
	x := &faults{}
	x.ms("oneWayMs", l.OneWayMs)
	for _, p := range []struct {
		name string
		v    float64
	}{{"jitterPct", l.JitterPct}, {"lossPct", l.LossPct}} {
		if math.IsNaN(p.v) || p.v < 0 || p.v > 100 {
			x.add(p.name, "%v is not within 0..100 %%", p.v)
		}
	}
	if l.Kbit < 0 {
		x.add("kbit", "%d is negative", l.Kbit)
	}
	return x.list
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// Nearest returns the candidate closest to s by edit distance, or "" when none is close.
func Nearest(s string, candidates []string) string {
	best, at := "", 1+len(s)/3
	for _, c := range candidates {
		if d := distance(s, c); d < at || d == at && best != "" && c < best {
			best, at = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := prev
			if a[i-1] != b[j-1] {
				cost++
			}
			prev = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
