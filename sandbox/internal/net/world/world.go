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
	w := &World{file: f, log: log, factory: factory, sites: f.Sites(), spaces: map[string]*ns.Space{},
		severed: map[string]bool{}, regions: map[string]*region{}, machines: map[string]*machine{}}
	w.ports = portMaker{factory: factory, device: f.WAN}
	ports := make([]*wan.Port, len(w.sites))
	for i, s := range w.sites {
		if ports[i], err = w.buildSite(s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	names, prefixes := make([]string, len(w.sites)), make([][2]byte, len(w.sites))
	for i, s := range w.sites {
		a := s.Prefix.Addr().As4()
		names[i], prefixes[i] = s.Name, [2]byte{a[1], a[2]}
	}
	if w.wan, err = wan.New(ports, names, prefixes, f.DrawSeed()); err != nil {
		return nil, err
	}
	w.links = make([][]config.Link, len(w.sites))
	for i, a := range w.sites {
		for _, b := range w.sites {
			w.links[i] = append(w.links[i], f.Between(a, b))
		}
	}
	if err := w.apply(); err != nil {
		return nil, err
	}
	go w.wan.Run()
	return w, nil
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
	s, ok := w.spaces[site]
	return s, ok
}

// Resolver of the site: its own for users, the clouds' name server otherwise.
func (w *World) Resolver(site string) netip.Addr {
	for _, s := range w.sites {
		if s.Name == site && s.Kind == config.KindUsers {
			return s.Addrs[1]
		}
	}
	return netip.AddrFrom4([4]byte{198, 19, 0, 53})
}
