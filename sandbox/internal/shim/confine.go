package shim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities by name, without CAP_, in the kernel's order.
var capabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
	"NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT",
	"SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
	"AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
	"PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

// usual is what container runtimes leave a root program, less MKNOD: there is no device cgroup behind it.
const usual = "CHOWN DAC_OVERRIDE FSETID FOWNER NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"

// never are capabilities that reach the whole machine whatever a pod asks: a privileged pod owns its node,
// and the node is not the machine.
const never = "SYS_MODULE SYS_RAWIO SYS_BOOT SYS_TIME MKNOD MAC_ADMIN MAC_OVERRIDE WAKE_ALARM BLOCK_SUSPEND SYSLOG BPF PERFMON"

// Limits are what a program may do.
type Limits struct {
	Privileged bool
	// Add and Drop change the usual capabilities; ALL means all.
	Add, Drop []string
	// NoNewPrivileges makes set-uid programs harmless.
	NoNewPrivileges bool
	// Masked paths are hidden, ReadOnly ones cannot be written.
	Masked, ReadOnly []string
}

// allowed is the set of capabilities a container keeps, as bits.
func (l *Limits) allowed() uint64 {
	all := uint64(1)<<len(capabilities) - 1
	possible := all &^ bits(strings.Fields(never), all)
	if l.Privileged {
		return possible
	}
	set := bits(strings.Fields(usual), all)
	set &^= bits(l.Drop, all)
	return (set | bits(l.Add, all)) & possible
}

func bits(names []string, all uint64) uint64 {
	var set uint64
	for _, n := range names {
		n = strings.TrimPrefix(strings.ToUpper(n), "CAP_")
		if n == "ALL" {
			return all
		}
		for i, c := range capabilities {
			if c == n {
				set |= 1 << i
			}
		}
	}
	return set
}

// confine takes capabilities from the calling thread and from all it will start. Changing to a plain user
// still works afterwards unless SETUID and SETGID were dropped, so become keeps them until then.
func confine(l *Limits, keep uint64) error {
	set := l.allowed() | keep
	for i := range capabilities {
		if set&(1<<i) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(i), 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("drop capability %s: %w", capabilities[i], err)
		}
	}
	if err := setCapabilities(set); err != nil {
		return err
	}
	if l.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no new privileges: %w", err)
		}
	}
	return nil
}

// setCapabilities keeps what is in the set and what the thread has.
func setCapabilities(set uint64) error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	for i := range data {
		part := uint32(set >> (32 * i))
		data[i].Permitted &= part
		data[i].Effective &= part
		data[i].Inheritable = 0
	}
	if err := unix.Capset(&head, &data[0]); err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	return nil
}

// shield hides and protects the kernel's files that are not the container's business.
func shield(s *Init, root string) error {
	if s.Limits.Privileged {
		return nil
	}
	for _, p := range s.Limits.Masked {
		if err := mask(filepath.Join(root, p)); err != nil {
			return err
		}
	}
	for _, p := range s.Limits.ReadOnly {
		at := filepath.Join(root, p)
		if _, err := os.Lstat(at); err != nil {
			continue
		}
		if err := mount(at, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
		if err := readOnly(at); err != nil {
			return fmt.Errorf("protect %s: %w", p, err)
		}
	}
	return nil
}

func mask(at string) error {
	st, err := os.Stat(at)
	switch {
	case err != nil:
		return nil // not in this kernel
	case st.IsDir():
		return mount("tmpfs", at, "tmpfs", unix.MS_RDONLY, "size=0")
	}
	return mount("/dev/null", at, "", unix.MS_BIND, "")
}
