package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/config"
)

// Without root the daemon lives in a user namespace of its own, made at fork: a
// Go process has threads from its first moment and cannot make one later.
//
//	up (stage "")  →  clone(CLONE_NEWUSER)  →  up (stage "map")  →  exec  →  up (stage "in")
//
// Stage "map" exists only when newuidmap maps ranges of sub-ids: it waits for the
// maps and then executes itself once more, which gives it its capabilities.
const stageEnv = "TW_NET_STAGE"

// enterStages returns when the process is ready to build the world; done means that
// another process was the daemon and has ended with err. It says in f whether the
// world is rootless.
func enterStages(dir string, f *config.File) (done bool, err error) {
	f.Rootless = f.Rootless || os.Getuid() != 0 || os.Getenv(stageEnv) != ""
	switch os.Getenv(stageEnv) {
	case "in":
		// An exec that gains capabilities forgets whose death is ours.
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return false, err
		}
		if os.Getppid() == 1 {
			return true, errors.New("the process that started this one has ended")
		}
		return false, os.Unsetenv(stageEnv)
	case "map":
		return true, waitForMaps()
	}
	if !f.Rootless {
		return false, nil
	}
	return true, outside(dir)
}

// outside starts the daemon in a user namespace, passes signals on and waits.
func outside(dir string) error {
	runtime.LockOSThread() // the child dies with this thread
	cmd := exec.Command("/proc/self/exe", "up", "--dir", dir)
	cmd.Args[0], cmd.Stdout, cmd.Stderr = "tw-net", os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, Pdeathsig: unix.SIGKILL}
	uid, gid := os.Getuid(), os.Getgid()
	sub, ranges := subIDs()
	stage := "in"
	var hold *os.File
	switch {
	case uid == 0:
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
		cmd.SysProcAttr.GidMappings = cmd.SysProcAttr.UidMappings
		cmd.SysProcAttr.GidMappingsEnableSetgroups = true
	case ranges:
		stage = "map"
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		cmd.Stdin, hold = r, w
	default:
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	cmd.Env = append(os.Environ(), stageEnv+"="+stage)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("user namespace: %w (this system may forbid them to ordinary users; run as root instead)", err)
	}
	if hold != nil {
		if err := sub.write(cmd.Process.Pid, uid, gid); err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return err
		}
		hold.Close()
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	return cmd.Wait()
}

// waitForMaps blocks until the parent has written the id maps, then starts over as
// root of the user namespace.
func waitForMaps() error {
	var b [1]byte
	for {
		if n, err := syscall.Read(0, b[:]); n == 0 && err == nil {
			break
		} else if err != nil && err != syscall.EINTR {
			return err
		}
	}
	if os.Getuid() != 0 {
		return errors.New("no id maps: the process that writes them ended")
	}
	if err := os.Setenv(stageEnv, "in"); err != nil { // a second entry would lose against the first
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

// subRange is a user's range of subordinate ids.
type subRange struct{ uidFrom, uidCount, gidFrom, gidCount string }

// subIDs finds the ranges that newuidmap may map for this user.
func subIDs() (subRange, bool) {
	var s subRange
	for _, tool := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(tool); err != nil {
			return s, false
		}
	}
	names := map[string]bool{strconv.Itoa(os.Getuid()): true}
	if u, err := user.Current(); err == nil {
		names[u.Username] = true
	}
	var okU, okG bool
	s.uidFrom, s.uidCount, okU = subRangeIn("/etc/subuid", names)
	s.gidFrom, s.gidCount, okG = subRangeIn("/etc/subgid", names)
	return s, okU && okG
}

func subRangeIn(file string, names map[string]bool) (from, count string, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", "", false
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Split(strings.TrimSpace(line), ":"); len(f) == 3 && names[f[0]] {
			return f[1], f[2], true
		}
	}
	return "", "", false
}

func (s subRange) write(pid, uid, gid int) error {
	p := strconv.Itoa(pid)
	for _, argv := range [][]string{
		{"newuidmap", p, "0", strconv.Itoa(uid), "1", "1", s.uidFrom, s.uidCount},
		{"newgidmap", p, "0", strconv.Itoa(gid), "1", "1", s.gidFrom, s.gidCount},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
