// Package ns makes and joins network namespaces. Each namespace is held by one
// tiny child process (`tw-net hold`) and has no name under /run/netns, so that
// it vanishes with the processes in it. Who wants to join finds pid and start
// time in DIR/run/ns/<name>.json:
//
//	{"name": "sa-east-1", "pid": 4711, "start": 123456, "userns": false}
package ns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Record is what DIR/run/ns/<name>.json says.
type Record struct {
	Name   string `json:"name"`
	Pid    int    `json:"pid"`
	Start  uint64 `json:"start"` // field 22 of /proc/<pid>/stat
	Userns bool   `json:"userns"`
}

// Space is a namespace that this process made.
type Space struct {
	Record
	FD   int // of the network namespace
	file string
	mu   sync.Mutex
	gone bool
	proc *os.Process
	keep *os.File // closing it ends the holder
}

// Factory starts holders. Its children get a signal when the thread that
// started them ends, so one locked thread starts all of them and never ends.
type Factory struct {
	dir    string
	env    []string
	userns bool
	log    io.Writer
	work   chan func()
}

// NewFactory prepares dir (DIR/run/ns) and forgets records of an earlier life.
// mark is the sandbox's id, which every process carries as TW_SANDBOX.
func NewFactory(dir, mark string, userns bool, log io.Writer) (*Factory, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &Factory{dir: dir, env: []string{"TW_SANDBOX=" + mark, "GOMAXPROCS=1"}, userns: userns, log: log, work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for w := range f.work {
			w()
		}
	}()
	return f, nil
}

// Make creates a namespace: loopback up, IPv4 forwarding on, reverse path
// filter, redirects and IPv6 off.
func (f *Factory) Make(name string) (*Space, error) {
	s := &Space{FD: -1, file: filepath.Join(f.dir, name+".json")}
	s.Name, s.Userns = name, f.userns
	if err := f.start(s, unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", s.Pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	s.FD = fd
	err = s.Do(setup)
	if err == nil {
		err = s.write()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	go f.watch(s)
	return s, nil
}

func (f *Factory) start(s *Space, flags uintptr) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe", "hold", s.Name)
	cmd.Args[0], cmd.Stdin, cmd.Env = "tw-net", r, f.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Setsid: true, Pdeathsig: unix.SIGKILL}
	done := make(chan error)
	f.work <- func() {
		if flags == 0 { // join the namespace that already exists
			done <- within(s.FD, cmd.Start)
			return
		}
		done <- cmd.Start()
	}
	if err := <-done; err != nil {
		w.Close()
		return err
	}
	s.proc, s.keep, s.Pid = cmd.Process, w, cmd.Process.Pid
	s.Start, err = StartTime(s.Pid)
	return err
}

// within runs fn on the caller's thread inside the namespace and comes back.
func within(fd int, fn func() error) error {
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(home)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = fn()
	_ = unix.Setns(home, unix.CLONE_NEWNET) // refused when rootless: the factory's thread needs no home
	return err
}

// watch puts a holder back that died although nobody asked it to.
func (f *Factory) watch(s *Space) {
	for {
		_, _ = s.proc.Wait()
		s.mu.Lock()
		if s.gone {
			s.mu.Unlock()
			return
		}
		fmt.Fprintf(f.log, "tw-net: holder of %s (pid %d) died, starting another\n", s.Name, s.Pid)
		s.keep.Close()
		err := f.start(s, 0)
		if err == nil {
			err = s.write()
		}
		s.mu.Unlock()
		if err != nil {
			fmt.Fprintf(f.log, "tw-net: holder of %s: %v\n", s.Name, err)
			return
		}
		time.Sleep(200 * time.Millisecond) // whatever kills holders must not become a loop
	}
}

// Holder is the pid of the process that holds the namespace now.
func (s *Space) Holder() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Pid
}

func (s *Space) write() error {
	b, err := json.Marshal(s.Record)
	if err != nil {
		return err
	}
	tmp := s.file + ".tmp"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.file)
}

// Close ends the holder and forgets the namespace; it lives on while other
// processes are in it.
func (s *Space) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return
	}
	s.gone = true
	os.Remove(s.file)
	if s.FD >= 0 {
		unix.Close(s.FD)
	}
	_ = s.proc.Kill()
	s.keep.Close()
}

// Do runs fn on a thread that is inside the namespace.
func (s *Space) Do(fn func() error) error {
	out := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(home)
			err = unix.Setns(s.FD, unix.CLONE_NEWNET)
		}
		if err != nil {
			out <- fmt.Errorf("join %s: %w", s.Name, err)
			return
		}
		err = fn()
		// A thread that cannot go back (rootless) ends with its goroutine.
		if unix.Setns(home, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		out <- err
	}()
	return <-out
}

// Run runs a command inside the namespace with the given standard input.
func (s *Space) Run(stdin string, argv ...string) error {
	return s.Do(func() error {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), err, bytes.TrimSpace(out))
		}
		return nil
	})
}

func setup() error {
	return Sysctl(map[string]string{
		"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1",
		"ipv4/ip_forward":         "1",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
		"ipv4/conf/all/accept_redirects": "0", "ipv4/conf/default/accept_redirects": "0",
	})
}

// Sysctl sets keys below /proc/sys/net of the calling thread's namespace. Keys of
// parts that the kernel lacks (IPv6, bridge filtering) are passed over.
func Sysctl(values map[string]string) error {
	for path, v := range values {
		err := os.WriteFile("/proc/sys/net/"+path, []byte(v), 0)
		optional := strings.HasPrefix(path, "ipv6/") || strings.HasPrefix(path, "bridge/")
		if err != nil && !(optional && os.IsNotExist(err)) {
			return err
		}
	}
	return nil
}

// StartTime reads when a process started, in clock ticks since boot.
func StartTime(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("pid %d: short stat", pid)
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}
