package node

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// stageEnv marks the second life of the process, inside its own mount namespace.
const stageEnv = "TW_NODE_STAGE"

// EnterMounts gives the process a mount namespace of its own and starts it again in there, with the same
// pid: a Go process has threads already and could not move them all. The kubelet mounts below its folder
// and writes to /var/log/containers, a constant; neither may reach the host or another node.
func EnterMounts() error {
	if os.Getenv(stageEnv) != "" {
		return os.Unsetenv(stageEnv)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("own mount namespace: %w", err)
	}
	steps := []struct {
		what   string
		source string
		target string
		kind   string
		flags  uintptr
	}{
		{"cut off from the host's mounts", "", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"share among ourselves", "", "/", "", unix.MS_REC | unix.MS_SHARED},
		{"own /var/log", "tmpfs", "/var/log", "tmpfs", 0},
	}
	for _, s := range steps {
		if err := unix.Mount(s.source, s.target, s.kind, s.flags, ""); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	if err := os.MkdirAll("/var/log/containers", 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := unix.Exec(self, os.Args, append(os.Environ(), stageEnv+"=2")); err != nil {
		return fmt.Errorf("second stage: %w", err)
	}
	return nil
}
