package runtime

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	rt "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

const (
	// clockTick is the unit of times in /proc/<pid>/stat on every Linux, in nanoseconds.
	clockTick = 10_000_000
	// memoryPeriod is how often memory limits are looked at, in place of the kernel's cgroup.
	memoryPeriod = 300 * time.Millisecond
)

// Usage is what a process and its descendants use: CPU in nanoseconds; memory of their own in bytes, which
// leaves out mapped files, because the kernel can drop those at any time.
type Usage struct{ CPU, Memory uint64 }

// UsageOf reads /proc for a process tree.
func UsageOf(pid int) Usage {
	var sum Usage
	eachProcess(pid, func(pid int) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		statm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		sum.CPU += parseStat(stat)
		sum.Memory += parseStatm(statm, uint64(os.Getpagesize()))
	})
	return sum
}

// ownMemory counts pages shared between the processes of a tree once; it costs a walk of their page tables.
func ownMemory(pid int) uint64 {
	var sum uint64
	eachProcess(pid, func(pid int) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(b)) {
			var kib uint64
			if n, _ := fmt.Sscanf(line, "Pss_Anon: %d kB", &kib); n == 1 {
				sum += kib << 10
			}
		}
	})
	return sum
}

func eachProcess(pid int, f func(int)) {
	f(pid)
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		kids, _ := os.ReadFile(t)
		for k := range strings.FieldsSeq(string(kids)) {
			if n, err := strconv.Atoi(k); err == nil {
				eachProcess(n, f)
			}
		}
	}
}

// parseStat returns CPU time in nanoseconds; the name field may hold spaces and brackets.
func parseStat(b []byte) uint64 {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 || end+2 > len(b) {
		return 0
	}
	f := strings.Fields(string(b[end+2:]))
	if len(f) < 15 {
		return 0
	}
	// Its own user and system time, and that of the children it has waited for: a sum must not fall when one ends.
	var sum uint64
	for _, ticks := range f[11:15] {
		n, err := strconv.ParseUint(ticks, 10, 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return sum * clockTick
}

// parseStatm returns resident memory less what is shared with files, in bytes.
func parseStatm(b []byte, page uint64) uint64 {
	var size, resident, shared uint64
	if _, err := fmt.Sscan(string(b), &size, &resident, &shared); err != nil || shared > resident {
		return 0
	}
	return (resident - shared) * page
}

func value(v uint64) *rt.UInt64Value { return &rt.UInt64Value{Value: v} }

// usage is that of the container's own programs and of those that exec brought in.
func (r *Runtime) usage(c *container) Usage {
	pids, sum := r.roots(c)
	for _, pid := range pids {
		u := UsageOf(pid)
		sum.CPU += u.CPU
		sum.Memory += u.Memory
	}
	return sum
}

// roots are the first processes of a container, and what ended ones used.
func (r *Runtime) roots(c *container) ([]int, Usage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pids := []int{c.cmd.Process.Pid}
	for pid := range c.guests {
		pids = append(pids, pid)
	}
	return pids, Usage{CPU: c.spent}
}

func (r *Runtime) stats(c *container) *rt.ContainerStats {
	u := r.usage(c)
	now := time.Now().UnixNano()
	return &rt.ContainerStats{
		Attributes:    &rt.ContainerAttributes{Id: c.id, Metadata: c.cfg.Metadata, Labels: c.cfg.Labels, Annotations: c.cfg.Annotations},
		Cpu:           &rt.CpuUsage{Timestamp: now, UsageCoreNanoSeconds: value(u.CPU)},
		Memory:        &rt.MemoryUsage{Timestamp: now, WorkingSetBytes: value(u.Memory), UsageBytes: value(u.Memory), RssBytes: value(u.Memory)},
		WritableLayer: &rt.FilesystemUsage{Timestamp: now, FsId: &rt.FilesystemIdentifier{Mountpoint: r.opts.Dir}, UsedBytes: value(0), InodesUsed: value(0)},
	}
}

func (r *Runtime) running() []*container {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*container
	for _, c := range r.containers {
		if c.state == rt.ContainerState_CONTAINER_RUNNING {
			out = append(out, c)
		}
	}
	return out
}

// ContainerStats measures one container.
func (r *Runtime) ContainerStats(_ context.Context, id string) (*rt.ContainerStats, error) {
	for _, c := range r.running() {
		if c.id == id {
			return r.stats(c), nil
		}
	}
	return nil, notFound("running container", id)
}

// ListContainerStats measures all running containers.
func (r *Runtime) ListContainerStats(_ context.Context, f *rt.ContainerStatsFilter) ([]*rt.ContainerStats, error) {
	var out []*rt.ContainerStats
	for _, c := range r.running() {
		if f != nil && (f.Id != "" && f.Id != c.id || f.PodSandboxId != "" && f.PodSandboxId != c.podID || !matches(f.LabelSelector, c.cfg.Labels)) {
			continue
		}
		out = append(out, r.stats(c))
	}
	return out, nil
}

// watchMemory stands in for the kernel's memory cgroup: it kills a container above its limit.
func (r *Runtime) watchMemory(ctx context.Context) {
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range r.running() {
			r.enforce(c)
		}
	}
}

func (r *Runtime) enforce(c *container) {
	r.mu.Lock()
	limit := c.memoryLimit
	r.mu.Unlock()
	if limit <= 0 {
		return
	}
	used := r.usage(c).Memory
	if used <= uint64(limit) {
		return
	}
	// A forked snapshot shares its pages with its parent: count them once before judging.
	used = 0
	pids, _ := r.roots(c)
	for _, pid := range pids {
		used += ownMemory(pid)
	}
	if used <= uint64(limit) {
		return
	}
	klog.Infof("container %s of pod %s uses %d MiB of %d: killed", c.cfg.GetMetadata().GetName(), c.podID[:12], used>>20, limit>>20)
	r.mu.Lock()
	c.oom = true
	r.mu.Unlock()
	_ = c.cmd.Process.Kill()
}

func unimplemented(what string) error {
	return status.Error(codes.Unimplemented, what+" are not offered")
}

// PodSandboxStats is not offered; the kubelet adds up containers.
func (r *Runtime) PodSandboxStats(context.Context, string) (*rt.PodSandboxStats, error) {
	return nil, unimplemented("pod statistics")
}

// ListPodSandboxStats is not offered; the kubelet adds up containers.
func (r *Runtime) ListPodSandboxStats(context.Context, *rt.PodSandboxStatsFilter) ([]*rt.PodSandboxStats, error) {
	return nil, nil
}

// ListMetricDescriptors is not offered.
func (r *Runtime) ListMetricDescriptors(context.Context) ([]*rt.MetricDescriptor, error) {
	return nil, nil
}

// ListPodSandboxMetrics is not offered.
func (r *Runtime) ListPodSandboxMetrics(context.Context) ([]*rt.PodSandboxMetrics, error) {
	return nil, nil
}
