package runtime

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	rt "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tradewind.dev/sandbox/internal/image"
	"tradewind.dev/sandbox/internal/shim"
)

// container is one process with its own files. Fields below cmd change under the runtime's lock.
type container struct {
	id     string
	podID  string
	cfg    *rt.ContainerConfig
	podCfg *rt.PodSandboxConfig
	image  *image.Image
	output *output
	done   chan struct{}
	user   shim.User

	cmd         *exec.Cmd
	stdin       *stdin
	env         []string
	state       rt.ContainerState
	created     time.Time
	started     time.Time
	finished    time.Time
	exit        int32
	reason      string
	message     string
	oom         bool
	memoryLimit int64
	// guests are programs of exec that run in the container, spent is the CPU time of those that ended.
	guests map[int]bool
	spent  uint64
}

// CreateContainer prepares a container; nothing runs yet.
func (r *Runtime) CreateContainer(_ context.Context, podID string, cfg *rt.ContainerConfig, podCfg *rt.PodSandboxConfig) (string, error) {
	img := r.opts.Images.Get(cfg.Image.Image)
	if img == nil {
		return "", notFound("image", cfg.Image.Image)
	}
	c := &container{
		id: newID(), podID: podID, cfg: cfg, podCfg: podCfg, image: img, created: time.Now(),
		state: rt.ContainerState_CONTAINER_CREATED, done: make(chan struct{}),
		memoryLimit: cfg.GetLinux().GetResources().GetMemoryLimitInBytes(),
	}
	logPath := ""
	if podCfg.LogDirectory != "" && cfg.LogPath != "" {
		logPath = filepath.Join(podCfg.LogDirectory, cfg.LogPath)
	}
	c.output = newOutput(logPath)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pods[podID] == nil {
		return "", notFound("pod sandbox", podID)
	}
	r.containers[c.id] = c
	return c.id, nil
}

// StopContainer asks the first process to end and kills it after timeout seconds.
func (r *Runtime) StopContainer(_ context.Context, id string, timeout int64) error {
	r.mu.Lock()
	c := r.containers[id]
	running := c != nil && c.state == rt.ContainerState_CONTAINER_RUNNING
	r.mu.Unlock()
	if !running {
		return nil
	}
	if timeout > 0 {
		_ = c.cmd.Process.Signal(c.stopSignal())
		select {
		case <-c.done:
			return nil
		case <-time.After(time.Duration(timeout) * time.Second):
		}
	}
	_ = c.cmd.Process.Kill()
	select {
	case <-c.done:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("container %s does not end", id)
	}
}

func (c *container) stopSignal() syscall.Signal {
	if s := c.cfg.GetStopSignal(); s != rt.Signal_RUNTIME_DEFAULT {
		if n := signalNumber(s.String()); n != 0 {
			return n
		}
	}
	return syscall.SIGTERM
}

// RemoveContainer forgets a container.
func (r *Runtime) RemoveContainer(ctx context.Context, id string) error {
	if err := r.StopContainer(ctx, id, 0); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.containers, id)
	return nil
}

// ListContainers lists containers.
func (r *Runtime) ListContainers(_ context.Context, f *rt.ContainerFilter) ([]*rt.Container, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*rt.Container
	for _, c := range r.containers {
		if !containerFits(c, f) {
			continue
		}
		out = append(out, &rt.Container{Id: c.id, PodSandboxId: c.podID, Metadata: c.cfg.Metadata, Image: c.cfg.Image,
			ImageRef: c.image.ID, ImageId: c.image.ID, State: c.state, CreatedAt: nanos(c.created), Labels: c.cfg.Labels, Annotations: c.cfg.Annotations})
	}
	return out, nil
}

func containerFits(c *container, f *rt.ContainerFilter) bool {
	if f == nil {
		return true
	}
	return (f.Id == "" || f.Id == c.id) && (f.PodSandboxId == "" || f.PodSandboxId == c.podID) &&
		(f.State == nil || f.State.State == c.state) && matches(f.LabelSelector, c.cfg.Labels)
}

// ContainerStatus describes a container.
func (r *Runtime) ContainerStatus(_ context.Context, id string, _ bool) (*rt.ContainerStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[id]
	if c == nil {
		return nil, notFound("container", id)
	}
	name := c.cfg.Image.UserSpecifiedImage
	if name == "" {
		name = c.image.Ref.String()
	}
	s := &rt.ContainerStatus{
		Id: id, Metadata: c.cfg.Metadata, State: c.state, ExitCode: c.exit, Reason: c.reason, Message: c.message,
		CreatedAt: nanos(c.created), StartedAt: nanos(c.started), FinishedAt: nanos(c.finished),
		Image:    &rt.ImageSpec{Image: name, UserSpecifiedImage: c.cfg.Image.UserSpecifiedImage},
		ImageRef: c.image.Ref.Name + "@" + c.image.ID, ImageId: c.image.ID, Labels: c.cfg.Labels, Annotations: c.cfg.Annotations,
		Mounts: c.cfg.Mounts, LogPath: c.output.path,
	}
	return &rt.ContainerStatusResponse{Status: s}, nil
}

// ReopenContainerLog starts a new log file after the kubelet moved the old one.
func (r *Runtime) ReopenContainerLog(_ context.Context, id string) error {
	c, err := r.container(id)
	if err != nil {
		return err
	}
	return c.output.reopen()
}
