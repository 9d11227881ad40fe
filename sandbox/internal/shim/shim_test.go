package shim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const passwd = "root:x:0:0:root:/root:/bin/bash\nredis:x:999:998::/:/bin/false\nbroken:x\nodd:x:a:b::/:/\n"

func TestFindUser(t *testing.T) {
	uid, gid, err := findUser(passwd, "redis")
	if err != nil || uid != 999 || gid != 998 {
		t.Errorf("%d %d %v", uid, gid, err)
	}
	for _, name := range []string{"nobody", "broken", "odd", ""} {
		if _, _, err := findUser(passwd, name); err == nil {
			t.Errorf("%q was found", name)
		}
	}
}

func TestMountPoint(t *testing.T) {
	d := t.TempDir()
	file := filepath.Join(d, "host-file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(d, "a", "b", "file")
	if err := mountPoint(at, file); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(at); err != nil || st.IsDir() {
		t.Errorf("%v %v", st, err)
	}
	folder := filepath.Join(d, "c", "d")
	if err := mountPoint(folder, d); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(folder); err != nil || !st.IsDir() {
		t.Errorf("%v %v", st, err)
	}
	if err := mountPoint(filepath.Join(d, "e"), filepath.Join(d, "none")); err == nil {
		t.Error("a missing source was accepted")
	}
}

func TestLookPathUsesTheContainersPath(t *testing.T) {
	d := t.TempDir()
	if err := os.WriteFile(filepath.Join(d, "prog"), []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", "/nowhere")
	if p, err := lookPath("prog", []string{"A=b", "PATH=" + d}); err != nil || p != filepath.Join(d, "prog") {
		t.Errorf("%s %v", p, err)
	}
	if _, err := lookPath("prog", []string{"PATH=/nowhere"}); err == nil || !strings.Contains(err.Error(), "executable file not found") {
		t.Errorf("err = %v", err)
	}
}

func names(set uint64) string {
	var out []string
	for i, c := range capabilities {
		if set&(1<<i) != 0 {
			out = append(out, c)
		}
	}
	return strings.Join(out, " ")
}

func TestCapabilities(t *testing.T) {
	const all = 1<<41 - 1
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{Limits{Drop: []string{"ALL"}}, ""},
		{Limits{Drop: []string{"all"}, Add: []string{"NET_BIND_SERVICE"}}, "NET_BIND_SERVICE"},
		{Limits{Drop: []string{"ALL"}, Add: []string{"CAP_NET_ADMIN", "nonsense", "SYS_TIME"}}, "NET_ADMIN"},
	} {
		if got := names(c.limits.allowed()); got != c.want {
			t.Errorf("%+v: %s", c.limits, got)
		}
	}
	plain := (&Limits{}).allowed()
	for _, bad := range []string{"SYS_ADMIN", "MKNOD", "SYS_BOOT", "NET_ADMIN", "SYS_MODULE", "SYS_PTRACE", "DAC_READ_SEARCH", "BPF"} {
		if plain&bits([]string{bad}, all) != 0 {
			t.Errorf("a plain container has %s", bad)
		}
	}
	privileged := names((&Limits{Privileged: true}).allowed())
	if !strings.Contains(privileged, "SYS_ADMIN") || strings.Contains(privileged, "SYS_BOOT") || strings.Contains(privileged, "MKNOD") {
		t.Errorf("a privileged container has %s", privileged)
	}
}

func TestCopyFile(t *testing.T) {
	d := t.TempDir()
	from, to := filepath.Join(d, "from"), filepath.Join(d, "a", "to")
	if err := os.WriteFile(from, []byte("text"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(from, to); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(to)
	st, serr := os.Stat(to)
	if err != nil || serr != nil || string(b) != "text" || st.Mode().Perm() != 0o750 {
		t.Errorf("%q %v %v", b, err, serr)
	}
	if err := copyFile(d, to); err == nil {
		t.Error("a folder was copied")
	}
}
