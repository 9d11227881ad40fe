package metrics

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

var zero = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

// point is a summary's figures of one counter: CPU in milliseconds.
func point(seconds float64, cpuMs, memory uint64) (*statsapi.CPUStats, *statsapi.MemoryStats) {
	ns, t := cpuMs*1_000_000, metav1.NewTime(at(seconds))
	return &statsapi.CPUStats{Time: t, UsageCoreNanoSeconds: &ns}, &statsapi.MemoryStats{Time: t, WorkingSetBytes: &memory}
}

func container(name string, start, now float64, cpuMs, memory uint64) statsapi.ContainerStats {
	c, m := point(now, cpuMs, memory)
	return statsapi.ContainerStats{Name: name, StartTime: metav1.NewTime(at(start)), CPU: c, Memory: m}
}

func summary(node statsapi.NodeStats, containers ...statsapi.ContainerStats) *statsapi.Summary {
	s := &statsapi.Summary{Node: node}
	if len(containers) > 0 {
		s.Pods = []statsapi.PodStats{{PodRef: statsapi.PodReference{Name: "web", Namespace: "app", UID: "u1"}, Containers: containers}}
	}
	return s
}

var web = PodKey{"app", "web"}

func TestRateBetweenTwoReadings(t *testing.T) {
	w := NewWindow()
	w.Add("n", summary(statsapi.NodeStats{}, container("c", -100, 0, 1000, 5)))
	if got := w.Pod(web); len(got) != 0 {
		t.Fatalf("one reading of an old container gives no rate: %v", got)
	}
	w.Add("n", summary(statsapi.NodeStats{}, container("c", -100, 10, 3500, 7)))
	got := w.Pod(web)["c"]
	want := Use{At: at(10), Window: 10 * time.Second, NanoCores: 250_000_000, Memory: 7}
	if got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

func TestYoungContainerCountsFromItsStart(t *testing.T) {
	w := NewWindow()
	w.Add("n", summary(statsapi.NodeStats{}, container("c", 0, 8, 4000, 1)))
	if got := w.Pod(web)["c"]; got.NanoCores != 500_000_000 || got.Window != 8*time.Second {
		t.Fatalf("%+v", got)
	}
	w = NewWindow()
	w.Add("n", summary(statsapi.NodeStats{}, container("c", 0, 2, 1900, 1)))
	if got := w.Pod(web); len(got) != 0 {
		t.Fatalf("two seconds of a start say nothing: %v", got)
	}
}

func TestRestartAndTooSoon(t *testing.T) {
	w := NewWindow()
	w.Add("n", summary(statsapi.NodeStats{}, container("c", -100, 0, 9000, 1)))
	w.Add("n", summary(statsapi.NodeStats{}, container("c", -100, 1, 9500, 1)))
	w.Add("n", summary(statsapi.NodeStats{}, container("c", -100, 10, 10000, 1)))
	if got := w.Pod(web)["c"]; got.NanoCores != 100_000_000 {
		t.Fatalf("the reading one second later must not count: %+v", got)
	}
	w.Add("n", summary(statsapi.NodeStats{}, container("c", 12, 20, 800, 1)))
	if got := w.Pod(web)["c"]; got.NanoCores != 100_000_000 || got.Window != 8*time.Second {
		t.Fatalf("a new life counts from its own start: %+v", got)
	}
}

func TestPodWithoutOneContainerIsNotThere(t *testing.T) {
	w := NewWindow()
	w.Add("n", summary(statsapi.NodeStats{}, container("a", 0, 10, 1, 1), container("b", 9, 10, 1, 1)))
	if got := w.Pod(web); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

func TestForgets(t *testing.T) {
	w := NewWindow()
	cpu, mem := point(0, 1000, 3)
	node := statsapi.NodeStats{StartTime: metav1.NewTime(at(-500)), CPU: cpu, Memory: mem}
	w.Add("n", summary(node, container("c", -9, 0, 1, 1)))
	cpu, mem = point(10, 21000, 4)
	node.CPU, node.Memory = cpu, mem
	w.Add("n", summary(node))
	if got := w.Pod(web); len(got) != 0 {
		t.Fatalf("the kubelet no longer speaks of it: %v", got)
	}
	if u, ok := w.Node("n"); !ok || u.NanoCores != 2_000_000_000 || u.Memory != 4 {
		t.Fatalf("%+v %v", u, ok)
	}
	w.Keep(map[string]bool{"other": true})
	if _, ok := w.Node("n"); ok || len(w.home) != 0 {
		t.Fatal("a node that left is still known")
	}
}
