package wan

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Device is the name of a site's interface into the WAN.
const Device = "wan0"

// Port is a site's device as the router sees it.
type Port struct {
	fd     int
	offset int    // where the IP header starts in what is read
	mac    []byte // destination to write (packet sockets only)
	tun    bool
	gso    bool
}

const (
	tunCsum = 1
	tunTSO4 = 2
	tunTSO6 = 4
	tunUSO4 = 0x20
	tunUSO6 = 0x40
	vnetHdr = 10
)

// OpenTun makes the device Device in the network namespace of the calling thread.
// Packets carry virtio headers, so that the kernel hands over super-packets.
func OpenTun() (*Port, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var ifr struct { // struct ifreq
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(ifr.name[:], Device)
	ifr.flags = unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&ifr))); e != 0 {
		unix.Close(fd)
		return nil, fmt.Errorf("TUNSETIFF: %w", e)
	}
	p := &Port{fd: fd, offset: vnetHdr, tun: true}
	if err := p.SuperPackets(true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return p, nil
}

// SuperPackets says whether the kernel may hand over packets of up to 64 KB.
// It must be off while a link of the site has a loss or a rate: those are per
// packet on the wire. Packet sockets never carry super-packets.
func (p *Port) SuperPackets(on bool) error {
	if !p.tun || on == p.gso {
		return nil
	}
	flags := tunCsum
	if on {
		flags |= tunTSO4 | tunTSO6 | tunUSO4 | tunUSO6
	}
	err := unix.IoctlSetInt(p.fd, unix.TUNSETOFFLOAD, flags)
	if err != nil && on { // kernels before 6.2 know no UDP segmentation here
		err = unix.IoctlSetInt(p.fd, unix.TUNSETOFFLOAD, tunCsum|tunTSO4|tunTSO6)
	}
	if err != nil {
		return fmt.Errorf("TUNSETOFFLOAD: %w", err)
	}
	p.gso = on
	return nil
}
