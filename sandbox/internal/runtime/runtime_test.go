package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	rt "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tradewind.dev/sandbox/internal/image"
	"tradewind.dev/sandbox/internal/shim"
)

func TestPodAddresses(t *testing.T) {
	n, err := newPodNet("10.1.2.0/29")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[netip.Addr]bool{}
	for range 5 { // 8 less network, gateway and broadcast
		a, err := n.take()
		if err != nil {
			t.Fatal(err)
		}
		if seen[a] || !n.prefix.Contains(a) || a == n.gateway || a.String() == "10.1.2.0" || a.String() == "10.1.2.7" {
			t.Errorf("address %s", a)
		}
		seen[a] = true
	}
	if a, err := n.take(); err == nil {
		t.Errorf("a sixth address: %s", a)
	}
	back := netip.MustParseAddr("10.1.2.4")
	n.free(back)
	if a, err := n.take(); err != nil || a != back {
		t.Errorf("%s %v", a, err)
	}
}

func TestAddressRestsBeforeReuse(t *testing.T) {
	n, err := newPodNet("10.1.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := n.take()
	n.free(a)
	if b, _ := n.take(); a == b {
		t.Error("an address was given again at once")
	}
}

func TestPodRangeMustBeIPv4(t *testing.T) {
	for _, c := range []string{"", "10.1.0.0", "fd00::/64"} {
		if _, err := newPodNet(c); err == nil {
			t.Errorf("%q was accepted", c)
		}
	}
}

func TestResolvConf(t *testing.T) {
	got := resolvConf(&rt.DNSConfig{Servers: []string{"10.0.0.10"}, Searches: []string{"a.svc", "svc"}, Options: []string{"ndots:5"}})
	if got != "nameserver 10.0.0.10\nsearch a.svc svc\noptions ndots:5\n" {
		t.Errorf("%q", got)
	}
	if resolvConf(nil) != "" {
		t.Error("something from nothing")
	}
}

func TestLastWins(t *testing.T) {
	got := lastWins([]string{"A=1", "B=2", "A=3", "C", "B="})
	if want := []string{"A=3", "B=", "C"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestParseStat(t *testing.T) {
	if got := parseStat([]byte("12 (a) b (c)) S 1 12 12 0 -1 4194560 1 0 0 0 150 50 30 20 20 0 1 0 100 1000000 25 0 0")); got != 250*clockTick {
		t.Errorf("%d", got)
	}
	for _, bad := range []string{"", "12 (x", "12 (x) S 1"} {
		if got := parseStat([]byte(bad)); got != 0 {
			t.Errorf("%q: %d", bad, got)
		}
	}
}

func TestParseStatm(t *testing.T) {
	if got := parseStatm([]byte("5000 300 100 20 0 90 0\n"), 4096); got != 200*4096 {
		t.Errorf("%d", got)
	}
	for _, bad := range []string{"", "x", "10 5 6"} {
		if got := parseStatm([]byte(bad), 4096); got != 0 {
			t.Errorf("%q: %d", bad, got)
		}
	}
}

func TestUsageOfSelf(t *testing.T) {
	if u := UsageOf(os.Getpid()); u.Memory < 100<<10 {
		t.Errorf("%+v", u)
	}
	if ownMemory(os.Getpid()) < 100<<10 {
		t.Error("no memory of our own")
	}
	if u := UsageOf(1 << 30); u != (Usage{}) {
		t.Errorf("%+v", u)
	}
}

func TestSysctlsOfPods(t *testing.T) {
	if err := sysctls(map[string]string{"kernel.panic": "1"}); err == nil {
		t.Error("a setting of the whole machine was accepted")
	}
}

func testContainer(recipe image.Recipe, cfg *rt.ContainerConfig) *container {
	return &container{id: "c", podID: "p", cfg: cfg, podCfg: &rt.PodSandboxConfig{Hostname: "host"}, image: &image.Image{Recipe: &recipe}}
}

func TestCommandOfImageAndPod(t *testing.T) {
	recipe := image.Recipe{Entrypoint: []string{"/e"}, Cmd: []string{"d"}, Cwd: "/data", Env: []string{"A=image", "PATH=/x"}}
	r := &Runtime{opts: Options{Dir: t.TempDir(), Mark: "TW_SANDBOX=7"}}
	for _, c := range []struct {
		command, args, want []string
	}{
		{nil, nil, []string{"/e", "d"}},
		{nil, []string{"x"}, []string{"/e", "x"}},
		{[]string{"c"}, nil, []string{"c"}},
		{[]string{"c"}, []string{"x"}, []string{"c", "x"}},
	} {
		s, err := r.workOrder(testContainer(recipe, &rt.ContainerConfig{Command: c.command, Args: c.args, Envs: []*rt.KeyValue{{Key: "A", Value: []byte("pod")}}}), &pod{})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s.Args, c.want) {
			t.Errorf("%v %v: %v", c.command, c.args, s.Args)
		}
		if env := strings.Join(s.Env, " "); env != "PATH=/x HOME=/root HOSTNAME=host A=pod TW_SANDBOX=7" {
			t.Errorf("env %s", env)
		}
		if s.Cwd != "/data" {
			t.Errorf("cwd %s", s.Cwd)
		}
	}
	if _, err := r.workOrder(testContainer(image.Recipe{}, &rt.ContainerConfig{}), &pod{}); !errors.Is(err, errNoCommand) {
		t.Errorf("err = %v", err)
	}
}

func TestEnvironmentIsThePodsAlone(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "x")
	r := &Runtime{opts: Options{Dir: t.TempDir()}}
	s, err := r.workOrder(testContainer(image.Recipe{Entrypoint: []string{"/e"}}, &rt.ContainerConfig{}), &pod{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(s.Env, " "), "SECRET") {
		t.Errorf("env %v", s.Env)
	}
}

func TestRunAs(t *testing.T) {
	with := func(sc *rt.LinuxContainerSecurityContext) shim.User {
		return testContainer(image.Recipe{User: 100}, &rt.ContainerConfig{Linux: &rt.LinuxContainerConfig{SecurityContext: sc}}).runAs()
	}
	for _, c := range []struct {
		sc   *rt.LinuxContainerSecurityContext
		want shim.User
	}{
		{nil, shim.User{UID: 100, GID: 100}},
		{&rt.LinuxContainerSecurityContext{RunAsUser: &rt.Int64Value{Value: 5}}, shim.User{UID: 5}},
		{&rt.LinuxContainerSecurityContext{RunAsUser: &rt.Int64Value{Value: 5}, RunAsGroup: &rt.Int64Value{Value: 6}, SupplementalGroups: []int64{7}}, shim.User{UID: 5, GID: 6, Groups: []int{7}}},
		{&rt.LinuxContainerSecurityContext{RunAsUsername: "redis"}, shim.User{UID: -1, GID: 100, Name: "redis"}},
		{&rt.LinuxContainerSecurityContext{RunAsUsername: "42"}, shim.User{UID: 42, GID: 100, Name: "42"}},
	} {
		if got := with(c.sc); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v, want %+v", c.sc, got, c.want)
		}
	}
}

func TestLogFormat(t *testing.T) {
	o := newOutput(filepath.Join(t.TempDir(), "0.log"))
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	rd, wr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	stop := o.attach("stdout", &seen)
	go func() {
		_, _ = wr.WriteString("one\n" + strings.Repeat("x", lineLimit+3) + "\nno newline")
		wr.Close()
	}()
	o.copy(rd, "stdout")
	stop()
	o.write("stderr", []byte("err\n"))
	o.close()
	b, err := os.ReadFile(o.path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	shape := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.0-9]*Z (stdout|stderr) ([FP]) (.*)$`)
	var got []string
	for _, l := range lines {
		m := shape.FindStringSubmatch(l)
		if m == nil {
			t.Fatalf("line %q", l)
		}
		got = append(got, m[1]+m[2]+m[3][:min(3, len(m[3]))])
	}
	if want := []string{"stdoutFone", "stdoutPxxx", "stdoutFxxx", "stdoutPno ", "stderrFerr"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	if seen.Len() != len("one\n")+lineLimit+4+len("no newline") {
		t.Errorf("attached saw %d bytes", seen.Len())
	}
}

func TestLogRotation(t *testing.T) {
	o := newOutput(filepath.Join(t.TempDir(), "0.log"))
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	o.write("stdout", []byte("before\n"))
	if err := os.Rename(o.path, o.path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := o.reopen(); err != nil {
		t.Fatal(err)
	}
	o.write("stdout", []byte("after\n"))
	o.close()
	b, err := os.ReadFile(o.path)
	if err != nil || !strings.HasSuffix(string(b), " after\n") || strings.Contains(string(b), "before") {
		t.Errorf("%q %v", b, err)
	}
}

func TestFilters(t *testing.T) {
	p := &pod{id: "p", ready: true, cfg: &rt.PodSandboxConfig{Labels: map[string]string{"a": "1"}}}
	c := &container{id: "c", podID: "p", cfg: &rt.ContainerConfig{Labels: map[string]string{"a": "1"}}}
	if !podFits(p, nil) || podFits(p, &rt.PodSandboxFilter{Id: "q"}) || podFits(p, &rt.PodSandboxFilter{LabelSelector: map[string]string{"a": "2"}}) ||
		podFits(p, &rt.PodSandboxFilter{State: &rt.PodSandboxStateValue{State: rt.PodSandboxState_SANDBOX_NOTREADY}}) {
		t.Error("pod filter")
	}
	if !containerFits(c, &rt.ContainerFilter{PodSandboxId: "p", LabelSelector: map[string]string{"a": "1"}}) || containerFits(c, &rt.ContainerFilter{PodSandboxId: "q"}) ||
		containerFits(c, &rt.ContainerFilter{State: &rt.ContainerStateValue{State: rt.ContainerState_CONTAINER_RUNNING}}) {
		t.Error("container filter")
	}
}

func TestOutputLimit(t *testing.T) {
	var l limited
	for range 3 {
		if n, err := l.Write(make([]byte, outputLimit/2+1)); err != nil || n != outputLimit/2+1 {
			t.Fatal(n, err)
		}
	}
	if l.Len() != outputLimit {
		t.Errorf("kept %d bytes", l.Len())
	}
}

func TestImageVolume(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	book := fmt.Sprintf(`{"images":[{"name":"docker.io/library/art","files":[{"host":%q,"at":"/pics/data"},{"host":%q,"at":"/etc/data"}]}]}`, file, file)
	if err := os.WriteFile(filepath.Join(dir, "recipes.json"), []byte(book), 0o644); err != nil {
		t.Fatal(err)
	}
	store := image.NewStore(image.NewLibrary(filepath.Join(dir, "recipes.json")))
	r := &Runtime{opts: Options{Images: store}}
	m := &rt.Mount{ContainerPath: "/volume", Image: &rt.ImageSpec{Image: "art"}, ImageSubPath: "pics"}
	if _, err := r.imageVolume("art", m); err == nil {
		t.Error("an image that was not pulled")
	}
	if _, err := store.Pull("art", image.Auth{}); err != nil {
		t.Fatal(err)
	}
	got, err := r.imageVolume("art", m)
	if want := []shim.Mount{{Host: file, At: "/volume/data", RO: true}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	m.ImageSubPath = ""
	if got, err := r.imageVolume("art", m); err != nil || len(got) != 2 || got[1].At != "/volume/etc/data" {
		t.Errorf("%v %v", got, err)
	}
}

func TestGuestsCountWithTheContainer(t *testing.T) {
	idle, busy := exec.Command("sleep", "30"), exec.Command("sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 0.2")
	for _, c := range []*exec.Cmd{idle, busy} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		_ = idle.Process.Kill()
		_ = idle.Wait()
	}()
	r := &Runtime{}
	c := &container{cmd: idle}
	r.joined(c, busy.Process.Pid)
	if pids, _ := r.roots(c); len(pids) != 2 {
		t.Errorf("%v", pids)
	}
	if err := busy.Wait(); err != nil {
		t.Fatal(err)
	}
	r.left(c, busy.Process.Pid, busy.ProcessState)
	want := uint64(busy.ProcessState.UserTime() + busy.ProcessState.SystemTime())
	if u := r.usage(c); len(c.guests) != 0 || c.spent != want || want == 0 || u.CPU < want {
		t.Errorf("%+v spent %d of %d", u, c.spent, want)
	}
}
