package runtime

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bridgeName is the pod bridge of a node, in the node's own namespace.
const bridgeName = "cbr0"

// podNet hands out the addresses of a node's pod range.
type podNet struct {
	prefix  netip.Prefix
	gateway netip.Addr
	used    map[netip.Addr]bool
	next    netip.Addr
}

func newPodNet(cidr string) (*podNet, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || !p.Addr().Is4() {
		return nil, fmt.Errorf("pod range %q is not an IPv4 range", cidr)
	}
	p = p.Masked()
	gw := p.Addr().Next()
	return &podNet{prefix: p, gateway: gw, used: map[netip.Addr]bool{}, next: gw.Next()}, nil
}

// take returns a free address. It goes round the range, so that an address rests before it is used again.
func (n *podNet) take() (netip.Addr, error) {
	size := 1 << (32 - n.prefix.Bits())
	for range size {
		a := n.next
		n.next = a.Next()
		// The last address is the broadcast.
		if !n.prefix.Contains(a.Next()) || !a.Next().IsValid() {
			n.next = n.gateway.Next()
			if !n.prefix.Contains(a) || !n.prefix.Contains(a.Next()) {
				continue
			}
		}
		if a != n.gateway && a != n.prefix.Addr() && !n.used[a] {
			n.used[a] = true
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no free address in %s", n.prefix)
}

func (n *podNet) free(a netip.Addr) { delete(n.used, a) }

func (n *podNet) ipNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(n.prefix.Bits(), 32)}
}

// buildBridge makes the pod bridge with the gateway's address; one left by an earlier life is replaced.
func (n *podNet) buildBridge() error {
	if old, err := netlink.LinkByName(bridgeName); err == nil {
		if err := netlink.LinkDel(old); err != nil {
			return fmt.Errorf("old pod bridge: %w", err)
		}
	}
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(br); err != nil {
		return fmt.Errorf("pod bridge: %w", err)
	}
	if err := netlink.AddrReplace(br, &netlink.Addr{IPNet: n.ipNet(n.gateway)}); err != nil {
		return fmt.Errorf("pod bridge's address: %w", err)
	}
	if err := netlink.LinkSetUp(br); err != nil {
		return fmt.Errorf("pod bridge: %w", err)
	}
	for file, value := range map[string]string{
		"/proc/sys/net/ipv4/ip_forward": "1",
		// kube-proxy rewrites packets between pods of one node too, which only a filtering bridge shows it.
		"/proc/sys/net/bridge/bridge-nf-call-iptables": "1",
	} {
		if err := os.WriteFile(file, []byte(value), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("sysctl: %w", err)
		}
	}
	return nil
}

func vethName(podID string) string { return "v" + podID[:12] }

// plug gives a pod its interface, address and default route.
func (n *podNet) plug(p *pod) error {
	pid := p.pause.Process.Pid
	host := vethName(p.id)
	v := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: host}, PeerName: "eth0", PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("pod interface: %w", err)
	}
	br, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(v, br); err != nil {
		return fmt.Errorf("join the pod bridge: %w", err)
	}
	// A pod may reach itself through its Service.
	if err := netlink.LinkSetHairpin(v, true); err != nil {
		return fmt.Errorf("hairpin: %w", err)
	}
	if err := netlink.LinkSetUp(v); err != nil {
		return err
	}
	return inNetwork(pid, func() error {
		if err := n.configure(p.ip); err != nil {
			return err
		}
		return sysctls(p.cfg.GetLinux().GetSysctls())
	})
}

func (n *podNet) configure(ip netip.Addr) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	eth, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(eth, &netlink.Addr{IPNet: n.ipNet(ip)}); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(eth); err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Gw: n.gateway.AsSlice()})
}

// ipcSysctls are the settings that belong to the pod's IPC namespace.
func ipcSysctls(asked map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range asked {
		if ofIPC(k) {
			out[k] = v
		}
	}
	return out
}

func ofIPC(k string) bool {
	for _, p := range []string{"kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."} {
		if strings.HasPrefix(k, p) {
			return true
		}
	}
	return false
}

// sysctls sets the pod's network settings; the files under /proc/sys/net belong to the thread's namespace.
func sysctls(asked map[string]string) error {
	// As other runtimes do: any user of a pod may bind any port and send pings.
	all := map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
	for k, v := range asked {
		if ofIPC(k) {
			continue
		}
		if !strings.HasPrefix(k, "net.") {
			return fmt.Errorf("sysctl %s cannot be set for a pod here", k)
		}
		all[k] = v
	}
	for k, v := range all {
		file := filepath.Join("/proc/sys", strings.ReplaceAll(k, ".", "/"))
		err := os.WriteFile(file, []byte(v), 0)
		if err != nil && asked[k] != "" {
			return fmt.Errorf("sysctl %s: %w", k, err)
		}
	}
	return nil
}

// unplug removes a pod's interface; it is gone already when the pod's namespace is.
func unplug(podID string) {
	if l, err := netlink.LinkByName(vethName(podID)); err == nil {
		_ = netlink.LinkDel(l)
	}
}

// inNetwork runs f on a thread that is in the network namespace of a process.
func inNetwork(pid int, f func() error) error {
	runtime.LockOSThread()
	own, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	other, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("pod's network: %w", err)
	}
	defer other.Close()
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the pod's network: %w", err)
	}
	ferr := f()
	if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
		// The thread stays locked and ends with this goroutine: no other work may run in a pod's network.
		return errors.Join(ferr, fmt.Errorf("leave the pod's network: %w", err))
	}
	runtime.UnlockOSThread()
	return ferr
}
