package doors

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// town is a place on loopback: every address leads to one web server, and the name
// servers (by address) answer from a function.
type town struct {
	web   string
	names map[string]func(q dnsmessage.Question, m *dnsmessage.Message)
	asked []string // "network server"
	dials int
}

func (w *town) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if answer, ok := w.names[address]; ok {
		w.asked = append(w.asked, network+" "+address)
		near, far := net.Pipe()
		go serveDNS(far, network, answer)
		return near, nil
	}
	w.dials++
	return (&net.Dialer{}).DialContext(ctx, network, w.web)
}

func serveDNS(c net.Conn, network string, answer func(dnsmessage.Question, *dnsmessage.Message)) {
	defer c.Close()
	b := make([]byte, 600)
	if network == "tcp" {
		_, _ = io.ReadFull(c, b[:2])
	}
	n, err := c.Read(b)
	var m dnsmessage.Message
	if err != nil || m.Unpack(b[:n]) != nil {
		return
	}
	m.Response = true
	answer(m.Questions[0], &m)
	out, err := m.Pack()
	if err != nil {
		return
	}
	if network == "tcp" {
		out = append([]byte{byte(len(out) >> 8), byte(len(out))}, out...)
	}
	_, _ = c.Write(out)
}

func a(name string, ip ...byte) dnsmessage.Resource {
	return dnsmessage.Resource{Header: head(name), Body: &dnsmessage.AResource{A: [4]byte(ip)}}
}

func head(name string) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 5}
}

func newTown(t *testing.T) (*town, Place) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/move" {
			http.Redirect(w, r, "http://"+r.Host+"/there?x=1", http.StatusFound)
			return
		}
		fmt.Fprintf(w, "host=%s path=%s cookie=%s proxyauth=%q", r.Host, r.URL.Path, r.Header.Get("Cookie"), r.Header.Get("Proxy-Authorization"))
	}))
	t.Cleanup(web.Close)
	w := &town{web: web.Listener.Addr().String()}
	w.names = map[string]func(dnsmessage.Question, *dnsmessage.Message){
		"198.19.0.53:53": func(q dnsmessage.Question, m *dnsmessage.Message) {
			switch strings.ToLower(q.Name.String()) {
			case "plain.example.":
				m.Answers = append(m.Answers, a("plain.example.", 198, 18, 1, 1))
			case "alias.example.":
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head("alias.example."), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("Plain.example.")}})
			case "app.zone.example.":
				m.Authorities = append(m.Authorities, dnsmessage.Resource{Header: head("zone.example."), Body: &dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns.zone.example.")}})
				m.Additionals = append(m.Additionals, a("ns.zone.example.", 198, 18, 2, 53))
			case "big.example.":
				m.Truncated = len(w.asked) > 0 && strings.HasPrefix(w.asked[len(w.asked)-1], "udp")
				if !m.Truncated {
					m.Answers = append(m.Answers, a("big.example.", 198, 18, 1, 9))
				}
			case "loop.example.":
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head("loop.example."), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("loop2.example.")}})
			case "loop2.example.":
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head("loop2.example."), Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("loop.example.")}})
			default:
				m.RCode = dnsmessage.RCodeNameError
			}
		},
		"198.18.2.53:53": func(q dnsmessage.Question, m *dnsmessage.Message) {
			m.Answers = append(m.Answers, a(q.Name.String(), 198, 18, 3, 3))
		},
	}
	return w, Place{Dial: w.dial, Server: netip.MustParseAddrPort("198.19.0.53:53")}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ host, want, fault string }{
		{"198.18.9.9", "[198.18.9.9]", ""}, {"plain.example", "[198.18.1.1]", ""}, {"PLAIN.example.", "[198.18.1.1]", ""},
		{"alias.example", "[198.18.1.1]", ""}, // to "Plain…": names differ in case only
		{"app.zone.example", "[198.18.3.3]", ""}, {"big.example", "[198.18.1.9]", ""},
		{"none.example", "", "NameError"}, {"loop.example", "", "aliases and referrals"},
	} {
		_, p := newTown(t)
		got, err := p.Resolve(context.Background(), c.host)
		if c.fault == "" && (err != nil || fmt.Sprint(got) != c.want) {
			t.Errorf("%s: %v %v, want %s", c.host, got, err, c.want)
		}
		if c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s: %v %v, want fault %s", c.host, got, err, c.fault)
		}
	}
}

func TestSlowLookUpLeavesTimeToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queries := 0
		left := time.Duration(0)
		dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
			near, far := net.Pipe()
			if network == "tcp" {
				end, _ := ctx.Deadline()
				left = time.Until(end)
				return near, far.Close()
			}
			queries++
			go serveDNS(far, network, func(q dnsmessage.Question, m *dnsmessage.Message) {
				if queries < queryTries {
					time.Sleep(2 * queryWait)
				}
				m.Answers = append(m.Answers, a(q.Name.String(), 198, 18, 1, 1))
			})
			return near, nil
		}
		c, err := Place{Dial: dial, Server: netip.MustParseAddrPort("198.19.0.53:53")}.Connect(context.Background(), "tcp", "slow.example:443")
		if err != nil || left != dialWait {
			t.Fatalf("%v; %s to connect after %d queries", err, left, queries)
		}
		c.Close()
		time.Sleep(time.Minute)
	})
}

func TestConnectDoorChecksTheSecret(t *testing.T) {
	w, p := newTown(t)
	door := httptest.NewServer(NewConnect(p, "right"))
	defer door.Close()
	get := func(user *url.Userinfo) (int, string) {
		u, _ := url.Parse(door.URL)
		u.User = user
		c := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u), DisableKeepAlives: true}}
		res, err := c.Get("http://plain.example/p")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	for _, u := range []*url.Userinfo{nil, url.UserPassword("tw", "wrong"), url.UserPassword("tw", ""), url.UserPassword("root", "right")} {
		if code, _ := get(u); code != http.StatusProxyAuthRequired {
			t.Errorf("%v: %d, want 407", u, code)
		}
	}
	if w.dials != 0 || len(w.asked) != 0 {
		t.Errorf("without the secret the door dialled %d times and asked %v", w.dials, w.asked)
	}
	code, body := get(url.UserPassword("tw", "right"))
	if code != 200 || body != `host=plain.example path=/p cookie= proxyauth=""` {
		t.Errorf("%d %s", code, body)
	}
}

func TestTunnel(t *testing.T) {
	_, p := newTown(t)
	door := httptest.NewServer(NewConnect(p, "right"))
	defer door.Close()
	say := func(auth, rest string) string {
		c, err := net.Dial("tcp", door.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(c, "CONNECT plain.example:80 HTTP/1.1\r\nHost: plain.example:80\r\n%s\r\n%s", auth, rest)
		b, _ := io.ReadAll(c)
		return string(b)
	}
	if got := say("Connection: close\r\n", ""); !strings.HasPrefix(got, "HTTP/1.1 407 ") {
		t.Errorf("without secret: %q", got)
	}
	// dHc6cmlnaHQ= is tw:right; the request follows in the same write.
	got := say("Proxy-Authorization: Basic dHc6cmlnaHQ=\r\n", "GET /in HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK") || !strings.Contains(got, "host=inner path=/in") {
		t.Errorf("with secret: %q", got)
	}
}

func TestPageKeyOpensOnce(t *testing.T) {
	_, p := newTown(t)
	file := filepath.Join(t.TempDir(), "doors.json")
	h, err := Open(file, p, "s")
	if err != nil {
		t.Fatal(err)
	}
	first, err := h.Page("sao", p, "plain.example", 80)
	if err != nil {
		t.Fatal(err)
	}
	if got := ledger(t, file); got.Pages["sao"] != first || got.Connect.Port == 0 {
		t.Errorf("ledger %+v, want %s", got, first)
	}
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	u, _ := url.Parse(first)
	jar.SetCookies(u, []*http.Cookie{{Name: "own", Value: "1"}, {Name: "tw_door_mtl", Value: "secret"}})
	if code, body := fetch(t, browser, first); code != 200 || body != `host=plain.example path=/ cookie=own=1 proxyauth=""` {
		t.Errorf("with the key: %d %s", code, body)
	}
	base := "http://" + u.Host
	if code, body := fetch(t, browser, base+"/move"); code != 200 || !strings.Contains(body, "path=/there") {
		t.Errorf("redirect leaves the door: %d %s", code, body)
	}
	stranger := &http.Client{}
	if code, _ := fetch(t, stranger, first); code != http.StatusForbidden {
		t.Errorf("the used key opens again: %d", code)
	}
	if code, _ := fetch(t, stranger, base+"/"); code != http.StatusForbidden {
		t.Errorf("no key: %d", code)
	}
	next := ledger(t, file).Pages["sao"]
	if next == first {
		t.Error("the ledger still has the used key")
	}
	if code, _ := fetch(t, &http.Client{Jar: newJar()}, next); code != 200 {
		t.Errorf("the next key: %d", code)
	}
	again, err := h.Page("sao", p, "alias.example", 8080)
	if err != nil || !strings.HasPrefix(again, base+"/?key=") {
		t.Errorf("aimed anew: %s %v, want the same door", again, err)
	}
}

func TestPageRefusesOtherHosts(t *testing.T) {
	_, p := newTown(t)
	d := NewPage("sao", p, func() {})
	d.Aim("plain.example", 80)
	s := httptest.NewServer(d)
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: evil.example\r\n\r\n", strings.TrimPrefix(d.URL(s.Listener.Addr()), s.URL))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("%v %v", res, err)
	}
}

func newJar() http.CookieJar { j, _ := cookiejar.New(nil); return j }

func ledger(t *testing.T, file string) (l Ledger) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func fetch(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}
