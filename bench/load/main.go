// Command load makes bounded traffic for the benchmarks. It prints one JSON line.
//
//	load dns --to IP:PORT --name NAME --queries N [--sockets 200] [--window 2]
//	load serve --at IP:PORT               TCP bytes without end and UDP echo, until its input closes
//	load rtt --to IP:PORT --count N       round trips of single UDP packets, one after the other
//	load pull --to IP:PORT --seconds S    bytes over one TCP connection
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: load dns|serve|rtt|pull --flags"))
	}
	f := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	to := f.String("to", "", "IP:PORT")
	at := f.String("at", "", "IP:PORT")
	name := f.String("name", "", "DNS name")
	queries := f.Int("queries", 1000, "how many in all")
	sockets := f.Int("sockets", 200, "source addresses, each in a /24 of its own below 127.1.0.0/16")
	window := f.Int("window", 2, "queries in flight per socket")
	count := f.Int("count", 100, "round trips")
	seconds := f.Float64("seconds", 3, "how long")
	_ = f.Parse(os.Args[2:])
	var out any
	var err error
	switch os.Args[1] {
	case "dns":
		out, err = dns(*to, *name, *queries, min(*sockets, 250), *window)
	case "serve":
		err = serve(*at)
	case "rtt":
		out, err = rtt(*to, *count)
	case "pull":
		out, err = pull(*to, time.Duration(*seconds*float64(time.Second)))
	default:
		err = fmt.Errorf("no such load: %s", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	if out != nil {
		_ = json.NewEncoder(os.Stdout).Encode(out)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// query is an A query for name with an EDNS size, as resolvers send it; the first two bytes are its id.
func query(name string) []byte {
	b := []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1}
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0, 0, 1, 0, 1)
	return append(b, 0, 0, 41, 1232>>8, 1232&255, 0, 0, 0, 0, 0, 0)
}

type dnsResult struct {
	Answered int     `json:"answered"`
	Bad      int     `json:"bad"`
	Lost     int     `json:"lost"`
	Seconds  float64 `json:"seconds"`
}

func dns(to, name string, queries, sockets, window int) (any, error) {
	server, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		return nil, err
	}
	var wait sync.WaitGroup
	results := make([]dnsResult, sockets)
	errs := make([]error, sockets)
	began := time.Now()
	for i := range sockets {
		wait.Add(1)
		go func() {
			defer wait.Done()
			local := &net.UDPAddr{IP: net.IPv4(127, 1, byte(i+1), 1)}
			results[i], errs[i] = ask(local, server, query(name), queries/sockets, window)
		}()
	}
	wait.Wait()
	all := dnsResult{Seconds: time.Since(began).Seconds()}
	for i, r := range results {
		if errs[i] != nil {
			return nil, errs[i]
		}
		all.Answered += r.Answered
		all.Bad += r.Bad
		all.Lost += r.Lost
	}
	return all, nil
}

// ask keeps `window` queries in flight on one socket; what does not come within a second is lost.
func ask(local, server *net.UDPAddr, packet []byte, queries, window int) (dnsResult, error) {
	var r dnsResult
	c, err := net.DialUDP("udp4", local, server)
	if err != nil {
		return r, err
	}
	defer c.Close()
	buffer := make([]byte, 4096)
	sent := 0
	send := func() error {
		sent++
		binary.BigEndian.PutUint16(packet, uint16(sent))
		_, err := c.Write(packet)
		return err
	}
	for range min(window, queries) {
		if err := send(); err != nil {
			return r, err
		}
	}
	for r.Answered+r.Lost < queries {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err := c.Read(buffer)
		if err != nil {
			r.Lost += sent - r.Answered - r.Lost
		} else {
			r.Answered++
			// a reply, no error, at least one answer
			if n < 12 || buffer[2]&0x80 == 0 || buffer[3]&15 != 0 || binary.BigEndian.Uint16(buffer[6:]) == 0 {
				r.Bad++
			}
		}
		if sent < queries {
			if err := send(); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func serve(at string) error {
	udp, err := net.ListenPacket("udp4", at)
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp4", at)
	if err != nil {
		return err
	}
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(b[:n], from)
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1<<17)
				for {
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func rtt(to string, count int) (any, error) {
	c, err := net.Dial("udp4", to)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := make([]byte, 64)
	var all []float64
	for i := range count {
		binary.BigEndian.PutUint32(b, uint32(i))
		began := time.Now()
		if _, err := c.Write(b); err != nil {
			return nil, err
		}
		_ = c.SetReadDeadline(began.Add(2 * time.Second))
		if _, err := c.Read(b); err != nil {
			return nil, fmt.Errorf("round trip %d: %w", i, err)
		}
		all = append(all, float64(time.Since(began).Nanoseconds())/1e6)
	}
	slices.Sort(all)
	return map[string]float64{"p50": all[len(all)/2], "p95": all[len(all)*95/100], "min": all[0]}, nil
}

func pull(to string, d time.Duration) (any, error) {
	c, err := net.DialTimeout("tcp4", to, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := make([]byte, 1<<17)
	var n int64
	began := time.Now()
	_ = c.SetReadDeadline(began.Add(d))
	for {
		k, err := c.Read(b)
		n += int64(k)
		if err != nil {
			break
		}
	}
	return map[string]float64{"bytes": float64(n), "seconds": time.Since(began).Seconds()}, nil
}
