package world

import (
	"sort"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/vip"
)

// LinkView is one direction with its settings and its counters since the start
// (packets; bytes of IP packets).
type LinkView struct {
	config.Link
	Partitioned  bool  `json:"partitioned"`
	In           int64 `json:"in"`
	Out          int64 `json:"out"`
	Bytes        int64 `json:"bytes"`
	Lost         int64 `json:"lost"`
	CutDropped   int64 `json:"cutDropped"`
	QueueDropped int64 `json:"queueDropped"`
	QueuedBytes  int64 `json:"queuedBytes"`
	WriteErrors  int64 `json:"writeErrors"`
}

// Stats is everything there is to see.
type Stats struct {
	Links       []LinkView    `json:"links"`
	Partitioned []string      `json:"partitioned"`
	Machines    []MachineSpec `json:"machines"`
	Vips        []vip.View    `json:"vips"`
	Stray       int64         `json:"stray"` // packets that no link takes: private or unknown addresses
}

// Stats reads the world.
func (w *World) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := Stats{Partitioned: []string{}, Machines: []MachineSpec{}, Vips: []vip.View{}, Stray: w.wan.Stray()}
	for i, a := range w.sites {
		if w.severed[a.Name] {
			out.Partitioned = append(out.Partitioned, a.Name)
		}
		for j, b := range w.sites {
			if i == j {
				continue
			}
			c := w.wan.Stats(i, j)
			out.Links = append(out.Links, LinkView{Link: w.links[i][j], Partitioned: w.severed[a.Name] || w.severed[b.Name],
				In: c.In, Out: c.Out, Bytes: c.Bytes, Lost: c.Lost, CutDropped: c.Cut,
				QueueDropped: c.Full, QueuedBytes: c.Queued, WriteErrors: c.WriteErrors})
		}
		if r := w.regions[a.Name]; r != nil {
			out.Vips = append(out.Vips, r.nat.Views()...)
		}
	}
	for _, m := range w.machines {
		out.Machines = append(out.Machines, m.MachineSpec)
	}
	sort.Slice(out.Machines, func(i, j int) bool { return out.Machines[i].Name < out.Machines[j].Name })
	return out
}
