package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/doors"
	"tradewind.dev/sandbox/internal/net/ns"
)

func TestDoors(t *testing.T) {
	w := start(t, netJSON)
	m := w.machine("sao-1", sao, "10.10.0.11", "198.18.1.10")
	var l net.Listener
	if err := m.Do(func() (err error) { l, err = net.Listen("tcp4", "198.18.1.10:80"); return err }); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			fmt.Fprintf(rw, "%s from %s", r.Host, host)
		}))
	}()
	name(t, w.space("clouds"), "198.19.0.53:53")
	name(t, w.space("users-sao"), "198.19.101.53:53")
	var ledger doors.Ledger
	b, err := os.ReadFile(filepath.Join(w.dir, "run", "doors.json"))
	if err == nil {
		err = json.Unmarshal(b, &ledger)
	}
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]string{"wrong": "407", "s3cret": "200 app.example from 198.19.1.2"} {
		proxy := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", ledger.Connect.Port), User: url.UserPassword("tw", secret)}
		c := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
		got := get(t, c, "http://app.example/")
		if !strings.HasPrefix(got, want) {
			t.Errorf("connect door with secret %q: %q, want %q", secret, got, want)
		}
	}
	door := fmt.Sprint(w.ask(`{"do":"door","users":"sao","host":"app.example","port":80}`)["url"])
	jar, _ := cookiejar.New(nil)
	expect(t, "page door", get(t, &http.Client{Jar: jar}, door), "200 app.example from 198.19.101.2")
	if got := get(t, &http.Client{}, door); !strings.HasPrefix(got, "403") {
		t.Errorf("used key: %q", got)
	}
	if got := fmt.Sprint(w.try(`{"do":"door","users":"nobody","host":"x","port":80}`)["error"]); !strings.Contains(got, `no user group "nobody"`) {
		t.Error(got)
	}
}

// name answers app.example with 198.18.1.10.
func name(t *testing.T, s *ns.Space, address string) {
	t.Helper()
	var u net.PacketConn
	if err := s.Do(func() (err error) { u, err = net.ListenPacket("udp4", address); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	go func() {
		b := make([]byte, 600)
		for {
			n, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil {
				continue
			}
			m.Response = true
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body: &dnsmessage.AResource{A: [4]byte{198, 18, 1, 10}}}}
			if out, err := m.Pack(); err == nil {
				_, _ = u.WriteTo(out, from)
			}
		}
	}()
}

func get(t *testing.T, c *http.Client, address string) string {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return fmt.Sprintf("%d %s", res.StatusCode, b)
}

func TestMachineRules(t *testing.T) {
	w := start(t, netJSON)
	same := `{"do":"machine","name":"sao-1","region":"sa-east-1","ip":"10.10.0.11","cidr":"10.10.0.0/16","public":"198.18.1.10"}`
	first := w.ask(same)
	if again := w.ask(same); again["pid"] != first["pid"] || again["gateway"] != "10.10.0.1" {
		t.Errorf("again: %v, first %v", again, first)
	}
	for request, want := range map[string]string{
		`{"do":"machine","name":"sao-1","region":"sa-east-1","ip":"10.10.0.99","cidr":"10.10.0.0/16"}`:                      "exists with other settings",
		`{"do":"machine","name":"sao-9","region":"sa-east-1","ip":"10.10.0.11","cidr":"10.10.0.0/16"}`:                      "machine sao-1 already has",
		`{"do":"machine","name":"sao-9","region":"sa-east-1","ip":"10.10.0.1","cidr":"10.10.0.0/16"}`:                       "first address is the gateway",
		`{"do":"machine","name":"sao-9","region":"sa-east-1","ip":"10.11.0.9","cidr":"10.10.0.0/16"}`:                       "not a machine address",
		`{"do":"machine","name":"sao-9","region":"sa-east-1","ip":"10.10.1.9","cidr":"10.10.1.0/24"}`:                       "overlaps 10.10.0.0/16",
		`{"do":"machine","name":"sao-9","region":"sa-east-1","ip":"10.10.0.9","cidr":"10.10.0.0/16","public":"198.18.2.9"}`: "not a free public address",
		`{"do":"machine","name":"sao-9","region":"sa-east","ip":"10.10.0.9","cidr":"10.10.0.0/16"}`:                         `did you mean "sa-east-1"?`,
		`{"do":"machine","name":"a/b","region":"sa-east-1","ip":"10.10.0.9","cidr":"10.10.0.0/16"}`:                         "not a machine name",
		`{"do":"machine","name":"operator","region":"sa-east-1","ip":"10.10.0.9","cidr":"10.10.0.0/16"}`:                    "name of a site",
		`{"do":"vip","ip":"198.18.1.10","region":"sa-east-1","ports":[]}`:                                                   "public address of machine sao-1",
		`{"do":"vip","ip":"198.18.1.100","region":"sa-east-1","ports":[{"proto":"sctp","port":1,"targets":[]}]}`:            `"sctp" is not`,
		`{"do":"machine","name":"x","region":"sa-east-1","ip":"198.18.1.20","cidr":"198.18.1.0/24"}`:                        "overlaps the public range",
		`{"do":"machine","name":"x","region":"sa-east-1","ip":"10.10.0.9","cidr":"10.10.0.0/16","publik":"198.18.1.9"}`:     `unknown field "publik"`,
	} {
		if got := fmt.Sprint(w.try(request)["error"]); !strings.Contains(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", request, got, want)
		}
	}
	if r := w.ask(`{"do":"machineGone","name":"sao-1"}`); r["existed"] != true {
		t.Errorf("machineGone: %v", r)
	}
	if r := w.ask(`{"do":"machineGone","name":"sao-1"}`); r["existed"] != false {
		t.Errorf("machineGone twice: %v", r)
	}
	w.ask(same) // a machine may come back
	if err := exec.Command(binary, "enter", "--dir", w.dir, "sao-1", "--", "true").Run(); err != nil {
		t.Errorf("enter the machine that came back: %v", err)
	}
}

func TestEnterBecomesTheCommand(t *testing.T) {
	w := start(t, netJSON)
	cmd := exec.Command(binary, "enter", "--dir", w.dir, "operator", "--", "sh", "-c", `echo $$ "$X" "$PWD"; readlink /proc/self/ns/net; exit 7`)
	cmd.Dir, cmd.Env = "/", append(os.Environ(), "X=y z")
	at := time.Now()
	out, err := cmd.Output()
	t.Logf("enter and sh took %v", time.Since(at))
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 7 {
		t.Fatalf("exit %v", err)
	}
	rec, err := ns.Find(w.dir, "operator")
	if err != nil {
		t.Fatal(err)
	}
	link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", rec.Pid))
	expect(t, "output", string(out), fmt.Sprintf("%d y z /\n%s\n", cmd.ProcessState.Pid(), link))
	msg, err := exec.Command(binary, "enter", "--dir", w.dir, "nowhere", "--", "true").CombinedOutput()
	if err == nil || !strings.Contains(string(msg), `no namespace "nowhere"`) {
		t.Errorf("unknown namespace: %v %s", err, msg)
	}
}

func TestSecondUpIsRefused(t *testing.T) {
	w := start(t, netJSON)
	out, err := exec.Command(binary, "up", "--dir", w.dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another tw-net up") {
		t.Errorf("%v %s", err, out)
	}
	w.ask(`{"do":"stats"}`)
}

func TestHolderThatDiesComesBack(t *testing.T) {
	w := start(t, netJSON)
	w.machine("sao-1", sao, "10.10.0.11", "")
	old, err := ns.Find(w.dir, "sao-1")
	if err != nil {
		t.Fatal(err)
	}
	link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", old.Pid))
	if err := unix.Kill(old.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !eventually(3*time.Second, func() bool {
		r, err := ns.Find(w.dir, "sao-1")
		if err != nil || r.Pid == old.Pid {
			return false
		}
		now, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", r.Pid))
		return now == link
	}) {
		t.Error("the namespace has no new holder after 3 s")
	}
}

func TestKilledUpLeavesNothing(t *testing.T) {
	w := start(t, netJSON)
	w.ask(`{"do":"machine","name":"sao-1","region":"sa-east-1","ip":"10.10.0.11","cidr":"10.10.0.0/16"}`)
	marked, spaces := w.marked(), w.inodes()
	if len(marked) != 9 || len(spaces) != 8 { // up itself, 7 sites and a machine
		t.Fatalf("%d processes, %d namespaces", len(marked), len(spaces))
	}
	w.kill()
	if !eventually(3*time.Second, func() bool { return len(w.marked()) == 0 }) {
		t.Errorf("processes left: %v", w.marked())
	}
	if left := holders(spaces); len(left) > 0 {
		t.Errorf("namespaces are held by %v", left)
	}
	if err := exec.Command(binary, "enter", "--dir", w.dir, "operator", "--", "true").Run(); err == nil {
		t.Error("enter of a dead world succeeds")
	}
	w.up()
	serve(t, w.machine("mtl-1", mtl, "10.10.0.11", "198.18.2.10"), "198.18.2.10:7000", "mtl")
	expect(t, "the new world", call(w.space("users-sao"), "tcp", "198.18.2.10:7000", time.Second), "mtl 198.19.101.2")
	if _, err := ns.Find(w.dir, "sao-1"); err == nil {
		t.Error("the new world knows a machine of the old one")
	}
}

// marked lists the processes that carry the sandbox's id.
func (w *world) marked() (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && strings.Contains("\x00"+string(b), "\x00TW_SANDBOX="+w.id+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// inodes lists the network namespaces of the records.
func (w *world) inodes() map[string]bool {
	out := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(w.dir, "run", "ns", "*.json"))
	for _, f := range files {
		r, err := ns.Find(w.dir, strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			w.t.Fatal(err)
		}
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", r.Pid))
		out[link] = true
	}
	return out
}

// holders lists what keeps one of the namespaces: threads, descriptors, mounts.
func holders(spaces map[string]bool) (out []string) {
	for _, pattern := range []string{"/proc/[0-9]*/task/[0-9]*/ns/net", "/proc/[0-9]*/fd/[0-9]*"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			if link, err := os.Readlink(f); err == nil && spaces[link] {
				out = append(out, f)
			}
		}
	}
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for s := range spaces {
		if strings.Contains(string(b), s) {
			out = append(out, "mount of "+s)
		}
	}
	return out
}
