package node

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	cadvisorapi "github.com/google/cadvisor/info/v1"
	cadvisorapiv2 "github.com/google/cadvisor/info/v2"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/kubelet/cadvisor"
	"k8s.io/kubernetes/pkg/kubelet/cm"

	"tradewind.dev/sandbox/internal/runtime"
)

// facts stands in for cAdvisor: the machine is what its spec says, its use is that of this process tree.
type facts struct {
	dir     string
	cpu     int
	memory  uint64
	started time.Time
	os      string
	id      string
}

var _ cadvisor.Interface = (*facts)(nil)

func (f *facts) Start() error { return nil }

// ContainerInfoV2 describes the whole machine whatever is asked: there are no cgroups.
func (f *facts) ContainerInfoV2(name string, _ cadvisorapiv2.RequestOptions) (map[string]cadvisorapiv2.ContainerInfo, error) {
	u := runtime.UsageOf(os.Getpid())
	s := &cadvisorapiv2.ContainerStats{
		Timestamp: time.Now(),
		Cpu:       &cadvisorapi.CpuStats{Usage: cadvisorapi.CpuUsage{Total: u.CPU}},
		CpuInst:   &cadvisorapiv2.CpuInstStats{},
		Memory:    &cadvisorapi.MemoryStats{Usage: u.Memory, WorkingSet: u.Memory, RSS: u.Memory},
	}
	return map[string]cadvisorapiv2.ContainerInfo{name: {
		Spec:  cadvisorapiv2.ContainerSpec{CreationTime: f.started, HasCpu: true, HasMemory: true, Memory: cadvisorapiv2.MemorySpec{Limit: f.memory}},
		Stats: []*cadvisorapiv2.ContainerStats{s, s},
	}}, nil
}

func (f *facts) GetRequestedContainersInfo(string, cadvisorapiv2.RequestOptions) (map[string]*cadvisorapi.ContainerInfo, error) {
	return map[string]*cadvisorapi.ContainerInfo{}, nil
}

func (f *facts) MachineInfo() (*cadvisorapi.MachineInfo, error) {
	return &cadvisorapi.MachineInfo{
		NumCores: f.cpu, NumPhysicalCores: f.cpu, NumSockets: 1, MemoryCapacity: f.memory, MachineID: f.id, SystemUUID: f.id,
		BootID: fmt.Sprint(f.started.UnixNano()), Timestamp: time.Now(),
	}, nil
}

func (f *facts) VersionInfo() (*cadvisorapi.VersionInfo, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, err
	}
	name := f.os
	if name == "" {
		name = "Tradewind sandbox"
	}
	return &cadvisorapi.VersionInfo{KernelVersion: unix.ByteSliceToString(u.Release[:]), ContainerOsVersion: name}, nil
}

func (f *facts) fs() (cadvisorapiv2.FsInfo, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(f.dir, &st); err != nil {
		return cadvisorapiv2.FsInfo{}, err
	}
	size := uint64(st.Bsize)
	return cadvisorapiv2.FsInfo{
		Timestamp: time.Now(), Device: "tradewind", Mountpoint: f.dir, Capacity: st.Blocks * size, Available: st.Bavail * size,
		Usage: (st.Blocks - st.Bfree) * size, Inodes: &st.Files, InodesFree: &st.Ffree,
	}, nil
}

func (f *facts) ImagesFsInfo(context.Context) (cadvisorapiv2.FsInfo, error)    { return f.fs() }
func (f *facts) RootFsInfo() (cadvisorapiv2.FsInfo, error)                     { return f.fs() }
func (f *facts) ContainerFsInfo(context.Context) (cadvisorapiv2.FsInfo, error) { return f.fs() }
func (f *facts) GetDirFsInfo(string) (cadvisorapiv2.FsInfo, error)             { return f.fs() }

// containerManager is the kubelet's stub with a disk, and with a root the eviction manager can name.
type containerManager struct {
	cm.ContainerManager
	disk int64
}

func (c containerManager) GetCapacity(bool) v1.ResourceList {
	return v1.ResourceList{v1.ResourceEphemeralStorage: *resource.NewQuantity(c.disk, resource.BinarySI)}
}

func (c containerManager) GetPodCgroupRoot() string { return "/pods" }

func (c containerManager) NewPodContainerManager() cm.PodContainerManager {
	return podManager{c.ContainerManager.NewPodContainerManager()}
}

type podManager struct{ cm.PodContainerManager }

// GetPodCgroupConfig returns none; an empty one makes the kubelet panic.
func (podManager) GetPodCgroupConfig(*v1.Pod, v1.ResourceName) (*cm.ResourceConfig, error) {
	return nil, nil
}
