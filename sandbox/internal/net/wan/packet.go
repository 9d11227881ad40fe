package wan

import (
	"fmt"
	"net"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const etherHeader = 14

// OpenPacket listens on one end of a veth in the calling thread's namespace; mac
// is the other end's address. Both ends need ARP off and WholePackets.
func OpenPacket(dev string, index int, mac net.HardwareAddr) (*Port, error) {
	if err := WholePackets(dev); err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8, Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packet socket on %s: %w", dev, err)
	}
	for _, o := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], 8<<20) != nil { // refused when rootless
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], 8<<20) // the system's limit clamps it
		}
	}
	return &Port{fd: fd, offset: etherHeader, mac: mac}, nil
}

// WholePackets makes the device hand over packets as they would be on a wire:
// complete checksums and no more than the MTU.
func WholePackets(dev string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, cmd := range []uint32{unix.ETHTOOL_STXCSUM, unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO} {
		value := &[2]uint32{cmd, 0}
		var ifr struct { // struct ifreq
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		ifr.data = unsafe.Pointer(value)
		copy(ifr.name[:unix.IFNAMSIZ-1], dev)
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifr)))
		runtime.KeepAlive(value)
		if e != 0 {
			return fmt.Errorf("offload %#x of %s: %w", cmd, dev, e)
		}
	}
	return nil
}
