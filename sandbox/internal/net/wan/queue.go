package wan

type packet struct {
	due int64
	buf []byte
}

// fifo is a queue that reuses its memory.
type fifo struct {
	q    []packet
	head int
}

func (f *fifo) push(p packet) { f.q = append(f.q, p) }
func (f *fifo) empty() bool   { return f.head == len(f.q) }
func (f *fifo) first() *packet {
	return &f.q[f.head]
}

func (f *fifo) pop() packet {
	p := f.q[f.head]
	f.q[f.head].buf = nil
	f.head++
	switch {
	case f.head == len(f.q):
		f.q, f.head = f.q[:0], 0
	case f.head > 4096 && f.head*2 > len(f.q):
		n := copy(f.q, f.q[f.head:])
		f.q, f.head = f.q[:n], 0
	}
	return p
}

const (
	smallSize = 2304
	bigSize   = 70000 // a super-packet with its headers
)

// pool keeps packet buffers of two sizes; one goroutine only.
type pool struct{ small, big [][]byte }

func (p *pool) get(n int) []byte {
	list, size := &p.small, smallSize
	if n > smallSize {
		list, size = &p.big, bigSize
	}
	if k := len(*list); k > 0 {
		b := (*list)[k-1]
		*list = (*list)[:k-1]
		return b[:n]
	}
	return make([]byte, n, size)
}

func (p *pool) put(b []byte) {
	if cap(b) == bigSize {
		if len(p.big) < 256 {
			p.big = append(p.big, b[:bigSize])
		}
	} else if len(p.small) < 16384 {
		p.small = append(p.small, b[:smallSize])
	}
}
