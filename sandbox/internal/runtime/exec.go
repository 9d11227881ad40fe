package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	rt "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"

	"tradewind.dev/sandbox/internal/shim"
)

// outputLimit bounds what ExecSync keeps of each stream.
const outputLimit = 16 << 20

// execOrder prepares a program in a running container.
func (r *Runtime) execOrder(id string, argv []string, tty bool) (*order, int, error) {
	c, err := r.container(id)
	if err != nil {
		return nil, 0, err
	}
	r.mu.Lock()
	running := c.state == rt.ContainerState_CONTAINER_RUNNING
	r.mu.Unlock()
	if !running {
		return nil, 0, fmt.Errorf("container %s is not running", id)
	}
	if len(argv) == 0 {
		return nil, 0, errNoCommand
	}
	pid := c.cmd.Process.Pid
	cwd := c.cfg.WorkingDir
	if cwd == "" {
		cwd = c.image.Recipe.Cwd
	}
	o, err := r.newOrder(shim.VerbExec, shim.Exec{Target: pid, Args: argv, Env: c.env, Cwd: cwd, User: c.user, Limits: c.limits(), TTY: tty}, pid)
	if err != nil {
		return nil, 0, err
	}
	// A session and so a process group for the shim and its child: a timeout reaches both.
	o.cmd.SysProcAttr.Setsid = true
	o.started = func() { r.joined(c, o.cmd.Process.Pid) }
	o.ended = func() { r.left(c, o.cmd.Process.Pid, o.cmd.ProcessState) }
	return o, pid, nil
}

// joined counts a program that was started in a running container with the container.
func (r *Runtime) joined(c *container, pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.guests == nil {
		c.guests = map[int]bool{}
	}
	c.guests[pid] = true
}

// left keeps the CPU time of such a program when it ends.
func (r *Runtime) left(c *container, pid int, s *os.ProcessState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(c.guests, pid)
	if s != nil {
		c.spent += uint64(s.UserTime() + s.SystemTime())
	}
}

// finish waits for a started program and turns its exit code into the error the streams expect.
func (o *order) finish() error {
	err := o.cmd.Wait()
	o.ended()
	why := o.complaint()
	if err == nil {
		return nil
	}
	var ee *exec.ExitError
	if !errors.As(err, &ee) {
		return err
	}
	if why != "" {
		return fmt.Errorf("exec failed: %s", why)
	}
	return utilexec.CodeExitError{Err: err, Code: ee.ExitCode()}
}

func (o *order) killGroup() { _ = syscall.Kill(-o.cmd.Process.Pid, syscall.SIGKILL) }

// ExecSync runs a program and returns what it wrote; probes and hooks come this way.
func (r *Runtime) ExecSync(ctx context.Context, id string, argv []string, timeout time.Duration) ([]byte, []byte, error) {
	o, _, err := r.execOrder(id, argv, false)
	if err != nil {
		return nil, nil, err
	}
	var out, errs limited
	o.cmd.Stdout, o.cmd.Stderr = &out, &errs
	// A grandchild that keeps the pipes open must not hold the probe.
	o.cmd.WaitDelay = time.Second
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	if err := o.start(r.spawner); err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, o.killGroup)
	err = o.finish()
	if !stop() && ctx.Err() != nil {
		return out.Bytes(), errs.Bytes(), status.Errorf(codes.DeadlineExceeded, "command %q timed out after %s", argv, timeout)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return out.Bytes(), errs.Bytes(), err
}

// limited keeps the first outputLimit bytes.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := outputLimit - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// Exec returns the address where a program's streams are served.
func (r *Runtime) Exec(_ context.Context, q *rt.ExecRequest) (*rt.ExecResponse, error) {
	return r.stream.GetExec(q)
}

type streams struct{ r *Runtime }

// Exec runs a program with the given streams.
func (s streams) Exec(ctx context.Context, id string, argv []string, in io.Reader, out, errs io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	o, pid, err := s.r.execOrder(id, argv, tty)
	if err != nil {
		return err
	}
	if tty {
		return s.execTerminal(ctx, o, pid, terminal{in, out, resize})
	}
	if out != nil {
		o.cmd.Stdout = out
	}
	if errs != nil {
		o.cmd.Stderr = errs
	}
	o.cmd.WaitDelay = time.Second
	var input *os.File
	if in != nil {
		rd, wr, err := os.Pipe()
		if err != nil {
			return err
		}
		o.cmd.Stdin, input = rd, wr
		o.ours = append(o.ours, rd)
	}
	if err := o.start(s.r.spawner); err != nil {
		return err
	}
	if input != nil {
		go func() {
			_, _ = io.Copy(input, in)
			input.Close()
		}()
	}
	stop := context.AfterFunc(ctx, o.killGroup)
	defer stop()
	err = o.finish()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

type terminal struct {
	in     io.Reader
	out    io.Writer
	resize <-chan remotecommand.TerminalSize
}

func (s streams) execTerminal(ctx context.Context, o *order, pid int, t terminal) error {
	master, slave, err := openTerminal(pid)
	if err != nil {
		return err
	}
	defer master.Close()
	o.cmd.Stdin, o.cmd.Stdout, o.cmd.Stderr = slave, slave, slave
	o.ours = append(o.ours, slave)
	if err := o.start(s.r.spawner); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, o.killGroup)
	defer stop()
	go func() {
		for z := range t.resize {
			_ = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: z.Height, Col: z.Width})
		}
	}()
	if t.in != nil {
		go func() { _, _ = io.Copy(master, t.in) }()
	}
	shown := make(chan struct{})
	go func() {
		_, _ = io.Copy(t.out, master) // ends with EIO when the last program has closed the terminal
		close(shown)
	}()
	err = o.finish()
	select {
	case <-shown:
	case <-time.After(time.Second):
	}
	return err
}

// openTerminal opens a terminal of the container's own devpts.
func openTerminal(pid int) (master, slave *os.File, err error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root/dev/pts/ptmx", pid), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("terminal: %w", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("terminal: %w", err)
	}
	peer, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if e != 0 {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("terminal: %w", e)
	}
	return os.NewFile(uintptr(fd), "ptmx"), os.NewFile(peer, "pts"), nil
}
