//go:build integration

package test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	region  = "sa-east-1"
	cluster = "aws-demo-sao"
)

// rig is one region with a control plane, two nodes and a double of the clouds.
type rig struct {
	t       *testing.T
	dir     string
	bin     string
	mark    string
	clouds  *clouds
	net     net.Conn
	replies *bufio.Reader
	mu      sync.Mutex
	procs   map[string]*exec.Cmd
}

func binaries(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces and mounts")
	}
	bin := os.Getenv("TW_BIN")
	if bin == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		bin = filepath.Join(wd, "..", "..", ".tradewind", "cache", "bin")
	}
	for _, b := range []string{"tw-sandbox", "tw-shim", "tw-net", "tw-coredns"} {
		if _, err := os.Stat(filepath.Join(bin, b)); err != nil {
			t.Skipf("%s is not built: set TW_BIN", b)
		}
	}
	for _, b := range []string{"kubectl", "redis-server", "nft"} {
		if _, err := exec.LookPath(b); err != nil {
			t.Skipf("%s is missing", b)
		}
	}
	return bin
}

func newRig(t *testing.T) *rig {
	bin := binaries(t)
	dir, err := os.MkdirTemp("", "tw-it-") // short: socket paths end at 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, bin: bin, mark: filepath.Base(dir), procs: map[string]*exec.Cmd{}}
	t.Cleanup(r.down)
	for _, d := range []string{"run", "log", "clusters"} {
		r.must(os.MkdirAll(filepath.Join(dir, d), 0o700))
	}
	r.write("id", r.mark)
	r.write("net.json", `{"id":"`+r.mark+`","rootless":false,"regions":[{"name":"sa-east-1","index":1}],
		"users":[{"name":"sao","index":1,"region":"sa-east-1","lastMileMs":5}],"operator":{"region":"sa-east-1","lastMileMs":7.5},
		"clouds":{"oneWayMs":1},"links":[],"doors":{"connectSecret":"x"}}`)
	r.start("net", filepath.Join(bin, "tw-net"), "up", "--dir", dir)
	r.until("tw-net", 10*time.Second, func() error {
		if b, _ := os.ReadFile(r.path("log/net.log")); !bytes.Contains(b, []byte("ready")) {
			return fmt.Errorf("not ready: %s", b)
		}
		return nil
	})
	if r.net, err = net.Dial("unix", r.path("run/net.sock")); err != nil {
		t.Fatal(err)
	}
	r.replies = bufio.NewReader(r.net)
	r.clouds = startClouds(t, r.path("run/clouds.sock"))
	r.machine("cp", "10.10.255.10", "198.18.1.10")
	r.machine("n1", "10.10.0.11", "")
	r.machine("n2", "10.10.0.12", "")
	r.specs()
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) path(p string) string { return filepath.Join(r.dir, p) }

func (r *rig) write(name string, v any) {
	r.t.Helper()
	b, ok := v.(string)
	if !ok {
		j, err := json.Marshal(v)
		r.must(err)
		b = string(j)
	}
	r.must(os.WriteFile(r.path(name), []byte(b), 0o600))
}

// ask sends one verb to tw-net.
func (r *rig) ask(v map[string]any) {
	r.t.Helper()
	v["id"] = 1
	b, err := json.Marshal(v)
	r.must(err)
	_, err = r.net.Write(append(b, '\n'))
	r.must(err)
	line, err := r.replies.ReadString('\n')
	r.must(err)
	if !strings.Contains(line, `"ok":true`) {
		r.t.Fatalf("%s: %s", b, line)
	}
}

func (r *rig) machine(name, ip, public string) {
	v := map[string]any{"do": "machine", "name": name, "region": region, "ip": ip, "cidr": "10.10.0.0/16"}
	if public != "" {
		v["public"] = public
	}
	r.ask(v)
}

func (r *rig) clusterDir() string { return r.path("clusters/c") }

func (r *rig) specs() {
	r.write("cp.json", map[string]any{"id": cluster, "cluster": "sao", "cloud": "aws", "region": region, "zones": []string{"sa-east-1a"},
		"dir": r.clusterDir(), "privateIp": "10.10.255.10", "endpointIp": "198.18.1.10", "dnsName": "abc.gr7.sa-east-1.eks.amazonaws.com",
		"issuer": "https://oidc.eks.sa-east-1.amazonaws.com/id/ABC", "podCidr": "10.20.0.0/16", "serviceCidr": "10.30.0.0/16", "version": "1.36",
		"cloudsSocket": r.path("run/clouds.sock"), "webhookUrl": "http://198.19.0.10/webhook/" + cluster, "dnsUpstream": "198.19.0.53"})
	for i := 1; i <= 2; i++ {
		n := fmt.Sprintf("n%d", i)
		r.write(n+".json", map[string]any{"id": cluster, "cluster": "sao", "node": n, "dir": r.path("clusters/c/nodes/" + n), "ip": fmt.Sprintf("10.10.0.1%d", i),
			"clusterDir": r.clusterDir(), "apiServer": "https://10.10.255.10:443", "podCidr": "10.20.0.0/16", "serviceCidr": "10.30.0.0/16",
			"clusterDns": "10.30.0.10", "instanceType": "t3.medium", "cpu": 2, "memoryBytes": 4 << 30,
			"labels": map[string]string{"pool": "a", "node-role.kubernetes.io/worker": ""}, "taints": []any{}, "providerId": "aws:///sa-east-1a/i-" + n,
			"recipes": r.path("recipes.json"), "shim": filepath.Join(r.bin, "tw-shim"), "rootless": false, "osImage": "simulated"})
	}
	r.write("greeting", "hello from a recipe")
	r.write("recipes.json", map[string]any{
		"images": []map[string]any{
			{"name": "docker.io/library/redis", "entrypoint": []string{"/usr/bin/redis-server"}, "cmd": []string{"--protected-mode", "no", "--save", ""}, "cwd": "/data"},
			{"name": "docker.io/library/tools", "cmd": []string{"/bin/sleep", "100000"}, "files": []map[string]any{{"host": r.path("greeting"), "at": "/opt/greeting", "ro": true}}},
			{"name": "registry.tradewind.example/private", "private": true, "cmd": []string{"/bin/sleep", "100000"}},
		},
		"registries": []map[string]string{{"host": "registry.tradewind.example", "username": "u", "password": "p"}},
	})
}

// start runs a process of the rig with its mark and a log file.
func (r *rig) start(name string, argv ...string) {
	r.t.Helper()
	f, err := os.OpenFile(r.path("log/"+name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	r.must(err)
	defer f.Close()
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = append(os.Environ(), "TW_SANDBOX="+r.mark)
	c.Stdout, c.Stderr = f, f
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r.must(c.Start())
	r.mu.Lock()
	r.procs[name] = c
	r.mu.Unlock()
}

// boot starts tw-sandbox inside a machine's namespace.
func (r *rig) boot(verb, name string) {
	r.start(name, filepath.Join(r.bin, "tw-net"), "enter", "--dir", r.dir, name, "--", filepath.Join(r.bin, "tw-sandbox"), verb, "--spec", r.path(name+".json"))
}

// kill ends a process as a power cut does.
func (r *rig) kill(name string) {
	r.mu.Lock()
	c := r.procs[name]
	delete(r.procs, name)
	r.mu.Unlock()
	if c == nil {
		return
	}
	_ = c.Process.Kill()
	_ = c.Wait()
}

func (r *rig) down() {
	for _, n := range []string{"n1", "n2", "cp", "net"} {
		r.kill(n)
	}
	if r.t.Failed() {
		r.t.Logf("left for reading: %s", r.dir)
		return
	}
	r.must(os.RemoveAll(r.dir))
}

// in runs a command inside a namespace.
func (r *rig) in(ns string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, filepath.Join(r.bin, "tw-net"), append([]string{"enter", "--dir", r.dir, ns, "--"}, argv...)...)
	c.Env = append(os.Environ(), "TW_SANDBOX="+r.mark)
	b, err := c.CombinedOutput()
	return string(b), err
}

func (r *rig) kubectl(args ...string) (string, error) {
	return r.in("cp", append([]string{"kubectl", "--kubeconfig", filepath.Join(r.clusterDir(), "admin.kubeconfig")}, args...)...)
}

// k is kubectl that must work.
func (r *rig) k(args ...string) string {
	r.t.Helper()
	out, err := r.kubectl(args...)
	if err != nil {
		r.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (r *rig) apply(manifest string) {
	r.t.Helper()
	f := r.path("apply.yaml")
	r.must(os.WriteFile(f, []byte(manifest), 0o600))
	r.k("apply", "-f", f)
}

// until repeats f until it has no complaint and returns how long that took.
func (r *rig) until(what string, limit time.Duration, f func() error) time.Duration {
	r.t.Helper()
	start := time.Now()
	for {
		err := f()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			r.t.Fatalf("%s: not after %s: %v", what, limit, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// wants is a condition on kubectl's output.
func (r *rig) wants(want string, args ...string) func() error {
	return func() error {
		out, err := r.kubectl(args...)
		if err == nil && strings.Contains(out, want) {
			return nil
		}
		return fmt.Errorf("kubectl %s: %q lacks %q (%v)", strings.Join(args, " "), out, want, err)
	}
}

// marked lists the processes that carry the rig's mark.
func (r *rig) marked() []string {
	var out []string
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || !strings.Contains("\x00"+string(b)+"\x00", "\x00TW_SANDBOX="+r.mark+"\x00") {
			continue
		}
		cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
		out = append(out, filepath.Base(filepath.Dir(f))+" "+strings.ReplaceAll(string(cmd), "\x00", " "))
	}
	return out
}

// children lists the processes a machine started itself: pauses and first programs of containers. Redis
// overwrites its environment with its title, so the mark does not find all of them.
func (r *rig) children(name string) []string {
	r.mu.Lock()
	pid := r.procs[name].Process.Pid
	r.mu.Unlock()
	var out []string
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		out = append(out, strings.Fields(string(b))...)
	}
	return out
}

// gone is the condition that none of the processes is there.
func gone(pids []string) func() error {
	return func() error {
		for _, p := range pids {
			if b, err := os.ReadFile("/proc/" + p + "/comm"); err == nil {
				return fmt.Errorf("%s %s is there", p, bytes.TrimSpace(b))
			}
		}
		return nil
	}
}
