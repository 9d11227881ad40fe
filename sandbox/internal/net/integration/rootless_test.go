package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const nobody = 65534

// The same world without root, by both kinds of devices.
func TestRootless(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	t.Run("tun", func(t *testing.T) { rootless(t, "tun", nobody) })
	t.Run("packet", func(t *testing.T) { rootless(t, "packet", nobody) })
	t.Run("root that asks for it", func(t *testing.T) { rootless(t, "auto", 0) })
}

// A command as another user.
func as(uid int, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	return cmd
}

func rootless(t *testing.T, device string, uid int) {
	if err := as(uid, "unshare", "--user", "true").Run(); err != nil {
		t.Skipf("this system gives no user namespaces to ordinary users: %v", err)
	}
	if err := as(uid, "sh", "-c", "exec 3<>/dev/net/tun").Run(); device == "tun" && err != nil {
		t.Skipf("/dev/net/tun is not for ordinary users here: %v", err)
	}
	w := startAs(t, strings.Replace(netJSON, `{"id"`, fmt.Sprintf(`{"wanDevice":%q,"rootless":true,"id"`, device), 1), uid)
	one := serve(t, w.machine("sao-1", sao, "10.10.0.11", "198.18.1.10"), "10.10.0.11:30080", "one")
	serve(t, w.machine("sao-2", sao, "10.10.0.12", ""), "10.10.0.12:30080", "two")
	w.ask(twoTargets(""))
	users := w.space("users-mtl")
	for _, network := range []string{"tcp", "udp"} {
		_, client := words(call(users, network, "198.18.1.100:80", time.Second))
		expect(t, network+": client seen", client, "198.19.102.2")
	}
	got := rtt(t, users, "198.18.1.100:80", 5)
	if got < 130*time.Millisecond || got > 132*time.Millisecond {
		t.Errorf("users-mtl to sao: %v, want 130 ms", got)
	}
	if c, err := users.Dial(context.Background(), "tcp", "198.18.1.100:80"); err != nil {
		t.Error(err)
	} else {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(make([]byte, 200_000)); err != nil { // full packets must cross as well
			t.Error(err)
		}
		c.Close()
	}
	one.stop()
	if !eventually(3*time.Second, func() bool {
		for range 6 {
			if tag, _ := words(call(users, "udp", "198.18.1.100:80", 300*time.Millisecond)); tag != "two" {
				return false
			}
		}
		return true
	}) {
		t.Error("udp: target one is still used after 3 s")
	}
	enter := exec.Command(binary, "enter", "--dir", w.dir, "sao-2", "--", "sh", "-c", `id -u; cat /proc/sys/net/ipv4/ip_forward`)
	enter.SysProcAttr = as(uid, "").SysProcAttr
	out, err := enter.CombinedOutput()
	if string(out) != "0\n1\n" {
		t.Errorf("enter: %q %v", out, err)
	}
	w.kill()
	if !eventually(3*time.Second, func() bool { return len(w.marked()) == 0 }) {
		t.Errorf("processes left: %v", w.marked())
	}
}
