package wan

import (
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Counters of one direction since the start.
type Counters struct {
	In, Out, Bytes, Lost, Cut, Full, WriteErrors, Queued int64
}

type link struct {
	set    atomic.Pointer[Settings]
	line   *Line
	q      fifo
	in     atomic.Int64
	out    atomic.Int64
	bytes  atomic.Int64
	lost   atomic.Int64
	cut    atomic.Int64
	full   atomic.Int64
	errs   atomic.Int64
	queued atomic.Int64
}

// Router moves packets between ports. Set and Stats may be called from any
// goroutine; Run owns everything else.
type Router struct {
	ports []*Port
	links []*link // from*n+to
	owner [512]int16
	stray atomic.Int64 // packets that no link takes: private, foreign or unknown addresses
	wake  int
	pool  pool
	buf   []byte
	now   func() int64
}

// New makes a router. prefixes[i] holds the second and third byte of port i's /24
// below 198.0.0.0/8, names[i] its name (which seeds the draws).
func New(ports []*Port, names []string, prefixes [][2]byte, seed uint64) (*Router, error) {
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	r := &Router{ports: ports, wake: wake, buf: make([]byte, bigSize), now: monotonic}
	for i := range r.owner {
		r.owner[i] = -1
	}
	for i, p := range prefixes {
		r.owner[slot(p[0], p[1])] = int16(i)
	}
	for _, a := range names {
		for _, b := range names {
			l := &link{line: NewLine(seed, a+">"+b)}
			l.set.Store(&Settings{})
			r.links = append(r.links, l)
		}
	}
	return r, nil
}

func slot(second, third byte) int { return int(second&1)<<8 | int(third) }

func (r *Router) link(from, to int) *link { return r.links[from*len(r.ports)+to] }

// Set changes one direction from now on; packets under way keep their time, but
// a cut takes them too.
func (r *Router) Set(from, to int, s Settings) { r.link(from, to).set.Store(&s) }

// Applied must follow one or more Set: it adapts the devices and wakes the loop.
func (r *Router) Applied() error {
	for i, p := range r.ports {
		exact := false
		for j := range r.ports {
			s := r.link(i, j).set.Load()
			exact = exact || s.Loss > 0 || s.Kbit > 0
		}
		if err := p.SuperPackets(!exact); err != nil {
			return err
		}
	}
	_, err := unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// Stats reads the counters of one direction.
func (r *Router) Stats(from, to int) Counters {
	l := r.link(from, to)
	return Counters{In: l.in.Load(), Out: l.out.Load(), Bytes: l.bytes.Load(), Lost: l.lost.Load(),
		Cut: l.cut.Load(), Full: l.full.Load(), WriteErrors: l.errs.Load(), Queued: l.queued.Load()}
}

// Stray counts packets that belong to no link.
func (r *Router) Stray() int64 { return r.stray.Load() }

// Run moves packets for ever. It takes the calling goroutine's thread for itself.
func (r *Router) Run() {
	runtime.LockOSThread()
	// Punctual also on a busy machine; both calls may be refused without harm.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -15)
	n := len(r.ports)
	fds := make([]unix.PollFd, n+1)
	for i, p := range r.ports {
		fds[i] = unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}
	}
	fds[n] = unix.PollFd{Fd: int32(r.wake), Events: unix.POLLIN}
	for {
		var wait *unix.Timespec
		if next := r.deliver(); next >= 0 {
			ts := unix.NsecToTimespec(max(next-r.now(), 0))
			wait = &ts
		}
		if k, _ := unix.Ppoll(fds, wait, nil); k <= 0 {
			continue
		}
		if fds[n].Revents != 0 {
			var b [8]byte
			_, _ = unix.Read(r.wake, b[:])
		}
		for i := range r.ports {
			if fds[i].Revents != 0 {
				r.receive(i)
			}
		}
	}
}

// deliver writes all packets that are due and returns when the next one is, or -1.
func (r *Router) deliver() int64 {
	next, now := int64(-1), r.now()
	for k, l := range r.links {
		for !l.q.empty() {
			p := l.q.first()
			if p.due > now {
				if next < 0 || p.due < next {
					next = p.due
				}
				break
			}
			r.send(l, r.ports[k%len(r.ports)], l.q.pop())
		}
	}
	return next
}

func (r *Router) send(l *link, to *Port, p packet) {
	defer r.pool.put(p.buf)
	size := len(p.buf) - to.offset
	l.line.Release(size)
	l.queued.Store(l.line.Held())
	if l.set.Load().Cut {
		l.cut.Add(1)
		return
	}
	if to.mac != nil {
		copy(p.buf[to.offset-14:], to.mac)
	}
	if _, err := unix.Write(to.fd, p.buf); err != nil {
		l.errs.Add(1)
		return
	}
	l.out.Add(1)
	l.bytes.Add(int64(size))
}

// receive takes up to 64 packets of one port, so that no port starves the others.
func (r *Router) receive(i int) {
	p, now := r.ports[i], r.now()
	for range 64 {
		m, err := unix.Read(p.fd, r.buf)
		if err != nil || m <= p.offset {
			return
		}
		j := r.route(i, r.buf[p.offset:m])
		if j < 0 {
			r.stray.Add(1)
			continue
		}
		r.enqueue(r.link(i, j), now, r.buf[:m], p.offset)
	}
}

// route finds the destination's port, or -1 when the packet must not cross.
func (r *Router) route(from int, ip []byte) int {
	if len(ip) < 20 || ip[0]>>4 != 4 || ip[12] != 198 || ip[13]&0xfe != 18 || ip[16] != 198 || ip[17]&0xfe != 18 {
		return -1
	}
	to := int(r.owner[slot(ip[17], ip[18])])
	if to == from || int(r.owner[slot(ip[13], ip[14])]) != from {
		return -1
	}
	return to
}

func (r *Router) enqueue(l *link, now int64, frame []byte, offset int) {
	l.in.Add(1)
	due, v := l.line.Admit(now, len(frame)-offset, l.set.Load())
	switch v {
	case Severed:
		l.cut.Add(1)
	case Lost:
		l.lost.Add(1)
	case Full:
		l.full.Add(1)
	case Pass:
		b := r.pool.get(len(frame))
		copy(b, frame)
		l.q.push(packet{due, b})
		l.queued.Store(l.line.Held())
	}
}

func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
