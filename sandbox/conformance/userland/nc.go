package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// netcat connects standard input and output with a TCP or UDP port, as netcat-openbsd does: it ends when the
// other side does, or after -w seconds of silence.
func netcat(args []string) error {
	f := flag.NewFlagSet("nc", flag.ContinueOnError)
	loud := f.Bool("v", false, "say that the connection stands")
	udp := f.Bool("u", false, "UDP")
	scan := f.Bool("z", false, "connect only")
	wait := f.Float64("w", 0, "seconds until a silent connection ends; 0: never")
	from := f.Int("p", 0, "source port")
	f.Bool("t", false, "TCP, the default")
	f.Bool("4", false, "IPv4, the default")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		return errors.New("usage: nc [-v] [-u] [-z] [-w seconds] [-p port] host port")
	}
	silence := time.Duration(*wait * float64(time.Second))
	network := "tcp4"
	d := net.Dialer{Timeout: silence}
	if *from != 0 {
		d.LocalAddr = &net.TCPAddr{Port: *from}
	}
	if *udp {
		network = "udp4"
		if *from != 0 {
			d.LocalAddr = &net.UDPAddr{Port: *from}
		}
	}
	c, err := d.Dial(network, net.JoinHostPort(f.Arg(0), f.Arg(1)))
	if err != nil {
		return err
	}
	defer c.Close()
	if *loud {
		fmt.Fprintf(os.Stderr, "Connection to %s %s port [%s/*] succeeded!\n", f.Arg(0), f.Arg(1), network[:3])
	}
	if *scan {
		return nil
	}
	return talk(c, silence)
}

func talk(c net.Conn, silence time.Duration) error {
	go func() { _, _ = io.Copy(c, os.Stdin) }()
	b := make([]byte, 64<<10)
	for {
		if silence > 0 {
			if err := c.SetReadDeadline(time.Now().Add(silence)); err != nil {
				return err
			}
		}
		n, err := c.Read(b)
		if _, werr := os.Stdout.Write(b[:n]); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
