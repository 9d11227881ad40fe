package shim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Main runs a verb and returns the exit code; VerbInit does not return when it succeeds.
func Main(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "tw-shim: started by the node process only")
		return FailExit
	}
	// Namespaces belong to threads: everything up to the exec stays on this one.
	runtime.LockOSThread()
	var err error
	code := 0
	switch args[0] {
	case VerbPause:
		err = pause()
	case VerbInit:
		err = initialize()
	case VerbExec:
		code, err = runExec()
	default:
		err = fmt.Errorf("unknown verb %q", args[0])
	}
	if err != nil {
		fmt.Fprint(os.NewFile(ErrorFD, "error"), err)
		return FailExit
	}
	return code
}

// pause sleeps until the node kills it or dies.
func pause() error {
	var s Pause
	if err := readSpec(&s); err != nil {
		return err
	}
	if s.Hostname != "" {
		if err := unix.Sethostname([]byte(s.Hostname)); err != nil {
			return fmt.Errorf("host name: %w", err)
		}
	}
	for k, v := range s.Sysctls {
		if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(k, ".", "/"), []byte(v), 0); err != nil {
			return fmt.Errorf("sysctl %s: %w", k, err)
		}
	}
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGTERM)
	if err := unix.Close(ErrorFD); err != nil { // tells the node that the pod stands
		return err
	}
	for {
		_ = unix.Pause()
	}
}

func readSpec(into any) error {
	unix.CloseOnExec(SpecFD)
	unix.CloseOnExec(ErrorFD)
	f := os.NewFile(SpecFD, "spec")
	defer f.Close()
	if err := json.NewDecoder(f).Decode(into); err != nil {
		return fmt.Errorf("work order: %w", err)
	}
	return nil
}

func initialize() error {
	var s Init
	if err := readSpec(&s); err != nil {
		return err
	}
	if len(s.Args) == 0 {
		return errors.New("no command specified")
	}
	if err := joinPod(&s); err != nil {
		return err
	}
	if err := buildRoot(&s); err != nil {
		return err
	}
	if s.Cwd != "" {
		if err := os.MkdirAll(s.Cwd, 0o755); err != nil && !s.RORoot {
			return fmt.Errorf("working directory: %w", err)
		}
		if err := os.Chdir(s.Cwd); err != nil {
			return fmt.Errorf("working directory: %w", err)
		}
	}
	if err := become(s.User, &s.Limits); err != nil {
		return err
	}
	path, err := lookPath(s.Args[0], s.Env)
	if err != nil {
		return err
	}
	if err := unix.Exec(path, s.Args, s.Env); err != nil {
		return fmt.Errorf("exec %s: %w", path, err)
	}
	return nil
}

// joinPod enters the pod's network, host name and IPC before sysfs is mounted, which shows the network.
func joinPod(s *Init) error {
	flags := unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	if !s.HostNet {
		flags |= unix.CLONE_NEWNET
	}
	return enter(flags)
}

// enter joins namespaces of the process behind TargetFD.
func enter(flags int) error {
	if err := unix.Setns(TargetFD, flags); err != nil {
		return fmt.Errorf("enter namespaces: %w", err)
	}
	return unix.Close(TargetFD)
}

// setUser are the capabilities needed to change the user: SETGID, SETUID and SETPCAP.
const setUser = 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETPCAP

// become changes the user. The kernel forgets the parent-death signal when credentials change, so it is
// asked for again: a container must not outlive its node.
func become(u User, l *Limits) error {
	uid, gid, err := resolveUser(u)
	if err != nil {
		return err
	}
	if err := confine(l, setUser); err != nil {
		return err
	}
	if uid == 0 && gid == 0 && len(u.Groups) == 0 {
		return confine(l, 0)
	}
	if err := unix.Setgroups(u.Groups); err != nil {
		return fmt.Errorf("supplementary groups %v: %w", u.Groups, err)
	}
	if err := unix.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("group %d: %w", gid, err)
	}
	if uid == 0 {
		if err := confine(l, 0); err != nil {
			return err
		}
	}
	if err := unix.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("user %d: %w", uid, err)
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("parent-death signal: %w", err)
	}
	return nil
}

func resolveUser(u User) (uid, gid int, err error) {
	if u.UID >= 0 {
		return u.UID, u.GID, nil
	}
	b, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return 0, 0, fmt.Errorf("user %q: %w", u.Name, err)
	}
	return findUser(string(b), u.Name)
}

func findUser(passwd, name string) (uid, gid int, err error) {
	for line := range strings.Lines(passwd) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || f[0] != name {
			continue
		}
		if _, err := fmt.Sscan(f[2]+" "+f[3], &uid, &gid); err != nil {
			return 0, 0, fmt.Errorf("user %q: %w", name, err)
		}
		return uid, gid, nil
	}
	return 0, 0, fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
}

// lookPath finds a program by the container's own PATH.
func lookPath(name string, env []string) (string, error) {
	for _, e := range env {
		if p, ok := strings.CutPrefix(e, "PATH="); ok {
			os.Setenv("PATH", p)
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("exec: %w", err)
	}
	return path, nil
}
