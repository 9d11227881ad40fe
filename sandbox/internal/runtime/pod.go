package runtime

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	rt "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tradewind.dev/sandbox/internal/shim"
)

// pod is a sandbox: a process that holds the namespaces its containers share.
type pod struct {
	id      string
	cfg     *rt.PodSandboxConfig
	created time.Time
	ready   bool
	hostNet bool
	ip      netip.Addr
	ports   []hostPort
	pause   *exec.Cmd
}

func (p *pod) state() rt.PodSandboxState {
	if p.ready {
		return rt.PodSandboxState_SANDBOX_READY
	}
	return rt.PodSandboxState_SANDBOX_NOTREADY
}

// resolvFile is the pod's resolv.conf on the host.
func (r *Runtime) resolvFile(podID string) string { return filepath.Join(r.opts.Dir, podID+".resolv") }

// RunPodSandbox makes the namespaces and the network of a pod.
func (r *Runtime) RunPodSandbox(_ context.Context, cfg *rt.PodSandboxConfig, _ string) (string, error) {
	p := &pod{id: newID(), cfg: cfg, created: time.Now(), ready: true}
	p.hostNet = cfg.GetLinux().GetSecurityContext().GetNamespaceOptions().GetNetwork() == rt.NamespaceMode_NODE
	if cfg.LogDirectory != "" {
		if err := os.MkdirAll(cfg.LogDirectory, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(r.resolvFile(p.id), []byte(resolvConf(cfg.GetDnsConfig())), 0o644); err != nil {
		return "", err
	}
	if err := r.startPause(p); err != nil {
		return "", err
	}
	if !p.hostNet {
		if err := r.connect(p); err != nil {
			_ = p.pause.Process.Kill()
			return "", fmt.Errorf("pod network: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pods[p.id] = p
	if len(p.ports) == 0 {
		return p.id, nil
	}
	if err := r.openPorts(); err != nil {
		delete(r.pods, p.id)
		_ = p.pause.Process.Kill()
		unplug(p.id)
		r.net.free(p.ip)
		return "", err
	}
	return p.id, nil
}

func (r *Runtime) startPause(p *pod) error {
	o, err := r.newOrder(shim.VerbPause, shim.Pause{Hostname: r.hostname(p, p.cfg), Sysctls: ipcSysctls(p.cfg.GetLinux().GetSysctls())}, 0)
	if err != nil {
		return err
	}
	o.cmd.SysProcAttr.Setsid = true
	o.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	if !p.hostNet {
		o.cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
	}
	if err := o.start(r.spawner); err != nil {
		return err
	}
	p.pause = o.cmd
	go func() { _ = o.cmd.Wait() }()
	if why := o.complaint(); why != "" {
		return fmt.Errorf("pod namespaces: %s", why)
	}
	return nil
}

// hostname is the pod's own, or the machine's for a pod on its network.
func (r *Runtime) hostname(p *pod, cfg *rt.PodSandboxConfig) string {
	if p.hostNet && cfg.GetHostname() == "" {
		return r.opts.Hostname
	}
	return cfg.GetHostname()
}

func (r *Runtime) connect(p *pod) error {
	r.mu.Lock()
	n := r.net
	if n == nil {
		r.mu.Unlock()
		return fmt.Errorf("the node has no pod range yet")
	}
	ip, err := n.take()
	r.mu.Unlock()
	if err != nil {
		return err
	}
	p.ip = ip
	p.ports, err = hostPorts(p)
	if err == nil {
		err = n.plug(p)
	}
	if err != nil {
		unplug(p.id)
		r.mu.Lock()
		n.free(ip)
		r.mu.Unlock()
		return err
	}
	return nil
}

func resolvConf(d *rt.DNSConfig) string {
	var b strings.Builder
	for _, s := range d.GetServers() {
		fmt.Fprintln(&b, "nameserver", s)
	}
	if s := d.GetSearches(); len(s) > 0 {
		fmt.Fprintln(&b, "search", strings.Join(s, " "))
	}
	if o := d.GetOptions(); len(o) > 0 {
		fmt.Fprintln(&b, "options", strings.Join(o, " "))
	}
	return b.String()
}

// StopPodSandbox kills the containers of a pod and gives its address back.
func (r *Runtime) StopPodSandbox(ctx context.Context, id string) error {
	for _, c := range r.containersOf(id) {
		if err := r.StopContainer(ctx, c.id, 0); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pods[id]
	if p == nil || !p.ready {
		return nil
	}
	p.ready = false
	_ = p.pause.Process.Kill() // gone already is as good
	if !p.ip.IsValid() {
		return nil
	}
	unplug(id)
	r.net.free(p.ip)
	if len(p.ports) == 0 {
		return nil
	}
	return r.openPorts()
}

// RemovePodSandbox forgets a pod and its containers.
func (r *Runtime) RemovePodSandbox(ctx context.Context, id string) error {
	if err := r.StopPodSandbox(ctx, id); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pods, id)
	for key, c := range r.containers {
		if c.podID == id {
			delete(r.containers, key)
		}
	}
	_ = os.Remove(r.resolvFile(id))
	return nil
}

func (r *Runtime) containersOf(podID string) []*container {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*container
	for _, c := range r.containers {
		if c.podID == podID {
			out = append(out, c)
		}
	}
	return out
}

// PodSandboxStatus describes a pod.
func (r *Runtime) PodSandboxStatus(_ context.Context, id string, _ bool) (*rt.PodSandboxStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pods[id]
	if p == nil {
		return nil, notFound("pod sandbox", id)
	}
	s := &rt.PodSandboxStatus{
		Id: id, Metadata: p.cfg.Metadata, State: p.state(), CreatedAt: nanos(p.created),
		Labels: p.cfg.Labels, Annotations: p.cfg.Annotations, Network: &rt.PodSandboxNetworkStatus{},
		Linux: &rt.LinuxPodSandboxStatus{Namespaces: &rt.Namespace{Options: p.cfg.GetLinux().GetSecurityContext().GetNamespaceOptions()}},
	}
	if p.ip.IsValid() {
		s.Network.Ip = p.ip.String()
	}
	return &rt.PodSandboxStatusResponse{Status: s, Timestamp: time.Now().UnixNano()}, nil
}

// ListPodSandbox lists pods.
func (r *Runtime) ListPodSandbox(_ context.Context, f *rt.PodSandboxFilter) ([]*rt.PodSandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*rt.PodSandbox
	for _, p := range r.pods {
		if !podFits(p, f) {
			continue
		}
		out = append(out, &rt.PodSandbox{Id: p.id, Metadata: p.cfg.Metadata, State: p.state(), CreatedAt: nanos(p.created),
			Labels: p.cfg.Labels, Annotations: p.cfg.Annotations})
	}
	return out, nil
}

func podFits(p *pod, f *rt.PodSandboxFilter) bool {
	if f == nil {
		return true
	}
	return (f.Id == "" || f.Id == p.id) && (f.State == nil || f.State.State == p.state()) && matches(f.LabelSelector, p.cfg.Labels)
}
