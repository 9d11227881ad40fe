// Package doors holds the listeners on the host's loopback that lead into the
// world: a proxy that dials as the operator, and pages that act as one region's
// user. Loopback is shared with every user of the machine, so each door checks a
// secret.
package doors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Dialer connects from inside a namespace; numeric addresses only.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Place is where a door leads: a namespace and its name server.
type Place struct {
	Dial   Dialer
	Server netip.AddrPort
}

const (
	maxSteps   = 8 // referrals and aliases followed per name
	queryTries = 3
	queryWait  = 2 * time.Second
)

// Resolve finds the IPv4 addresses of a host name or number. It asks the place's
// server and follows aliases and, where the server only delegates, referrals
// with addresses. Nothing of the host's own resolver is used, and nothing is kept.
func (p Place) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	name := strings.TrimSuffix(host, ".") + "."
	server := p.Server
	for range maxSteps {
		m, err := p.query(ctx, server, name)
		if err != nil {
			return nil, fmt.Errorf("look up %s at %s: %w", host, server, err)
		}
		r := read(m, name)
		switch {
		case len(r.addrs) > 0:
			return r.addrs, nil
		case r.alias != name:
			name, server = r.alias, p.Server
		case r.next.IsValid() && r.next != server:
			server = r.next
		default:
			return nil, fmt.Errorf("look up %s at %s: no address (%s)", host, server, code(m.RCode))
		}
	}
	return nil, fmt.Errorf("look up %s: more than %d aliases and referrals", host, maxSteps)
}

func code(r dnsmessage.RCode) string {
	if r == dnsmessage.RCodeSuccess {
		return "the name has none"
	}
	return strings.TrimPrefix(r.String(), "RCode")
}

type finding struct {
	addrs []netip.Addr
	alias string         // where the chain of CNAMEs ends
	next  netip.AddrPort // a server that the answer refers to
}

func read(m *dnsmessage.Message, name string) finding {
	f := finding{alias: name}
	for range m.Answers { // the chain may come in any order
		for _, a := range m.Answers {
			if c, ok := a.Body.(*dnsmessage.CNAMEResource); ok && strings.EqualFold(a.Header.Name.String(), f.alias) {
				f.alias = c.CNAME.String()
			}
		}
	}
	for _, a := range m.Answers {
		if r, ok := a.Body.(*dnsmessage.AResource); ok && strings.EqualFold(a.Header.Name.String(), f.alias) {
			f.addrs = append(f.addrs, netip.AddrFrom4(r.A))
		}
	}
	servers := map[string]bool{}
	for _, a := range m.Authorities {
		if n, ok := a.Body.(*dnsmessage.NSResource); ok {
			servers[strings.ToLower(n.NS.String())] = true
		}
	}
	for _, a := range m.Additionals {
		if r, ok := a.Body.(*dnsmessage.AResource); ok && servers[strings.ToLower(a.Header.Name.String())] {
			f.next = netip.AddrPortFrom(netip.AddrFrom4(r.A), 53)
			break
		}
	}
	return f
}

// query asks over UDP, again after silence, and over TCP when the answer was cut.
func (p Place) query(ctx context.Context, server netip.AddrPort, name string) (*dnsmessage.Message, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	q := dnsmessage.Message{Header: dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	b, err := q.Pack()
	if err != nil {
		return nil, err
	}
	var m *dnsmessage.Message
	for range queryTries {
		m, err = p.exchange(ctx, "udp", server, b, q.ID)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil && m.Truncated {
		return p.exchange(ctx, "tcp", server, b, q.ID)
	}
	return m, err
}

func (p Place) exchange(ctx context.Context, network string, server netip.AddrPort, query []byte, id uint16) (*dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, queryWait)
	defer cancel()
	c, err := p.Dial(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	end, _ := ctx.Deadline()
	_ = c.SetDeadline(end)
	buf := make([]byte, 4096)
	if network == "tcp" {
		query = append([]byte{byte(len(query) >> 8), byte(len(query))}, query...)
	}
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	n, err := receive(c, network, buf)
	if err != nil {
		return nil, err
	}
	var m dnsmessage.Message
	if err := m.Unpack(buf[:n]); err != nil {
		return nil, err
	}
	if m.ID != id || !m.Response {
		return nil, errors.New("answer to another question")
	}
	return &m, nil
}

func receive(c net.Conn, network string, buf []byte) (int, error) {
	if network == "udp" {
		return c.Read(buf)
	}
	if _, err := io.ReadFull(c, buf[:2]); err != nil {
		return 0, err
	}
	n := int(buf[0])<<8 | int(buf[1])
	if n > len(buf) {
		return 0, fmt.Errorf("answer of %d bytes", n)
	}
	return io.ReadFull(c, buf[:n])
}

// dialWait is for connecting alone, whatever the look-up took. Three SYNs are lost before it is over; who waits
// longer waits for a dead machine.
const dialWait = 5 * time.Second

// Connect resolves the host and connects to the first of its addresses that answers.
func (p Place) Connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := p.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	var errs []error
	for _, a := range addrs {
		c, err := p.Dial(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
