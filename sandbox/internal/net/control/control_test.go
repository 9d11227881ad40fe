package control

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

type addRequest struct {
	A int `json:"a"`
	B int `json:"b"`
}

var testVerbs = map[string]Handler{
	"add": Verb(func(r addRequest) (map[string]int, error) {
		if r.A < 0 {
			return nil, errors.New("negative")
		}
		return map[string]int{"sum": r.A + r.B}, nil
	}),
	"nothing": Verb(func(struct{}) (struct{}, error) { return struct{}{}, nil }),
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"id":1,"do":"add","a":2,"b":3}`, `{"id":1,"ok":true,"sum":5}`},
		{`{"id":"x","do":"add"}`, `{"id":"x","ok":true,"sum":0}`},
		{`{"do":"nothing"}`, `{"id":null,"ok":true}`},
		{`{"id":[1],"do":"add","a":-1}`, `{"error":"negative","id":[1]}`},
		{`{"id":2,"do":"add","c":1}`, `{"error":"add: unknown field \"c\"","id":2}`},
		{`{"id":3,"do":"sub"}`, `{"error":"unknown verb \"sub\" (known: add nothing)","id":3}`},
		{`{"id":4}`, `{"error":"\"do\" is missing","id":4}`},
	} {
		if got := string(Answer([]byte(c.line), testVerbs)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
	for _, line := range []string{`[1]`, `{"id":`, `null x`} {
		if got := string(Answer([]byte(line), testVerbs)); !strings.Contains(got, "not a JSON object") {
			t.Errorf("%s: %s", line, got)
		}
	}
	if got := string(Answer([]byte(`{"id":5,"do":"add","a":"two"}`), testVerbs)); !strings.Contains(got, `"error":"add: cannot unmarshal string`) {
		t.Errorf("wrong type: %s", got)
	}
}

func TestAnswersComeInOrder(t *testing.T) {
	var out strings.Builder
	Talk(strings.NewReader("{\"id\":1,\"do\":\"nothing\"}\n\n{\"id\":2,\"do\":\"nothing\"}\nbad\n"), &out, testVerbs)
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != 3 || !strings.Contains(got[0], `"id":1`) || !strings.Contains(got[1], `"id":2`) || !strings.Contains(got[2], "error") {
		t.Errorf("%q", got)
	}
}

func TestTooLongLineEndsTheTalkWithAReason(t *testing.T) {
	var out strings.Builder
	Talk(strings.NewReader(`{"id":1,"x":"`+strings.Repeat("a", MaxLine)+`"}`+"\n"), &out, testVerbs)
	if !strings.Contains(out.String(), "request longer than") {
		t.Errorf("%q", out.String())
	}
}

func TestSeveralClientsAtOnce(t *testing.T) {
	l, err := Listen(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go Serve(l, testVerbs)
	var conns []net.Conn
	for range 3 { // all stay open, the last speaks first
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append([]net.Conn{c}, conns...)
	}
	for _, c := range conns {
		if _, err := io.WriteString(c, `{"id":1,"do":"add","a":1,"b":1}`+"\n"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		if n, err := c.Read(b); err != nil || string(b[:n]) != `{"id":1,"ok":true,"sum":2}`+"\n" {
			t.Errorf("%q %v", b[:n], err)
		}
	}
}

func TestSocketPathTooLong(t *testing.T) {
	if _, err := Listen("/" + strings.Repeat("d", 107)); err == nil || !strings.Contains(err.Error(), "108 bytes") {
		t.Errorf("error %v", err)
	}
}
