package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var identity = Config{Cluster: "sao", Region: "sa-east-1", Version: "v1", Pod: "guestbook-abc", StateMode: "isolated"}

func handlerOn(t *testing.T, log *slog.Logger) *Server {
	t.Helper()
	addr, _ := startRedis(t, freePort(t))
	return newServer(identity, storeOn(t, addr, addr), log)
}

type answer struct {
	*http.Response
	body string
}

func (a answer) list(t *testing.T) []string {
	t.Helper()
	var out []string
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || out == nil {
		t.Fatalf("no JSON list: %q", a.body)
	}
	return out
}

func (a answer) code(t *testing.T) string {
	t.Helper()
	var out struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || out.Error.Message == "" {
		t.Fatalf("no JSON error: %d %q", a.StatusCode, a.body)
	}
	return out.Error.Code
}

func ask(h http.Handler, method, path, body string, header ...string) answer {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	text, _ := io.ReadAll(res.Body)
	return answer{res, string(text)}
}

func TestContract(t *testing.T) {
	h := handlerOn(t, quiet())
	if got := ask(h, "GET", "/lrange/guestbook", ""); got.StatusCode != 200 || len(got.list(t)) != 0 {
		t.Fatalf("empty list: %d %q", got.StatusCode, got.body)
	}
	for i, v := range []string{"hello", "a/b", "São Paulo", "<script>alert(1)</script>", "%2e%2e", "?x=1#y", "two\nlines"} {
		got := ask(h, "GET", "/rpush/guestbook/"+url.PathEscape(v), "")
		if list := got.list(t); got.StatusCode != 200 || len(list) != i+1 || list[i] != v {
			t.Fatalf("push %q: %d %q", v, got.StatusCode, got.body)
		}
	}
	for _, v := range []string{".", "..", "//"} {
		body, _ := json.Marshal(map[string]string{"value": v})
		if list := ask(h, "POST", "/rpush/guestbook", string(body)).list(t); list[len(list)-1] != v {
			t.Fatalf("push by body %q: %v", v, list)
		}
	}
	if got := ask(h, "GET", "/lrange/guestbook?last=2", ""); strings.Join(got.list(t), ",") != "..,//" || got.Header.Get("X-Guestbook-Length") != "10" {
		t.Fatalf("last: %q %v", got.body, got.Header)
	}
	if got := ask(h, "GET", "/info", ""); got.StatusCode != 200 || !strings.Contains(got.body, "redis_version:") {
		t.Fatalf("info: %q", got.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := ask(h, "GET", path, ""); got.StatusCode != 200 {
			t.Fatalf("%s: %d %q", path, got.StatusCode, got.body)
		}
	}
}

func TestEveryAnswerNamesItsServer(t *testing.T) {
	h := handlerOn(t, quiet())
	for _, path := range []string{"/", "/lrange/guestbook", "/rpush/guestbook/x", "/rpush/guestbook/", "/info", "/env", "/healthz", "/readyz", "/nowhere"} {
		got := ask(h, "GET", path, "")
		for name, want := range map[string]string{"Cluster": "sao", "Region": "sa-east-1", "Version": "v1", "Pod": "guestbook-abc"} {
			if v := got.Header.Get("X-Tradewind-" + name); v != want {
				t.Errorf("%s: X-Tradewind-%s = %q", path, name, v)
			}
		}
		if v := got.Header.Get("X-App-Version"); v != "v1" {
			t.Errorf("%s: X-App-Version = %q", path, v)
		}
	}
}

func TestBadInput(t *testing.T) {
	h := handlerOn(t, quiet())
	long := strings.Repeat("é", maxValue/2+1)
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code               string
	}{
		"no value":                {"GET", "/rpush/guestbook/", "", nil, 400, "empty_value"},
		"blank value":             {"GET", "/rpush/guestbook/%20%09", "", nil, 400, "empty_value"},
		"blank value in body":     {"POST", "/rpush/guestbook", `{"value":" "}`, nil, 400, "empty_value"},
		"value too long":          {"GET", "/rpush/guestbook/" + url.PathEscape(long), "", nil, 413, "value_too_long"},
		"value too long in body":  {"POST", "/rpush/guestbook", `{"value":"` + long + `"}`, nil, 413, "value_too_long"},
		"body without end":        {"POST", "/rpush/guestbook", `{"value":"` + strings.Repeat("x", 9*maxValue), nil, 413, "value_too_long"},
		"no UTF-8":                {"GET", "/rpush/guestbook/%ff%fe", "", nil, 400, "not_text"},
		"escape codes":            {"GET", "/rpush/guestbook/%1b%5b31m", "", nil, 400, "not_text"},
		"zero byte":               {"GET", "/rpush/guestbook/a%00b", "", nil, 400, "not_text"},
		"body is no JSON":         {"POST", "/rpush/guestbook", "hello", nil, 400, "bad_body"},
		"body with another key":   {"POST", "/rpush/guestbook", `{"valeu":"x"}`, nil, 400, "bad_body"},
		"key with a space":        {"GET", "/lrange/a%20b", "", nil, 400, "bad_key"},
		"key with a line break":   {"GET", "/rpush/a%0d%0ab/x", "", nil, 400, "bad_key"},
		"key too long":            {"GET", "/lrange/" + strings.Repeat("k", 129), "", nil, 400, "bad_key"},
		"last is no number":       {"GET", "/lrange/guestbook?last=-1", "", nil, 400, "bad_last"},
		"unknown page":            {"GET", "/lrangee/guestbook", "", nil, 404, "not_found"},
		"delete":                  {"DELETE", "/rpush/guestbook/x", "", nil, 405, "method_not_allowed"},
		"write to a reading path": {"POST", "/lrange/guestbook", "", nil, 405, "method_not_allowed"},
		"read of the body path":   {"GET", "/rpush/guestbook", "", nil, 405, "method_not_allowed"},
		"another site, new":       {"GET", "/rpush/guestbook/x", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "foreign_origin"},
		"sibling site":            {"POST", "/rpush/guestbook", `{"value":"x"}`, []string{"Sec-Fetch-Site", "same-site"}, 403, "foreign_origin"},
		"another site, old":       {"POST", "/rpush/guestbook/x", "", []string{"Origin", "http://evil.example"}, 403, "foreign_origin"},
		"site without a name":     {"POST", "/rpush/guestbook/x", "", []string{"Origin", "null"}, 403, "foreign_origin"},
	} {
		got := ask(h, c.method, c.path, c.body, c.header...)
		if got.StatusCode != c.status || got.code(t) != c.code {
			t.Errorf("%s: want %d %s, got %d %q", name, c.status, c.code, got.StatusCode, got.body)
		}
	}
	if list := ask(h, "GET", "/lrange/guestbook", "").list(t); len(list) != 0 {
		t.Fatalf("bad input was stored: %q", list)
	}
	for _, header := range [][]string{nil, {"Sec-Fetch-Site", "none"}, {"Origin", "http://example.com"}, {"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:9"}} {
		if got := ask(h, "POST", "/rpush/guestbook/x", "", header...); got.StatusCode != 200 {
			t.Errorf("own page %v: %d %q", header, got.StatusCode, got.body)
		}
	}
}

func TestPageEscapesAndAsksNobodyElse(t *testing.T) {
	evil := identity
	evil.Cluster = `"></title><script>alert(1)</script>`
	evil.Region = `'; alert(2); //`
	h := newServer(evil, storeOn(t, "127.0.0.1:1", "127.0.0.1:1"), quiet())
	got := ask(h, "GET", "/", "")
	if got.StatusCode != 200 || strings.Contains(got.body, "<script>alert(1)") || strings.Contains(got.body, "'; alert(2)") {
		t.Fatalf("not escaped: %s", got.body)
	}
	if n := strings.Count(got.body, "<script"); n != 1 {
		t.Fatalf("%d script elements", n)
	}
	if strings.Contains(got.body, "innerHTML") || regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//`).MatchString(got.body) {
		t.Fatal("the page reaches outside or writes HTML")
	}
	policy := got.Header.Get("Content-Security-Policy")
	nonce := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(policy)
	if nonce == nil || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(got.body, `<script nonce="`+nonce[1]+`">`) {
		t.Fatalf("policy: %s", policy)
	}
	if ask(h, "GET", "/", "").Header.Get("Content-Security-Policy") == policy {
		t.Fatal("the nonce is used twice")
	}
	if !strings.Contains(ask(newServer(identity, nil, quiet()), "GET", "/", "").body, "each cluster keeps its own entries") {
		t.Fatal("STATE_MODE=isolated is not said")
	}
}

func TestRedisDown(t *testing.T) {
	h := newServer(identity, storeOn(t, "127.0.0.1:1", "127.0.0.1:1"), quiet())
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/env": 200, "/readyz": 503, "/info": 503, "/lrange/guestbook": 503, "/rpush/guestbook/x": 503} {
		got := ask(h, "GET", path, "")
		if got.StatusCode != want || (want == 503 && (got.code(t) != "redis_unavailable" || got.Header.Get("Retry-After") == "")) {
			t.Errorf("%s: %d %q", path, got.StatusCode, got.body)
		}
	}
}

type brokenStore struct{ Store }

func (brokenStore) Push(context.Context, string, string, int64) (Entries, error) {
	return Entries{}, errors.Join(errUnread, errors.New("reset"))
}
func (brokenStore) List(context.Context, string, int64) (Entries, error) { panic("a bug") }

func TestOtherStoreFaults(t *testing.T) {
	h := newServer(identity, brokenStore{}, quiet())
	if got := ask(h, "GET", "/rpush/guestbook/x", ""); got.StatusCode != 503 || got.code(t) != "stored_unread" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
	if got := ask(h, "GET", "/lrange/guestbook", ""); got.StatusCode != 500 || got.code(t) != "bug" {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

func TestSecretsOfTheEnvironmentAreHidden(t *testing.T) {
	got := masked([]string{"DB_PASSWORD=a", "API_TOKEN=b", "AWS_ACCESS_KEY_ID=c", "URL=redis://u:p@h:1", "PEM=-----BEGIN X", "JWT=eyJhbGciOi.x", "EMPTY_SECRET=", "CLUSTER_NAME=sao", "HOME=/", "broken"})
	for name, value := range got {
		open := name == "CLUSTER_NAME" || name == "HOME" || name == "EMPTY_SECRET"
		if open == (value == "(hidden)") {
			t.Errorf("%s=%s", name, value)
		}
	}
	if len(got) != 9 {
		t.Errorf("%d entries", len(got))
	}
}

func TestLogIsOneLineAndHoldsNoEntry(t *testing.T) {
	var out bytes.Buffer
	h := handlerOn(t, slog.New(slog.NewJSONHandler(&out, nil)))
	ask(h, "GET", "/rpush/guestbook/my%0Aprivate%20words", "")
	ask(h, "GET", "/healthz", "")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var line map[string]any
	if len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &line) != nil || strings.Contains(out.String(), "private") {
		t.Fatalf("%q", out.String())
	}
	if line["route"] != "/rpush/{key}/{value}" || line["key"] != "guestbook" || line["status"] != 200.0 {
		t.Fatalf("%v", line)
	}
}
