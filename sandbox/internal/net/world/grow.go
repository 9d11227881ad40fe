package world

import (
	"fmt"
	"reflect"

	"tradewind.dev/sandbox/internal/net/config"
)

// Grow adds the sites of f that are not there yet, while everything goes on. A file that lacks a site, or has one in
// another place, is refused, and nothing changes. Links that chaos has bent stay bent; what f says of links between old
// sites counts from their next reset on. Returns the names of the new sites.
func (w *World) Grow(f *config.File) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh, err := w.fresh(f)
	if err != nil || len(fresh) == 0 {
		return []string{}, err
	}
	lines, err := w.raise(fresh)
	if err != nil {
		w.forget(fresh)
		return nil, err
	}
	w.file = f
	w.wan.Grow(lines.ports, lines.names, lines.prefixes)
	w.connect(fresh)
	return lines.names, w.apply()
}

// fresh lists the sites that are new. It refuses a file that is not this world and more.
func (w *World) fresh(f *config.File) ([]config.Site, error) {
	known, all := map[string]config.Site{}, f.Sites()
	for _, s := range all {
		known[s.Name] = s
	}
	for _, s := range w.sites {
		if now, ok := known[s.Name]; !ok || !reflect.DeepEqual(now, s) {
			return nil, fmt.Errorf("%s is there and must stay as it is", s.Name)
		}
		delete(known, s.Name)
	}
	var out []config.Site
	for _, s := range all {
		if _, ok := known[s.Name]; !ok {
			continue
		}
		if _, taken := w.machines[s.Name]; taken {
			return nil, fmt.Errorf("%s is a machine", s.Name)
		}
		out = append(out, s)
	}
	return out, nil
}

// forget takes back what raise has made of sites.
func (w *World) forget(sites []config.Site) {
	for _, s := range sites {
		if space := w.spaces[s.Name]; space != nil {
			space.Close()
		}
		delete(w.spaces, s.Name)
		delete(w.regions, s.Name)
	}
}
