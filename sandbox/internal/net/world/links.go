package world

import (
	"fmt"
	"strings"
	"time"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/wan"
)

// LinkChange changes links. From and To are sites or "*". Without Wide it means
// exactly the links between these sites, and OneWayMs is their whole one-way
// delay, last miles included. With Wide, From and To are regions and every link
// between any two sites located there changes (the ocean between them), OneWayMs
// being the delay between the regions, to which last miles are added.
type LinkChange struct {
	From      string   `json:"from"`
	To        string   `json:"to"`
	Both      bool     `json:"both,omitempty"`
	Wide      bool     `json:"wide,omitempty"`
	Reset     bool     `json:"reset,omitempty"` // back to net.json first
	OneWayMs  *float64 `json:"oneWayMs,omitempty"`
	JitterPct *float64 `json:"jitterPct,omitempty"`
	LossPct   *float64 `json:"lossPct,omitempty"`
	Kbit      *int64   `json:"kbit,omitempty"`
	Cut       *bool    `json:"cut,omitempty"`
}

// Link applies a change to every link that it names and returns how many.
// Nothing changes when any value is out of range.
func (w *World) Link(c LinkChange) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range []string{c.From, c.To} {
		if s != "*" && !w.known(s, c.Wide) {
			return 0, w.unknownSite("site", s)
		}
	}
	next := map[[2]int]config.Link{}
	for i, a := range w.sites {
		for j, b := range w.sites {
			if i == j || !(c.matches(a, b) || c.Both && c.matches(b, a)) {
				continue
			}
			l := w.changed(c, i, j)
			if f := l.Faults(); len(f) > 0 {
				return 0, fmt.Errorf("link %s to %s: %s", a.Name, b.Name, strings.Join(f, "; "))
			}
			next[[2]int{i, j}] = l
		}
	}
	if len(next) == 0 {
		return 0, fmt.Errorf("no link from %q to %q", c.From, c.To)
	}
	for k, l := range next {
		w.links[k[0]][k[1]] = l
	}
	return len(next), w.apply()
}

func (w *World) changed(c LinkChange, i, j int) config.Link {
	a, b := w.sites[i], w.sites[j]
	l := w.links[i][j]
	if c.Reset {
		l = w.file.Between(a, b)
	}
	if c.OneWayMs != nil {
		l.OneWayMs = *c.OneWayMs
		if c.Wide {
			l.OneWayMs += a.LastMileMs + b.LastMileMs
		}
	}
	set(&l.JitterPct, c.JitterPct)
	set(&l.LossPct, c.LossPct)
	set(&l.Kbit, c.Kbit)
	set(&l.Cut, c.Cut)
	return l
}

func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}

func (c LinkChange) matches(a, b config.Site) bool {
	one := func(want string, s config.Site) bool {
		return want == "*" || want == s.Name || c.Wide && want == s.Region
	}
	return one(c.From, a) && one(c.To, b)
}

func (w *World) known(name string, wide bool) bool {
	for _, s := range w.sites {
		if s.Name == name && (!wide || s.Kind == config.KindRegion) {
			return true
		}
	}
	return false
}

func (w *World) unknownSite(what, name string) error {
	var names []string
	for _, s := range w.sites {
		if what != "region" || s.Kind == config.KindRegion {
			names = append(names, s.Name)
		}
	}
	if near := config.Nearest(name, names); near != "" {
		return fmt.Errorf("unknown %s %q, did you mean %q?", what, name, near)
	}
	return fmt.Errorf("unknown %s %q (known: %s)", what, name, strings.Join(names, " "))
}

// Partition cuts a site off from all others, or heals it. Cuts of single links stay.
func (w *World) Partition(site string, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known(site, false) {
		return w.unknownSite("site", site)
	}
	w.severed[site] = on
	return w.apply()
}

// apply hands the links as they are set now to the WAN.
func (w *World) apply() error {
	for i, a := range w.sites {
		for j, b := range w.sites {
			if i == j {
				continue
			}
			l := w.links[i][j]
			w.wan.Set(i, j, wan.Settings{
				OneWay: time.Duration(l.OneWayMs * float64(time.Millisecond)),
				Jitter: l.JitterPct / 100, Loss: l.LossPct / 100, Kbit: l.Kbit,
				Cut: l.Cut || w.severed[a.Name] || w.severed[b.Name],
			})
		}
	}
	return w.wan.Applied()
}
