package ns

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Find reads the record of a namespace and makes sure that its holder lives.
func Find(dir, name string) (Record, error) {
	var r Record
	if strings.ContainsRune(name, '/') {
		return r, fmt.Errorf("no namespace %q", name)
	}
	b, err := os.ReadFile(filepath.Join(dir, "run", "ns", name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return r, fmt.Errorf("no namespace %q in %s (known: %s)", name, dir, strings.Join(names(dir), " "))
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("namespace %s: %w", name, err)
	}
	if at, err := StartTime(r.Pid); err != nil || at != r.Start {
		return r, fmt.Errorf("namespace %s is gone: its holder (pid %d) is dead", name, r.Pid)
	}
	return r, nil
}

func names(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "run", "ns", "*.json"))
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return files
}

// Enter joins the namespace and becomes argv: same pid, environment, working
// directory and standard streams. It returns only on failure.
func Enter(dir, name string, argv []string) error {
	runtime.LockOSThread()
	r, err := Find(dir, name)
	if err != nil {
		return err
	}
	base := fmt.Sprintf("/proc/%d/ns/", r.Pid)
	if r.Userns && !same(base+"user", "/proc/self/ns/user") {
		return enterUser(r.Pid, argv)
	}
	path, err := lookPath(argv[0])
	if err != nil {
		return err
	}
	fd, err := unix.Open(base+"net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("join %s: %w", name, err)
	}
	if err := unix.Exec(path, argv, os.Environ()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// enterUser leaves the joining to nsenter: a Go process has several threads,
// and the kernel lets only single-threaded ones join a user namespace.
func enterUser(pid int, argv []string) error {
	path, err := lookPath("nsenter")
	if err != nil {
		return fmt.Errorf("rootless sandboxes need nsenter of util-linux: %w", err)
	}
	full := append([]string{"nsenter", "-t", strconv.Itoa(pid), "-U", "--preserve-credentials", "-n", "--"}, argv...)
	return unix.Exec(path, full, os.Environ())
}

func same(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Ino == y.Ino && x.Dev == y.Dev
}

// lookPath finds a program like a shell does (os/exec refuses the working directory).
func lookPath(name string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	for _, d := range filepath.SplitList(os.Getenv("PATH")) {
		p := filepath.Join(d, name)
		if st, err := os.Stat(p); err == nil && !st.IsDir() && unix.Access(p, unix.X_OK) == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: not found in PATH", name)
}
