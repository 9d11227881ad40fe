package wan

import (
	"testing"
	"time"
)

const ms = int64(time.Millisecond)

func admit(t *testing.T, l *Line, now int64, size int, s Settings) int64 {
	t.Helper()
	due, v := l.Admit(now, size, &s)
	if v != Pass {
		t.Fatalf("packet at %d: verdict %d, want Pass", now, v)
	}
	return due
}

func TestDelayIsExact(t *testing.T) {
	l := NewLine(1, "a>b")
	s := Settings{OneWay: 60 * time.Millisecond}
	for i := range int64(5) {
		if due := admit(t, l, i*ms, 100, s); due != (i+60)*ms {
			t.Errorf("packet %d due at %d", i, due)
		}
	}
}

func TestJitterStaysInBoundsAndKeepsOrder(t *testing.T) {
	l := NewLine(1, "a>b")
	s := Settings{OneWay: 100 * time.Millisecond, Jitter: 0.1}
	var last, lo, hi int64
	lo = 1 << 62
	for i := range int64(2000) {
		now := i * 50 * ms // far apart: order never stretches a delay
		due := admit(t, l, now, 100, s)
		lo, hi = min(lo, due-now), max(hi, due-now)
		if due < last {
			t.Fatal("packet overtakes")
		}
		last = due
	}
	if lo < 90*ms || lo > 91*ms || hi > 110*ms || hi < 109*ms {
		t.Errorf("delays from %v to %v, want 90 to 110 ms", time.Duration(lo), time.Duration(hi))
	}
	for i := range int64(500) { // a burst: jitter wants to reorder
		due := admit(t, l, last+i*1000, 100, s)
		if due < last {
			t.Fatal("packet of a burst overtakes")
		}
		last = due
	}
}

func TestShorterDelayDoesNotOvertake(t *testing.T) {
	l := NewLine(1, "a>b")
	first := admit(t, l, 0, 100, Settings{OneWay: 100 * time.Millisecond})
	if due := admit(t, l, ms, 100, Settings{OneWay: ms2(1)}); due < first {
		t.Errorf("due %d before %d", due, first)
	}
}

func ms2(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestLossShareAndRepeatability(t *testing.T) {
	s := Settings{Loss: 0.05}
	pattern := func(seed uint64, name string) (lost int, bits [20000]bool) {
		l := NewLine(seed, name)
		for i := range bits {
			if _, v := l.Admit(int64(i), 100, &s); v == Lost {
				lost++
				bits[i] = true
			} else {
				l.Release(100)
			}
		}
		return lost, bits
	}
	n, a := pattern(7, "a>b")
	if n < 850 || n > 1150 {
		t.Errorf("lost %d of 20000 at 5 %%", n)
	}
	if _, again := pattern(7, "a>b"); again != a {
		t.Error("same seed and name, other losses")
	}
	if _, other := pattern(7, "b>a"); other == a {
		t.Error("other link, same losses")
	}
	if _, other := pattern(8, "a>b"); other == a {
		t.Error("other seed, same losses")
	}
}

func TestRateSpacesPackets(t *testing.T) {
	l := NewLine(1, "a>b")
	s := Settings{OneWay: ms2(10), Kbit: 8000} // 1000 bytes = 1 ms
	for i := range int64(5) {
		if due := admit(t, l, 0, 1000, s); due != (i+1+10)*ms {
			t.Errorf("packet %d due at %v, want %d ms", i, time.Duration(due), i+11)
		}
	}
	if due := admit(t, l, 100*ms, 1000, s); due != 111*ms {
		t.Errorf("after a pause due at %v, want 111 ms", time.Duration(due))
	}
}

func TestQueueHoldsRateTimesRTTThenDropsTheTail(t *testing.T) {
	s := Settings{OneWay: ms2(50), Kbit: 8000} // 1 MB/s × 0.1 s = 100 kB
	l := NewLine(1, "a>b")
	passed := 0
	for range 200 {
		_, v := l.Admit(0, 1000, &s)
		switch {
		case v == Pass && passed < 100:
			passed++
		case v == Full && passed == 100:
		default:
			t.Fatalf("verdict %d after %d packets", v, passed)
		}
	}
	if passed != 100 {
		t.Fatalf("%d packets passed, want 100", passed)
	}
	if _, v := l.Admit(2*ms, 1000, &s); v != Pass {
		t.Error("no room after two packets have left")
	}
}

func TestQueueLimit(t *testing.T) {
	for _, c := range []struct {
		s    Settings
		want int64
	}{
		{Settings{OneWay: ms2(50), Kbit: 8000}, 100_000},
		{Settings{OneWay: ms2(150), Kbit: 10_000_000}, 4 << 20},
		{Settings{Kbit: 100}, 32 << 10},
		{Settings{OneWay: ms2(60)}, 4 << 20},
	} {
		if got := c.s.QueueLimit(); got != c.want {
			t.Errorf("%+v: limit %d, want %d", c.s, got, c.want)
		}
	}
}

func TestWithoutRateFourMegabytesAreUnderWay(t *testing.T) {
	l := NewLine(1, "a>b")
	s := Settings{OneWay: time.Second}
	n := 0
	for ; n < 10000; n++ {
		if _, v := l.Admit(0, 1<<10, &s); v != Pass {
			break
		}
	}
	if n != 4<<10 {
		t.Fatalf("%d KiB accepted, want 4096", n)
	}
	l.Release(1 << 10)
	admit(t, l, 0, 1<<10, s)
}

func TestCutTakesEverything(t *testing.T) {
	l := NewLine(1, "a>b")
	if _, v := l.Admit(0, 100, &Settings{Cut: true}); v != Severed {
		t.Errorf("verdict %d, want Severed", v)
	}
	if l.Held() != 0 {
		t.Error("a cut packet is held")
	}
}

func TestRouteTakesOnlyOwnSourcesAndKnownDestinations(t *testing.T) {
	r, err := New(make([]*Port, 3), []string{"sao", "mtl", "op"}, [][2]byte{{18, 1}, {18, 2}, {19, 1}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	ip := func(src, dst [4]byte) []byte {
		b := make([]byte, 20)
		b[0] = 0x45
		copy(b[12:], src[:])
		copy(b[16:], dst[:])
		return b
	}
	for _, c := range []struct {
		why      string
		src, dst [4]byte
		want     int
	}{
		{"to a region", [4]byte{198, 18, 1, 2}, [4]byte{198, 18, 2, 100}, 1},
		{"to the operator", [4]byte{198, 18, 1, 100}, [4]byte{198, 19, 1, 2}, 2},
		{"private source", [4]byte{10, 10, 0, 11}, [4]byte{198, 18, 2, 100}, -1},
		{"private destination", [4]byte{198, 18, 1, 2}, [4]byte{10, 10, 0, 11}, -1},
		{"another site's source", [4]byte{198, 18, 2, 2}, [4]byte{198, 19, 1, 2}, -1},
		{"back to itself", [4]byte{198, 18, 1, 2}, [4]byte{198, 18, 1, 100}, -1},
		{"nobody there", [4]byte{198, 18, 1, 2}, [4]byte{198, 18, 9, 1}, -1},
		{"the real Internet", [4]byte{198, 18, 1, 2}, [4]byte{8, 8, 8, 8}, -1},
	} {
		if got := r.tab.Load().route(0, ip(c.src, c.dst)); got != c.want {
			t.Errorf("%s: %d, want %d", c.why, got, c.want)
		}
	}
	if r.tab.Load().route(0, []byte{0x60, 0, 0, 0}) != -1 {
		t.Error("a short or IPv6 packet has a route")
	}
}
