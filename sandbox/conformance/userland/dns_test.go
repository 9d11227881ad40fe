package main

import (
	"net"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestCandidates(t *testing.T) {
	r := readResolver("nameserver 10.0.0.10\nsearch a.svc. svc\noptions ndots:2 edns0\n")
	if !slices.Equal(r.servers, []string{"10.0.0.10:53"}) || r.dots != 2 {
		t.Fatalf("%+v", r)
	}
	for _, c := range []struct {
		name   string
		search bool
		want   []string
	}{
		{"web", true, []string{"web.a.svc.", "web.svc.", "web."}},
		{"web.x.y", true, []string{"web.x.y.", "web.x.y.a.svc.", "web.x.y.svc."}},
		{"web.", true, []string{"web."}},
		{"web", false, []string{"web."}},
	} {
		if got := r.candidates(c.name, c.search); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// answer is a server for one query that knows one name.
func answer(t *testing.T, known string) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil {
				continue
			}
			m.Response = true
			if m.Questions[0].Name.String() == known {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 5},
					Body: &dnsmessage.AResource{A: [4]byte{10, 1, 2, 3}}}}
			}
			out, err := m.Pack()
			if err == nil {
				_, _ = c.WriteTo(out, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

func TestFindGoesThroughTheSearchList(t *testing.T) {
	r := resolver{servers: []string{answer(t, "web.b.")}, search: []string{"a", "b"}, dots: 1}
	found, err := r.find("web", dnsmessage.TypeA, true)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	if kind, text := data(found[0]); kind != "A" || text != "10.1.2.3" {
		t.Errorf("%s %s", kind, text)
	}
	if found, err := r.find("other", dnsmessage.TypeA, true); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
}
