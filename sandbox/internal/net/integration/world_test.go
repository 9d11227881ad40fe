// Package integration runs the real tw-net as root and looks at the network that it
// builds. Servers and clients are goroutines of the test on threads that have joined
// the namespaces.
package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/ns"
)

const (
	sao, mtl, syd = "sa-east-1", "canadacentral", "australia-southeast1"
	netJSON       = `{"id":"%s","regions":[{"name":"sa-east-1","index":1},{"name":"canadacentral","index":2},{"name":"australia-southeast1","index":3}],
"users":[{"name":"sao","index":1,"region":"sa-east-1","lastMileMs":5},{"name":"mtl","index":2,"region":"canadacentral","lastMileMs":5}],
"operator":{"region":"canadacentral","lastMileMs":7.5},"clouds":{"oneWayMs":1},
"links":[{"from":"sa-east-1","to":"canadacentral","oneWayMs":60},{"from":"canadacentral","to":"sa-east-1","oneWayMs":60},
{"from":"sa-east-1","to":"australia-southeast1","oneWayMs":155},{"from":"australia-southeast1","to":"sa-east-1","oneWayMs":155},
{"from":"canadacentral","to":"australia-southeast1","oneWayMs":102.5},{"from":"australia-southeast1","to":"canadacentral","oneWayMs":102.5}],
"doors":{"connectSecret":"s3cret"}}`
)

var binary string

func TestMain(m *testing.M) {
	if os.Getuid() != 0 {
		os.Exit(m.Run()) // each test skips itself, by name
	}
	dir, err := os.MkdirTemp("", "tw")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "tw-net")
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", binary}
	cgo := "CGO_ENABLED=0"
	if os.Getenv("TW_NET_RACE") != "" { // the daemon itself under the race detector
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	build := exec.Command("go", append(args, "tradewind.dev/sandbox/cmd/tw-net")...)
	build.Env = append(os.Environ(), cgo)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build tw-net: %v\n%s", err, out)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the rootless tests run it as another user
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// world is a running `tw-net up` in a directory of its own.
type world struct {
	t    *testing.T
	id   string
	dir  string
	uid  int // of the daemon
	cmd  *exec.Cmd
	ctl  net.Conn
	from *bufio.Reader
}

func start(t *testing.T, spec string) *world {
	t.Helper()
	return startAs(t, spec, 0)
}

func startAs(t *testing.T, spec string, uid int) *world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir, err := os.MkdirTemp("", "tw") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, uid: uid, id: fmt.Sprintf("it-%d-%d", os.Getpid(), time.Now().UnixNano())}
	file := filepath.Join(dir, "net.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, spec, w.id), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{dir, file} {
		if err := os.Chown(f, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	w.up()
	t.Cleanup(w.kill)
	return w
}

// up starts the daemon and connects to it.
func (w *world) up() {
	w.t.Helper()
	w.cmd = exec.Command(binary, "up", "--dir", w.dir)
	w.cmd.Env = append(os.Environ(), "TW_SANDBOX="+w.id)
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uint32(w.uid), Gid: uint32(w.uid)}}
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		w.t.Fatalf("up says %q, %v", line, err)
	}
	w.ctl, err = net.Dial("unix", filepath.Join(w.dir, "run", "net.sock"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.from = bufio.NewReader(w.ctl)
}

func (w *world) kill() {
	w.ctl.Close()
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
}

// ask sends a request without its id and wants ok.
func (w *world) ask(request string) map[string]any {
	w.t.Helper()
	r := w.try(request)
	if r["ok"] != true {
		w.t.Fatalf("%s: %v", request, r["error"])
	}
	return r
}

func (w *world) try(request string) map[string]any {
	w.t.Helper()
	if _, err := fmt.Fprintln(w.ctl, request); err != nil {
		w.t.Fatal(err)
	}
	line, err := w.from.ReadBytes('\n')
	var r map[string]any
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", line, err)
	}
	return r
}

func (w *world) machine(name, region, ip, public string) *ns.Space {
	w.t.Helper()
	if public != "" {
		public = fmt.Sprintf(`,"public":%q`, public)
	}
	w.ask(fmt.Sprintf(`{"do":"machine","name":%q,"region":%q,"ip":%q,"cidr":"10.10.0.0/16"%s}`, name, region, ip, public))
	return w.space(name)
}

// space joins a namespace as `enter` would find it.
func (w *world) space(name string) *ns.Space {
	w.t.Helper()
	r, err := ns.Find(w.dir, name)
	if err != nil {
		w.t.Fatal(err)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", r.Pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { unix.Close(fd) })
	return &ns.Space{Record: r, FD: fd}
}

// server answers "<tag> <client's address>" over TCP and UDP on one port.
type server struct {
	l net.Listener
	u net.PacketConn
}

func serve(t *testing.T, s *ns.Space, address, tag string) *server {
	t.Helper()
	srv := &server{}
	err := s.Do(func() (err error) {
		if srv.l, err = net.Listen("tcp4", address); err == nil {
			srv.u, err = net.ListenPacket("udp4", address)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.stop)
	go func() {
		for {
			c, err := srv.l.Accept()
			if err != nil {
				return
			}
			go answer(c, tag)
		}
	}()
	go func() {
		b := make([]byte, 1500)
		for {
			_, from, err := srv.u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = srv.u.WriteTo([]byte(tag+" "+from.(*net.UDPAddr).IP.String()), from)
		}
	}()
	return srv
}

func answer(c net.Conn, tag string) {
	defer c.Close()
	b := make([]byte, 64<<10)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := c.Write([]byte(tag + " " + c.RemoteAddr().(*net.TCPAddr).IP.String())); err != nil {
			return
		}
	}
}

func (s *server) stop() { s.l.Close(); s.u.Close() }

// call sends one packet or opens one connection and returns the answer, or "" after wait.
func call(s *ns.Space, network, address string, wait time.Duration) string {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c, err := s.Dial(ctx, network, address)
	if err != nil {
		return ""
	}
	defer c.Close()
	return talk(c, wait)
}

func talk(c net.Conn, wait time.Duration) string {
	_ = c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write([]byte("hello")); err != nil {
		return ""
	}
	b := make([]byte, 1500)
	n, _ := c.Read(b)
	return string(b[:n])
}

// rtt is the least of several round trips on one UDP socket.
func rtt(t *testing.T, s *ns.Space, address string, n int) time.Duration {
	t.Helper()
	c, err := s.Dial(context.Background(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	best := time.Hour
	for range n {
		at := time.Now()
		if talk(c, time.Second) != "" {
			best = min(best, time.Since(at))
		}
	}
	return best
}

func eventually(wait time.Duration, ok func() bool) bool {
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func words(s string) (tag, client string) {
	tag, client, _ = strings.Cut(s, " ")
	return tag, client
}
