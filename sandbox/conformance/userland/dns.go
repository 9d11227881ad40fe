package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	tries   = 3
	patient = 3 * time.Second
)

// resolver is what /etc/resolv.conf says.
type resolver struct {
	servers, search []string
	dots            int
	tcp             bool
}

func readResolver(text string) resolver {
	r := resolver{dots: 1}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			r.servers = append(r.servers, net.JoinHostPort(f[1], "53"))
		case "search":
			r.search = f[1:]
		case "options":
			for _, o := range f[1:] {
				if n, ok := strings.CutPrefix(o, "ndots:"); ok {
					r.dots, _ = strconv.Atoi(n)
				}
			}
		}
	}
	return r
}

// candidates are the names that are asked for one after the other.
func (r resolver) candidates(name string, search bool) []string {
	if strings.HasSuffix(name, ".") || !search {
		return []string{strings.TrimSuffix(name, ".") + "."}
	}
	var suffixed []string
	for _, s := range r.search {
		suffixed = append(suffixed, name+"."+strings.TrimSuffix(s, ".")+".")
	}
	if strings.Count(name, ".") >= r.dots {
		return append([]string{name + "."}, suffixed...)
	}
	return append(suffixed, name+".")
}

// find asks for the candidates until one has an answer.
func (r resolver) find(name string, kind dnsmessage.Type, search bool) ([]dnsmessage.Resource, error) {
	var last error
	for _, n := range r.candidates(name, search) {
		m, err := r.ask(n, kind)
		if err != nil {
			last = err
			continue
		}
		if len(m.Answers) > 0 {
			return m.Answers, nil
		}
	}
	return nil, last
}

func (r resolver) ask(name string, kind dnsmessage.Type) (*dnsmessage.Message, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: kind, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		return nil, err
	}
	last := errors.New("no nameserver in /etc/resolv.conf")
	for range tries {
		for _, s := range r.servers {
			m, err := exchange(s, b, r.tcp)
			if err == nil && m.ID == q.ID {
				return m, nil
			}
			last = err
		}
	}
	return nil, last
}

func exchange(server string, query []byte, tcp bool) (*dnsmessage.Message, error) {
	network := "udp4"
	if tcp {
		network = "tcp4"
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	c, err := net.DialTimeout(network, server, patient)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
		return nil, err
	}
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	b, err := receive(c, tcp)
	if err != nil {
		return nil, err
	}
	var m dnsmessage.Message
	return &m, m.Unpack(b)
}

func receive(c net.Conn, tcp bool) ([]byte, error) {
	if !tcp {
		b := make([]byte, 64<<10)
		n, err := c.Read(b)
		return b[:n], err
	}
	r := bufio.NewReader(c)
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

var kinds = map[string]dnsmessage.Type{"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "PTR": dnsmessage.TypePTR, "SRV": dnsmessage.TypeSRV,
	"CNAME": dnsmessage.TypeCNAME, "TXT": dnsmessage.TypeTXT, "NS": dnsmessage.TypeNS}

// data is the record's own part and its type's name.
func data(r dnsmessage.Resource) (kind, text string) {
	switch b := r.Body.(type) {
	case *dnsmessage.AResource:
		return "A", netip.AddrFrom4(b.A).String()
	case *dnsmessage.AAAAResource:
		return "AAAA", netip.AddrFrom16(b.AAAA).String()
	case *dnsmessage.CNAMEResource:
		return "CNAME", b.CNAME.String()
	case *dnsmessage.PTRResource:
		return "PTR", b.PTR.String()
	case *dnsmessage.NSResource:
		return "NS", b.NS.String()
	case *dnsmessage.SRVResource:
		return "SRV", fmt.Sprintf("%d %d %d %s", b.Priority, b.Weight, b.Port, b.Target)
	case *dnsmessage.TXTResource:
		return "TXT", `"` + strings.Join(b.TXT, `" "`) + `"`
	}
	return r.Header.Type.String(), ""
}

// dig prints the answers, in the form of +noall +answer or +short.
func dig(args []string) error {
	conf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	r := readResolver(string(conf))
	kind, name, short, search := dnsmessage.TypeA, "", false, false
	for _, a := range args {
		switch {
		case a == "+short":
			short = true
		case a == "+tcp":
			r.tcp = true
		case a == "+search":
			search = true
		case strings.HasPrefix(a, "+"): // the rest shapes what is not printed here
		case strings.HasPrefix(a, "@"):
			r.servers = []string{net.JoinHostPort(a[1:], "53")}
		case kinds[a] != 0:
			kind = kinds[a]
		default:
			name = a
		}
	}
	found, err := r.find(name, kind, search)
	if err != nil {
		return &exit{9, ";; connection timed out; no servers could be reached: " + err.Error()}
	}
	for _, a := range found {
		k, text := data(a)
		if short {
			fmt.Println(text)
		} else {
			fmt.Printf("%s\t%d\tIN\t%s\t%s\n", a.Header.Name, a.Header.TTL, k, text)
		}
	}
	return nil
}

func nslookup(args []string) error {
	conf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return err
	}
	if len(args) == 0 {
		return errors.New("usage: nslookup name [server]")
	}
	r := readResolver(string(conf))
	if len(args) > 1 {
		r.servers = []string{net.JoinHostPort(args[1], "53")}
	}
	if len(r.servers) > 0 {
		fmt.Printf("Server:\t\t%s\n\n", r.servers[0])
	}
	found, err := r.find(args[0], dnsmessage.TypeA, true)
	if err != nil || len(found) == 0 {
		return &exit{1, "** server can't find " + args[0] + ": NXDOMAIN"}
	}
	for _, a := range found {
		if k, text := data(a); k == "CNAME" {
			fmt.Printf("%s\tcanonical name = %s\n", a.Header.Name, text)
		} else {
			fmt.Printf("Name:\t%s\nAddress: %s\n", a.Header.Name, text)
		}
	}
	return nil
}
