// Package metrics serves metrics.k8s.io for one cluster, as metrics-server does: it asks the kubelets what
// their machines and containers use and answers from the last two looks.
package metrics

import (
	"sync"
	"time"

	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// shortest is the least time between two points that a rate is taken from.
const shortest = 5 * time.Second

// reading is one look at a counter.
type reading struct {
	at     time.Time
	start  time.Time
	cpu    uint64 // nanoseconds since the start
	memory uint64 // bytes
}

// Use is what something used, averaged over the window that ends at At.
type Use struct {
	At     time.Time
	Window time.Duration
	// NanoCores is the rate of CPU time: 1e9 is one core.
	NanoCores uint64
	// Memory is the working set in bytes at At.
	Memory uint64
}

// series keeps the last two readings of one counter.
type series struct{ before, last *reading }

// add takes a reading unless it is of the same moment, or too soon for a rate.
func (s *series) add(r reading) {
	if s.last != nil {
		if r.start.After(s.last.start) || r.cpu < s.last.cpu {
			*s = series{} // another life of the same name: its counter began at zero
		} else if r.at.Sub(s.last.at) < shortest {
			return
		}
	}
	s.before, s.last = s.last, &r
}

// use is the rate between the readings. A young counter needs one only: it was zero at its start.
func (s *series) use() (Use, bool) {
	if s.last == nil {
		return Use{}, false
	}
	from := s.before
	if from == nil {
		from = &reading{at: s.last.start}
	}
	window := s.last.at.Sub(from.at)
	if window < shortest || s.before == nil && window > 2*Period {
		return Use{}, false
	}
	rate := float64(s.last.cpu-from.cpu) / window.Seconds()
	return Use{At: s.last.at, Window: window.Round(time.Millisecond), NanoCores: uint64(rate), Memory: s.last.memory}, true
}

// PodKey names a pod.
type PodKey struct{ Namespace, Name string }

type containerKey struct {
	pod            PodKey
	uid, container string
}

// Window is what is known of a cluster: safe for use by many.
type Window struct {
	mu         sync.Mutex
	nodes      map[string]*series
	containers map[containerKey]*series
	home       map[containerKey]string // the node a container was last seen on
}

// NewWindow makes an empty one.
func NewWindow() *Window {
	return &Window{nodes: map[string]*series{}, containers: map[containerKey]*series{}, home: map[containerKey]string{}}
}

// Add takes what a node's kubelet said; containers it no longer speaks of are forgotten.
func (w *Window) Add(node string, s *statsapi.Summary) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r, ok := read(s.Node.StartTime.Time, s.Node.CPU, s.Node.Memory); ok {
		into(w.nodes, node).add(r)
	}
	seen := map[containerKey]bool{}
	for _, p := range s.Pods {
		for _, c := range p.Containers {
			r, ok := read(c.StartTime.Time, c.CPU, c.Memory)
			if !ok {
				continue
			}
			k := containerKey{PodKey{p.PodRef.Namespace, p.PodRef.Name}, p.PodRef.UID, c.Name}
			into(w.containers, k).add(r)
			w.home[k], seen[k] = node, true
		}
	}
	for k, at := range w.home {
		if at == node && !seen[k] {
			delete(w.home, k)
			delete(w.containers, k)
		}
	}
}

// Keep forgets the nodes that are not in the list, and what ran on them.
func (w *Window) Keep(nodes map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.nodes {
		if !nodes[n] {
			delete(w.nodes, n)
		}
	}
	for k, n := range w.home {
		if !nodes[n] {
			delete(w.home, k)
			delete(w.containers, k)
		}
	}
}

// Node is what a node uses.
func (w *Window) Node(name string) (Use, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.nodes[name]
	if s == nil {
		return Use{}, false
	}
	return s.use()
}

// Pod is what the containers of a pod use, by name; nothing while one of them has no rate yet, because a sum
// over some of them would mislead an autoscaler.
func (w *Window) Pod(p PodKey) map[string]Use {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]Use{}
	for k, s := range w.containers {
		if k.pod != p {
			continue
		}
		u, ok := s.use()
		if !ok {
			return nil
		}
		out[k.container] = u
	}
	return out
}

func into[K comparable](m map[K]*series, k K) *series {
	if m[k] == nil {
		m[k] = &series{}
	}
	return m[k]
}

func read(start time.Time, c *statsapi.CPUStats, m *statsapi.MemoryStats) (reading, bool) {
	if c == nil || m == nil || c.UsageCoreNanoSeconds == nil || m.WorkingSetBytes == nil {
		return reading{}, false
	}
	return reading{at: c.Time.Time, start: start, cpu: *c.UsageCoreNanoSeconds, memory: *m.WorkingSetBytes}, true
}
