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

// table is who is connected to whom. It is never changed: a router that grows gets another one, with the links of the
// one before.
type table struct {
	ports []*Port
	names []string
	links []*link // from*n+to
	owner [512]int16
}

func (t *table) link(from, to int) *link { return t.links[from*len(t.ports)+to] }

// Router moves packets between ports. Grow is for one goroutine at a time; Set and Stats may be called from any
// goroutine; Run owns everything else.
type Router struct {
	tab   atomic.Pointer[table]
	seed  uint64
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
	r := &Router{seed: seed, wake: wake, buf: make([]byte, bigSize), now: monotonic}
	empty := &table{}
	for i := range empty.owner {
		empty.owner[i] = -1
	}
	r.tab.Store(empty)
	r.Grow(ports, names, prefixes)
	return r, nil
}

// Grow adds ports behind those that are there, whose packets go on as they are. Applied must follow.
func (r *Router) Grow(ports []*Port, names []string, prefixes [][2]byte) {
	old := r.tab.Load()
	n := len(old.ports)
	t := &table{ports: append(old.ports[:n:n], ports...), names: append(old.names[:n:n], names...), owner: old.owner}
	for i, p := range prefixes {
		t.owner[slot(p[0], p[1])] = int16(n + i)
	}
	for i, a := range t.names {
		for j, b := range t.names {
			if i < n && j < n {
				t.links = append(t.links, old.link(i, j))
				continue
			}
			l := &link{line: NewLine(r.seed, a+">"+b)}
			l.set.Store(&Settings{})
			t.links = append(t.links, l)
		}
	}
	r.tab.Store(t)
}

func slot(second, third byte) int { return int(second&1)<<8 | int(third) }

func (r *Router) link(from, to int) *link { return r.tab.Load().link(from, to) }

// Set changes one direction from now on; packets under way keep their time, but
// a cut takes them too.
func (r *Router) Set(from, to int, s Settings) { r.link(from, to).set.Store(&s) }

// Applied must follow one or more Set: it adapts the devices and wakes the loop.
func (r *Router) Applied() error {
	t := r.tab.Load()
	for i, p := range t.ports {
		exact := false
		for j := range t.ports {
			s := t.link(i, j).set.Load()
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
	var t *table
	var fds []unix.PollFd
	for {
		if now := r.tab.Load(); now != t {
			t, fds = now, r.listen(now)
		}
		var wait *unix.Timespec
		if next := r.deliver(t); next >= 0 {
			ts := unix.NsecToTimespec(max(next-r.now(), 0))
			wait = &ts
		}
		if k, _ := unix.Ppoll(fds, wait, nil); k <= 0 {
			continue
		}
		if fds[len(t.ports)].Revents != 0 {
			var b [8]byte
			_, _ = unix.Read(r.wake, b[:])
		}
		for i := range t.ports {
			if fds[i].Revents != 0 {
				r.receive(t, i)
			}
		}
	}
}

// listen names what the loop waits for: each port in its place, and last the wake-up.
func (r *Router) listen(t *table) []unix.PollFd {
	var fds []unix.PollFd
	for _, p := range t.ports {
		fds = append(fds, unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN})
	}
	return append(fds, unix.PollFd{Fd: int32(r.wake), Events: unix.POLLIN})
}

// deliver writes all packets that are due and returns when the next one is, or -1.
func (r *Router) deliver(t *table) int64 {
	next, now := int64(-1), r.now()
	for k, l := range t.links {
		for !l.q.empty() {
			p := l.q.first()
			if p.due > now {
				if next < 0 || p.due < next {
					next = p.due
				}
				break
			}
			r.send(l, t.ports[k%len(t.ports)], l.q.pop())
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
func (r *Router) receive(t *table, i int) {
	p, now := t.ports[i], r.now()
	for range 64 {
		m, err := unix.Read(p.fd, r.buf)
		if err != nil || m <= p.offset {
			return
		}
		j := t.route(i, r.buf[p.offset:m])
		if j < 0 {
			r.stray.Add(1)
			continue
		}
		r.enqueue(t.link(i, j), now, r.buf[:m], p.offset)
	}
}

// route finds the destination's port, or -1 when the packet must not cross.
func (t *table) route(from int, ip []byte) int {
	if len(ip) < 20 || ip[0]>>4 != 4 || ip[12] != 198 || ip[13]&0xfe != 18 || ip[16] != 198 || ip[17]&0xfe != 18 {
		return -1
	}
	to := int(t.owner[slot(ip[17], ip[18])])
	if to == from || int(t.owner[slot(ip[13], ip[14])]) != from {
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
