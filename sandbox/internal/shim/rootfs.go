package shim

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// overlaid are the folders of the host a container sees, copied on write.
var overlaid = []string{"usr", "etc"}

// hidden are host files below them that no container may read.
var hidden = []string{"etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/ssh", "etc/ssl/private", "etc/sudoers", "etc/sudoers.d", "etc/resolv.conf"}

// ownDirs are empty folders of every container.
var ownDirs = []string{"proc", "sys", "dev", "tmp", "run", "var/tmp", "var/log", "var/lib", "var/run", "root", "home", "opt", "srv", "mnt", "data", "app"}

var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// buildRoot makes the container's file system and makes it the root.
func buildRoot(s *Init) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := os.MkdirAll(s.Scratch, 0o755); err != nil {
		return err
	}
	if err := mount("tmpfs", s.Scratch, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	root := filepath.Join(s.Scratch, "root")
	for _, d := range ownDirs {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	for _, d := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(root, d), 0o1777); err != nil {
			return err
		}
	}
	if err := mount(root, root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	for _, d := range overlaid {
		if err := overlay(s, root, d); err != nil {
			return err
		}
	}
	for _, d := range []string{"bin", "sbin", "lib", "lib64", "lib32"} {
		if l, err := os.Readlink("/" + d); err == nil {
			if err := os.Symlink(l, filepath.Join(root, d)); err != nil {
				return err
			}
		}
	}
	for _, step := range []func(*Init, string) error{kernelFS, deviceFS, bindAll, shield, pivot} {
		if err := step(s, root); err != nil {
			return err
		}
	}
	return nil
}

// overlay mounts a host folder copy-on-write. Mount points and hidden files are prepared in the upper layer
// first: in a user namespace the folders of the unmapped host root cannot be written afterwards.
func overlay(s *Init, root, d string) error {
	up, work := filepath.Join(s.Scratch, "up", d), filepath.Join(s.Scratch, "work", d)
	for _, p := range []string{up, work, filepath.Join(root, d)} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			return err
		}
	}
	for _, m := range s.Mounts {
		at := filepath.Clean(m.At)
		if m.Copy || !strings.HasPrefix(at, "/"+d+"/") {
			continue
		}
		if err := mountPoint(filepath.Join(s.Scratch, "up", at), m.Host); err != nil {
			return err
		}
	}
	for _, h := range hidden {
		if strings.HasPrefix(h, d+"/") {
			hide(filepath.Join(s.Scratch, "up", h), "/"+h)
		}
	}
	opts := "lowerdir=/" + d + ",upperdir=" + up + ",workdir=" + work
	if s.Rootless {
		opts += ",userxattr"
	}
	return mount("overlay", filepath.Join(root, d), "overlay", 0, opts)
}

// hide lays a whiteout over a file of the lower layer; what a mount will cover needs none.
func hide(upper, lower string) {
	if _, err := os.Lstat(lower); err != nil {
		return
	}
	if _, err := os.Lstat(upper); err == nil {
		return
	}
	if err := os.MkdirAll(filepath.Dir(upper), 0o755); err != nil {
		return
	}
	if unix.Mknod(upper, unix.S_IFCHR, 0) != nil {
		// No device nodes here: an empty file hides a file as well.
		if st, err := os.Stat(lower); err == nil && !st.IsDir() {
			_ = os.WriteFile(upper, nil, 0o644)
		}
	}
}

func kernelFS(_ *Init, root string) error {
	if err := mount("proc", root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if mount("sysfs", root+"/sys", "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") == nil {
		return nil
	}
	// sysfs belongs to the owner of the network namespace; without that right the host's is shown.
	return mount("/sys", root+"/sys", "", unix.MS_BIND|unix.MS_REC, "")
}

func deviceFS(_ *Init, root string) error {
	dev := root + "/dev"
	if err := mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for _, d := range devices {
		if err := os.WriteFile(dev+"/"+d, nil, 0o666); err != nil {
			return err
		}
		if err := mount("/dev/"+d, dev+"/"+d, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for _, d := range []string{"pts", "shm"} {
		if err := os.Mkdir(dev+"/"+d, 0o755); err != nil {
			return err
		}
	}
	if err := mount("devpts", dev+"/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	if err := mount("shm", dev+"/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777,size=64m"); err != nil {
		return err
	}
	links := [][2]string{{"pts/ptmx", "ptmx"}, {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}}
	for _, l := range links {
		if err := os.Symlink(l[0], dev+"/"+l[1]); err != nil {
			return err
		}
	}
	return nil
}

func bindAll(s *Init, root string) error {
	for _, m := range s.Mounts {
		at := filepath.Join(root, filepath.Clean("/"+m.At))
		if m.Copy {
			if err := copyFile(m.Host, at); err != nil {
				return fmt.Errorf("file %s: %w", m.At, err)
			}
			continue
		}
		if err := mountPoint(at, m.Host); err != nil {
			return fmt.Errorf("volume at %s: %w", m.At, err)
		}
		if err := mount(m.Host, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
		if m.RO {
			if err := readOnly(at); err != nil {
				return fmt.Errorf("read-only %s: %w", m.At, err)
			}
		}
	}
	return nil
}

// copyFile copies contents and mode.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, st.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// mountPoint makes the file or folder a mount will cover, when it is not there.
func mountPoint(at, host string) error {
	st, err := os.Stat(host)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return os.MkdirAll(at, 0o755)
	}
	if _, err := os.Lstat(at); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return os.WriteFile(at, nil, 0o644)
}

// readOnly remounts a bind. In a user namespace the flags a mount came with are locked and must be repeated.
func readOnly(at string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(at, &fs); err != nil {
		return err
	}
	const locked = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	return unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|uintptr(fs.Flags)&locked, "")
}

func pivot(s *Init, root string) error {
	old := root + "/.old"
	if err := os.Mkdir(old, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's files: %w", err)
	}
	if err := os.Remove("/.old"); err != nil {
		return err
	}
	if !s.RORoot {
		return nil
	}
	for _, d := range []string{"/usr", "/etc", "/"} {
		if err := readOnly(d); err != nil {
			return fmt.Errorf("read-only root: %w", err)
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
