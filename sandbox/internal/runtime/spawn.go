package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawner starts all processes from one thread. The parent-death signal follows the thread that forked, and
// this one never ends before the process does.
type spawner struct{ jobs chan job }

type job struct {
	cmd  *exec.Cmd
	done chan error
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan job)}
	go func() {
		runtime.LockOSThread()
		for j := range s.jobs {
			j.done <- j.cmd.Start()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	j := job{cmd, make(chan error, 1)}
	s.jobs <- j
	return <-j.done
}

// order is a shim process about to be started with its work order.
type order struct {
	cmd *exec.Cmd
	// fault receives what the shim says when it cannot start the program.
	fault *os.File
	spec  *os.File
	ours  []*os.File
	body  []byte
	// started and ended are told, when set; only programs of exec have them.
	started, ended func()
}

// newOrder prepares a shim with a verb and its work order; the caller sets stdio and attributes. target is
// the process whose namespaces the shim joins, 0 for none.
func (r *Runtime) newOrder(verb string, spec any, target int) (*order, error) {
	body, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	specR, specW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	faultR, faultW, err := os.Pipe()
	if err != nil {
		specR.Close()
		specW.Close()
		return nil, err
	}
	ours := []*os.File{specR, faultW}
	if target != 0 {
		fd, err := unix.PidfdOpen(target, 0)
		if err != nil {
			closeAll(append(ours, specW, faultR))
			return nil, fmt.Errorf("process %d: %w", target, err)
		}
		ours = append(ours, os.NewFile(uintptr(fd), "target"))
	}
	cmd := &exec.Cmd{Path: r.opts.Shim, Args: []string{"tw-shim", verb}, Env: r.mark(nil), Dir: "/"}
	cmd.ExtraFiles = ours
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return &order{cmd: cmd, fault: faultR, spec: specW, ours: ours, body: body}, nil
}

// start runs the shim and hands over the order.
func (o *order) start(s *spawner) error {
	err := s.start(o.cmd)
	closeAll(o.ours)
	if err != nil {
		o.spec.Close()
		o.fault.Close()
		return fmt.Errorf("start shim: %w", err)
	}
	if o.started != nil {
		o.started()
	}
	_, err = o.spec.Write(o.body)
	o.spec.Close()
	if err != nil {
		_ = o.cmd.Process.Kill()
		_ = o.cmd.Wait()
		if o.ended != nil {
			o.ended()
		}
		return fmt.Errorf("hand over the work order: %w", err)
	}
	return nil
}

// complaint reads the shim's error; it returns when the program has started or the shim has given up.
func (o *order) complaint() string {
	defer o.fault.Close()
	b, _ := io.ReadAll(io.LimitReader(o.fault, 16<<10))
	return string(bytes.TrimSpace(b))
}

func (r *Runtime) mark(env []string) []string {
	if r.opts.Mark == "" {
		return env
	}
	return append(env, r.opts.Mark)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
