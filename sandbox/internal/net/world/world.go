// Package world builds the simulated Internet out of namespaces, devices and
// rules, and changes it while it runs. It is what the control socket drives.
package world

import (
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"sync"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/ns"
	"tradewind.dev/sandbox/internal/net/wan"
)

// World is the running network. Its methods may be called from any goroutine.
type World struct {
	file    *config.File
	log     io.Writer
	factory *ns.Factory
	sites   []config.Site
	spaces  map[string]*ns.Space // by site
	ports   portMaker
	wan     *wan.Router

	mu       sync.Mutex
	links    [][]config.Link // [from][to], as set now
	severed  map[string]bool // partitioned sites
	regions  map[string]*region
	machines map[string]*machine
}

// Build makes every site and starts the WAN.
func Build(dir string, f *config.File, log io.Writer) (*World, error) {
	factory, err := ns.NewFactory(filepath.Join(dir, "run", "ns"), f.ID, f.Rootless, log)
	if err != nil {
		return nil, err
	}
	w := &World{file: f, log: log, factory: factory, spaces: map[string]*ns.Space{},
		severed: map[string]bool{}, regions: map[string]*region{}, machines: map[string]*machine{}}
	w.ports = portMaker{factory: factory, device: f.WAN}
	lines, err := w.raise(f.Sites())
	if err != nil {
		return nil, err
	}
	if w.wan, err = wan.New(lines.ports, lines.names, lines.prefixes, f.DrawSeed()); err != nil {
		return nil, err
	}
	w.connect(f.Sites())
	if err := w.apply(); err != nil {
		return nil, err
	}
	go w.wan.Run()
	return w, nil
}

// lines are the ends of new sites at the WAN, one entry per site in each field.
type lines struct {
	ports    []*wan.Port
	names    []string
	prefixes [][2]byte
}

// raise makes the namespaces and ports of new sites.
func (w *World) raise(sites []config.Site) (lines, error) {
	var l lines
	for _, s := range sites {
		port, err := w.buildSite(s)
		if err != nil {
			return l, fmt.Errorf("%s: %w", s.Name, err)
		}
		a := s.Prefix.Addr().As4()
		l.ports, l.names, l.prefixes = append(l.ports, port), append(l.names, s.Name), append(l.prefixes, [2]byte{a[1], a[2]})
	}
	return l, nil
}

// connect takes new sites among those that are there, with the links of the file; what was set for others stays.
func (w *World) connect(sites []config.Site) {
	w.sites = append(w.sites, sites...)
	for i, a := range w.sites {
		if i == len(w.links) {
			w.links = append(w.links, nil)
		}
		for _, b := range w.sites[len(w.links[i]):] {
			w.links[i] = append(w.links[i], w.file.Between(a, b))
		}
	}
}

func (w *World) buildSite(s config.Site) (*wan.Port, error) {
	space, err := w.factory.Make(s.Name)
	if err != nil {
		return nil, err
	}
	w.spaces[s.Name] = space
	port, err := w.ports.open(space)
	if err != nil {
		return nil, err
	}
	if err := address(space, s); err != nil {
		return nil, err
	}
	if s.Kind == config.KindRegion {
		r, err := newRegion(s, space, w.logf)
		if err != nil {
			return nil, err
		}
		w.regions[s.Name] = r
	}
	return port, nil
}

func (w *World) logf(format string, a ...any) {
	fmt.Fprintf(w.log, "tw-net: "+format+"\n", a...)
}

// Space finds a site's namespace.
func (w *World) Space(site string) (*ns.Space, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.spaces[site]
	return s, ok
}

// Resolver of the site: its own for users, the clouds' name server otherwise.
func (w *World) Resolver(site string) netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sites {
		if s.Name == site && s.Kind == config.KindUsers {
			return s.Addrs[1]
		}
	}
	return netip.AddrFrom4([4]byte{198, 19, 0, 53})
}
