package runtime

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	rt "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tradewind.dev/sandbox/internal/shim"
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// StartContainer runs the program of a container.
func (r *Runtime) StartContainer(_ context.Context, id string) error {
	c, err := r.container(id)
	if err != nil {
		return err
	}
	r.mu.Lock()
	p := r.pods[c.podID]
	r.mu.Unlock()
	if p == nil || !p.ready {
		return fmt.Errorf("pod sandbox %s is not ready", c.podID)
	}
	order, err := r.workOrder(c, p)
	if err != nil {
		return err
	}
	if err := c.output.open(); err != nil {
		return err
	}
	c.env, c.user = order.Env, order.User
	return r.launch(c, p, order)
}

// launch starts the shim, waits until the program runs, and watches it.
func (r *Runtime) launch(c *container, p *pod, spec *shim.Init) error {
	o, err := r.newOrder(shim.VerbInit, spec, p.pause.Process.Pid)
	if err != nil {
		return err
	}
	o.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWPID
	o.cmd.SysProcAttr.Setsid = true
	copied, err := c.wire(o)
	if err != nil {
		return err
	}
	if err := o.start(r.spawner); err != nil {
		return err
	}
	why := o.complaint()
	r.mu.Lock()
	c.cmd, c.started, c.state = o.cmd, time.Now(), rt.ContainerState_CONTAINER_RUNNING
	r.mu.Unlock()
	go r.reap(c, copied, spec.Scratch, why)
	if why != "" {
		<-c.done
		return fmt.Errorf("failed to start the container: %s", why)
	}
	return nil
}

// wire connects the program's output to the log, and its input when the container wants one.
func (c *container) wire(o *order) (*sync.WaitGroup, error) {
	var copied sync.WaitGroup
	for _, s := range []struct {
		name string
		set  func(*os.File)
	}{
		{"stdout", func(f *os.File) { o.cmd.Stdout = f }},
		{"stderr", func(f *os.File) { o.cmd.Stderr = f }},
	} {
		rd, wr, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		s.set(wr)
		o.ours = append(o.ours, wr)
		copied.Go(func() { c.output.copy(rd, s.name) })
	}
	if !c.cfg.Stdin {
		return &copied, nil
	}
	rd, wr, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.cmd.Stdin = rd
	o.ours = append(o.ours, rd)
	c.stdin = &stdin{pipe: wr, once: c.cfg.StdinOnce}
	return &copied, nil
}

// reap records the end of a container.
func (r *Runtime) reap(c *container, copied *sync.WaitGroup, scratch, why string) {
	_ = c.cmd.Wait() // the exit state says more than the error
	copied.Wait()
	_ = os.RemoveAll(scratch)
	c.output.close()
	c.stdin.close()
	r.mu.Lock()
	c.state, c.finished = rt.ContainerState_CONTAINER_EXITED, time.Now()
	c.exit, c.reason = exitOf(c.cmd)
	if c.oom {
		c.reason = "OOMKilled"
	}
	if why != "" {
		c.reason, c.message = "StartError", why
	}
	r.mu.Unlock()
	close(c.done)
}

func exitOf(cmd *exec.Cmd) (int32, string) {
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return 255, "Error"
	case ws.Signaled():
		return 128 + int32(ws.Signal()), "Error"
	case ws.ExitStatus() != 0:
		return int32(ws.ExitStatus()), "Error"
	}
	return 0, "Completed"
}

// workOrder combines what the pod asks for with what the image brings.
func (r *Runtime) workOrder(c *container, p *pod) (*shim.Init, error) {
	recipe := c.image.Recipe
	args := append([]string{}, c.cfg.Command...)
	if len(args) == 0 {
		args = append(args, recipe.Entrypoint...)
		if len(c.cfg.Args) == 0 {
			args = append(args, recipe.Cmd...)
		}
	}
	args = append(args, c.cfg.Args...)
	if len(args) == 0 {
		return nil, errNoCommand
	}
	s := &shim.Init{
		Scratch: filepath.Join(r.opts.Dir, c.id), HostNet: p.hostNet, Args: args,
		Cwd: c.cfg.WorkingDir, User: c.runAs(), Limits: c.limits(), Rootless: r.opts.Rootless,
		RORoot: c.cfg.GetLinux().GetSecurityContext().GetReadonlyRootfs(),
	}
	if s.Cwd == "" {
		s.Cwd = recipe.Cwd
	}
	s.Env = r.mark(append([]string{defaultPath, "HOME=" + home(s.User), "HOSTNAME=" + r.hostname(p, c.podCfg)}, recipe.Env...))
	for _, e := range c.cfg.Envs {
		s.Env = append(s.Env, e.Key+"="+string(e.Value))
	}
	s.Env = lastWins(s.Env)
	return s, r.mounts(c, s)
}

func (r *Runtime) mounts(c *container, s *shim.Init) error {
	for _, f := range c.image.Recipe.Files {
		real, err := filepath.EvalSymlinks(f.Host)
		if err != nil {
			return fmt.Errorf("TW9020 image %s: %w", c.image.Ref, err)
		}
		st, err := os.Stat(real)
		if err != nil {
			return fmt.Errorf("TW9020 image %s: %w", c.image.Ref, err)
		}
		s.Mounts = append(s.Mounts, shim.Mount{Host: real, At: f.At, RO: f.RO, Copy: !f.RO && st.Mode().IsRegular()})
	}
	s.Mounts = append(s.Mounts, shim.Mount{Host: r.resolvFile(c.podID), At: "/etc/resolv.conf"})
	for _, m := range c.cfg.Mounts {
		if name := m.GetImage().GetImage(); name != "" {
			brought, err := r.imageVolume(name, m)
			if err != nil {
				return err
			}
			s.Mounts = append(s.Mounts, brought...)
			continue
		}
		host, err := r.opts.Disk.Ensure(m.HostPath)
		if err != nil {
			return err
		}
		s.Mounts = append(s.Mounts, shim.Mount{Host: host, At: m.ContainerPath, RO: m.Readonly})
	}
	return nil
}

// imageVolume shows the files of an image's recipe under a folder of the container; an image brings no others.
func (r *Runtime) imageVolume(name string, m *rt.Mount) ([]shim.Mount, error) {
	img := r.opts.Images.Get(name)
	if img == nil {
		return nil, notFound("image", name)
	}
	var out []shim.Mount
	for _, f := range img.Recipe.Files {
		in, err := filepath.Rel(filepath.Join("/", m.ImageSubPath), f.At)
		if err != nil || !filepath.IsLocal(in) {
			continue
		}
		real, err := filepath.EvalSymlinks(f.Host)
		if err != nil {
			return nil, fmt.Errorf("TW9020 image %s: %w", img.Ref, err)
		}
		out = append(out, shim.Mount{Host: real, At: filepath.Join(m.ContainerPath, in), RO: true})
	}
	return out, nil
}

// runAs is the user the pod asks for, or the image's.
func (c *container) runAs() shim.User {
	sc := c.cfg.GetLinux().GetSecurityContext()
	u := shim.User{UID: int(c.image.Recipe.User), GID: int(c.image.Recipe.User)}
	switch {
	case sc.GetRunAsUser() != nil:
		u.UID, u.GID = int(sc.GetRunAsUser().Value), 0
	case sc.GetRunAsUsername() != "":
		u.UID, u.Name = -1, sc.GetRunAsUsername()
		if n, err := strconv.Atoi(u.Name); err == nil {
			u.UID = n
		}
	}
	if g := sc.GetRunAsGroup(); g != nil {
		u.GID = int(g.Value)
	}
	for _, g := range sc.GetSupplementalGroups() {
		u.Groups = append(u.Groups, int(g))
	}
	return u
}

// limits are what the pod's security context leaves the program.
func (c *container) limits() shim.Limits {
	sc := c.cfg.GetLinux().GetSecurityContext()
	return shim.Limits{Privileged: sc.GetPrivileged(), Add: sc.GetCapabilities().GetAddCapabilities(), Drop: sc.GetCapabilities().GetDropCapabilities(),
		NoNewPrivileges: sc.GetNoNewPrivs(), Masked: sc.GetMaskedPaths(), ReadOnly: sc.GetReadonlyPaths()}
}

func home(u shim.User) string {
	if u.UID == 0 {
		return "/root"
	}
	return "/"
}

// lastWins keeps the last value of every name, in order of first mention.
func lastWins(env []string) []string {
	at := map[string]int{}
	var out []string
	for _, e := range env {
		name := e
		for i := range e {
			if e[i] == '=' {
				name = e[:i]
				break
			}
		}
		if i, ok := at[name]; ok {
			out[i] = e
			continue
		}
		at[name] = len(out)
		out = append(out, e)
	}
	return out
}

func signalNumber(name string) syscall.Signal { return unix.SignalNum(name) }
