package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func running(t *testing.T, cfg Config) (url string, stop func(), ended chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	ended = make(chan error, 1)
	go func() { ended <- serve(ctx, cfg, listener, quiet()) }()
	return "http://" + listener.Addr().String(), stop, ended
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

// Stop: not ready at once, an open write is finished, then nobody listens.
func TestGracefulStop(t *testing.T) {
	addr, _ := startRedis(t, freePort(t))
	cfg := Config{Master: addr, Replica: addr, Drain: 500 * time.Millisecond, Grace: 5 * time.Second}
	url, stop, ended := running(t, cfg)
	if status, body := get(t, url+"/readyz"); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	admin := client(addr, Config{Timeout: 2 * time.Second})
	defer admin.Close()
	if err := admin.Do(context.Background(), "CLIENT", "PAUSE", "1200", "WRITE").Err(); err != nil {
		t.Fatal(err)
	}
	open := make(chan string, 1)
	go func() {
		status, body := get(t, url+"/rpush/guestbook/last%20words")
		if status != 200 {
			body = "not stored: " + body
		}
		open <- body
	}()
	time.Sleep(200 * time.Millisecond)
	stop()
	within(t, 400*time.Millisecond, "not ready while stopping", func() bool {
		status, body := get(t, url+"/readyz")
		return status == 503 && strings.Contains(body, `"stopping"`)
	})
	if status, _ := get(t, url+"/healthz"); status != 200 {
		t.Fatalf("healthz while draining: %d", status)
	}
	if body := <-open; !strings.Contains(body, "last words") {
		t.Fatalf("the open request: %s", body)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, url+"/healthz"); status != 0 {
		t.Fatal("still listening")
	}
}

// A connection that was kept alive still gets its answer while the program drains, and is then closed: a proxy
// that had the next request on its way must not lose it.
func TestKeptConnectionsEndWithAnAnswer(t *testing.T) {
	addr, _ := startRedis(t, freePort(t))
	url, stop, ended := running(t, Config{Master: addr, Replica: addr, Drain: time.Second, Grace: 5 * time.Second})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewReader(conn)
	ask := func() *http.Response {
		t.Helper()
		if _, err := io.WriteString(conn, "GET /lrange/guestbook HTTP/1.1\r\nHost: guestbook\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(lines, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res
	}
	if res := ask(); res.StatusCode != 200 || res.Close {
		t.Fatalf("before the stop: %d, close %v", res.StatusCode, res.Close)
	}
	stop()
	time.Sleep(200 * time.Millisecond)
	if res := ask(); res.StatusCode != 200 || !res.Close {
		t.Fatalf("while draining: %d, close %v", res.StatusCode, res.Close)
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Fatalf("the connection stays open: %v", err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// A request that outlasts the grace is cut, and the program says so by its exit code.
func TestGraceEnds(t *testing.T) {
	addr, _ := startRedis(t, freePort(t))
	url, stop, ended := running(t, Config{Master: addr, Replica: addr, Grace: 100 * time.Millisecond})
	admin := client(addr, Config{Timeout: 2 * time.Second})
	defer admin.Close()
	if err := admin.Do(context.Background(), "CLIENT", "PAUSE", "1500", "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	go get(t, url+"/rpush/guestbook/x")
	time.Sleep(200 * time.Millisecond)
	stop()
	select {
	case err := <-ended:
		if err == nil {
			t.Fatal("a cut request must be an error")
		}
	case <-time.After(2 * time.Second):
		t.Fatal("did not end")
	}
}

func TestConfig(t *testing.T) {
	env := func(set map[string]string) func(string) string { return func(k string) string { return set[k] } }
	cfg, err := configFrom(env(nil))
	if err != nil || cfg.Master != "redis-master:6379" || cfg.Replica != "redis-slave:6379" || cfg.Listen != ":8080" || cfg.Cluster != "unknown" {
		t.Fatalf("%+v %v", cfg, err)
	}
	for _, bad := range []map[string]string{{"DRAIN": "soon"}, {"GRACE": "-1s"}, {"VARIANT": "brokn"}} {
		if _, err := configFrom(env(bad)); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
