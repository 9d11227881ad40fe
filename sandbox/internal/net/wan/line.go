// Package wan is the packet router between the sites of the sandbox: it moves
// IPv4 packets from one site's device to another's after the link's delay, and
// drops those that the link loses, that find its queue full, or that hit a cut.
//
// A packet crosses only when its source belongs to the sending site and its
// destination to another site; private ranges therefore never cross.
package wan

import "time"

// Settings of one direction between two sites.
type Settings struct {
	OneWay time.Duration
	Jitter float64 // share of OneWay, 0..1, drawn evenly around it
	Loss   float64 // share of packets, 0..1
	Kbit   int64   // kbit/s; 0 = no limit
	Cut    bool
}

const (
	// MaxQueue bounds what a link holds: routers drop the tail, so do we.
	MaxQueue = 4 << 20
	// minQueue keeps slow, short links usable: about twenty full packets.
	minQueue = 32 << 10
)

// QueueLimit is the number of bytes that may wait: rate x RTT, at most MaxQueue
// (and at least minQueue). Without a rate nothing waits for the sender and the
// limit holds for the bytes under way.
func (s *Settings) QueueLimit() int64 {
	if s.Kbit <= 0 {
		return MaxQueue
	}
	rtt := 2 * s.OneWay.Seconds()
	return int64(min(max(float64(s.Kbit)*125*rtt, minQueue), MaxQueue))
}

// Verdict on a packet offered to a line.
type Verdict int

// What can happen to a packet.
const (
	Pass Verdict = iota
	Lost
	Full
	Severed
)

// Line schedules the packets of one direction. It has no clock of its own and
// no locks: time is nanoseconds given by the caller, who is one goroutine.
// Packets leave in the order in which they came, also under jitter.
type Line struct {
	seed     uint64
	n        uint64 // packets offered so far, numbers the draws
	lastDue  int64
	nextFree int64 // when the sender has put the last accepted packet on the wire
	held     int64 // bytes accepted and not yet released
}

// NewLine makes a line whose draws follow from the seed and its name alone, so
// that traffic elsewhere never changes which packet is lost here.
func NewLine(seed uint64, name string) *Line {
	h := seed
	for i := 0; i < len(name); i++ {
		h = mix(h ^ uint64(name[i]))
	}
	return &Line{seed: h}
}

// Admit decides about a packet of size bytes at time now and says when it is due.
func (l *Line) Admit(now int64, size int, s *Settings) (due int64, v Verdict) {
	l.n++
	if s.Cut {
		return 0, Severed
	}
	if s.Loss > 0 && l.draw(0) < s.Loss {
		return 0, Lost
	}
	start := now
	if s.Kbit > 0 {
		perByte := 8e6 / float64(s.Kbit) // ns
		start = max(l.nextFree, now)
		if float64(start-now)/perByte+float64(size) > float64(s.QueueLimit()) {
			return 0, Full
		}
		start += int64(float64(size) * perByte)
		l.nextFree = start
	} else if l.held+int64(size) > MaxQueue {
		return 0, Full
	}
	delay := float64(s.OneWay)
	if s.Jitter > 0 {
		delay *= 1 + s.Jitter*(2*l.draw(1)-1)
	}
	due = max(start+int64(delay), l.lastDue)
	l.lastDue = due
	l.held += int64(size)
	return due, Pass
}

// Release gives back the bytes of a packet that has left the line.
func (l *Line) Release(size int) { l.held -= int64(size) }

// Held is the number of bytes under way and waiting.
func (l *Line) Held() int64 { return l.held }

// draw gives the number in [0,1) of this packet in one of the line's streams.
func (l *Line) draw(stream uint64) float64 {
	return float64(mix(l.seed^mix(l.n*2+stream))>>11) / (1 << 53)
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
