package shim

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// runExec runs one more program in a container and returns its exit code. The program is a child, because
// a pid namespace takes only children in.
func runExec() (int, error) {
	var s Exec
	if err := readSpec(&s); err != nil {
		return 0, err
	}
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", s.Target), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("container's root: %w", err)
	}
	// A thread that shares its file system view cannot change its mount namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return 0, fmt.Errorf("own file system view: %w", err)
	}
	if err := enter(unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC); err != nil {
		return 0, err
	}
	if err := unix.Fchdir(root); err != nil {
		return 0, fmt.Errorf("container's root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return 0, fmt.Errorf("container's root: %w", err)
	}
	return runChild(&s)
}

func runChild(s *Exec) (int, error) {
	uid, gid, err := resolveUser(s.User)
	if err != nil {
		return 0, err
	}
	keep := uint64(0)
	if uid != 0 || gid != 0 || len(s.User.Groups) > 0 {
		keep = setUser
	}
	if err := confine(&s.Limits, keep); err != nil {
		return 0, err
	}
	path, err := lookPath(s.Args[0], s.Env)
	if err != nil {
		return 0, err
	}
	dir := s.Cwd
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		dir = "/"
	}
	// No parent-death signal: the container's first process takes this one with it, and Go's check for a
	// dead parent misfires across pid namespaces.
	c := &exec.Cmd{Path: path, Args: s.Args, Env: s.Env, Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: s.TTY, Setctty: s.TTY}
	if uid != 0 || gid != 0 || len(s.User.Groups) > 0 {
		cred := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, g := range s.User.Groups {
			cred.Groups = append(cred.Groups, uint32(g))
		}
		c.SysProcAttr.Credential = cred
	}
	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("exec %s: %w", path, err)
	}
	return wait(c)
}

func wait(c *exec.Cmd) (int, error) {
	err := c.Wait()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		return 0, err
	}
	if ws, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return c.ProcessState.ExitCode(), nil
}
