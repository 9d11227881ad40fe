package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// freePort is a loopback port that nobody listens on at this moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// startRedis runs a real redis-server on the port and waits until it answers; the function ends it.
func startRedis(t *testing.T, port string, args ...string) (addr string, stop func()) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	cmd := exec.Command(binary, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	addr = "127.0.0.1:" + port
	c := client(addr, Config{Timeout: 2 * time.Second})
	defer c.Close()
	within(t, 10*time.Second, "redis-server answers", func() bool { return c.Ping(context.Background()).Err() == nil })
	return addr, stop
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func storeOn(t *testing.T, master, replica string) *redisStore {
	t.Helper()
	s := newRedisStore(Config{Master: master, Replica: replica, Timeout: 2 * time.Second}, quiet())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestReadsFromReplicaWritesOnMaster(t *testing.T) {
	master, _ := startRedis(t, freePort(t), "--repl-diskless-sync-delay", "0")
	host, port, _ := strings.Cut(master, ":")
	replica, stopReplica := startRedis(t, freePort(t), "--replicaof", host+" "+port)
	s, ctx := storeOn(t, master, replica), context.Background()

	pushed, err := s.Push(ctx, "guestbook", "one", 0)
	if err != nil || strings.Join(pushed.Values, ",") != "one" || pushed.From != "master" {
		t.Fatalf("push: %+v %v", pushed, err)
	}
	within(t, 10*time.Second, "the replica has the entry", func() bool {
		e, err := s.List(ctx, "guestbook", 0)
		return err == nil && e.From == "replica" && len(e.Values) == 1
	})
	stopReplica()
	e, err := s.List(ctx, "guestbook", 0)
	if err != nil || e.From != "master" || len(e.Values) != 1 {
		t.Fatalf("without a replica the master must be read: %+v %v", e, err)
	}
}

func TestReconnectsByItself(t *testing.T) {
	port := freePort(t)
	master, stop := startRedis(t, port)
	s, ctx := storeOn(t, master, master), context.Background()
	if _, err := s.Push(ctx, "guestbook", "before", 0); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := s.Push(ctx, "guestbook", "lost", 0); !errors.Is(err, errUnavailable) {
		t.Fatalf("want unavailable (nothing was sent), got %v", err)
	}
	if s.Ping(ctx) == nil {
		t.Fatal("ping must fail")
	}
	startRedis(t, port)
	within(t, 5*time.Second, "a write works again", func() bool {
		_, err := s.Push(ctx, "guestbook", "after", 0)
		return err == nil
	})
}

// A short absence is latency, not an error: the write waits for the server to come back.
func TestHoldsDuringAShortAbsence(t *testing.T) {
	port := freePort(t)
	master, stop := startRedis(t, port)
	s := storeOn(t, master, master)
	stop()
	type result struct {
		e   Entries
		err error
	}
	done := make(chan result, 1)
	go func() {
		e, err := s.Push(context.Background(), "guestbook", "patient", 0)
		done <- result{e, err}
	}()
	time.Sleep(300 * time.Millisecond)
	startRedis(t, port)
	if r := <-done; r.err != nil || len(r.e.Values) != 1 {
		t.Fatalf("%+v", r)
	}
}

// A server that takes the write and dies before it answers: the outcome is unknown, and the write is sent once.
func TestUnknownOutcomeIsSaidAndNotRepeated(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	writes := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go fakeRedis(conn, writes)
		}
	}()
	s := storeOn(t, l.Addr().String(), l.Addr().String())
	_, err = s.Push(context.Background(), "guestbook", "x", 0)
	if !errors.Is(err, errUnknown) {
		t.Fatalf("want unknown, got %v", err)
	}
	if len(writes) != 1 {
		t.Fatalf("the write was sent %d times", len(writes))
	}
}

// fakeRedis greets like an old server and closes the connection when RPUSH arrives.
func fakeRedis(conn net.Conn, writes chan<- string) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "hello":
			_, _ = io.WriteString(conn, "-ERR unknown command 'HELLO'\r\n")
		case "rpush":
			writes <- line
			return
		}
	}
}

func TestWrongTypeAndLast(t *testing.T) {
	master, _ := startRedis(t, freePort(t))
	s, ctx := storeOn(t, master, master), context.Background()
	s.master.Set(ctx, "text", "x", 0)
	if _, err := s.List(ctx, "text", 0); !errors.Is(err, errWrongType) {
		t.Fatal(err)
	}
	if _, err := s.Push(ctx, "text", "x", 0); !errors.Is(err, errWrongType) {
		t.Fatal(err)
	}
	for i := range 5 {
		if _, err := s.Push(ctx, "guestbook", strconv.Itoa(i), 0); err != nil {
			t.Fatal(err)
		}
	}
	e, err := s.List(ctx, "guestbook", 2)
	if err != nil || strings.Join(e.Values, ",") != "3,4" || e.Total != 5 {
		t.Fatalf("%+v %v", e, err)
	}
}
