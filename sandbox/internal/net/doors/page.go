package doors

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Page is a door for a browser: it shows one site as a user of one region sees it.
// A key in the URL works once and becomes a cookie; without either the answer is
// 403. Requests under another Host than loopback are refused (DNS rebinding).
type Page struct {
	name    string // of the user group, for the cookie
	place   Place
	changed func() // a key was used up

	mu      sync.Mutex
	host    string
	port    uint16
	key     string
	cookies map[[sha256.Size]byte]bool
	proxy   *httputil.ReverseProxy
}

// NewPage makes the door of a user group. changed is called after a key was used.
func NewPage(name string, p Place, changed func()) *Page {
	d := &Page{name: name, place: p, changed: changed, key: rand.Text(), cookies: map[[sha256.Size]byte]bool{}}
	d.proxy = &httputil.ReverseProxy{Rewrite: d.rewrite, Transport: transport(p), FlushInterval: -1,
		ErrorHandler: badGateway, ModifyResponse: d.localize}
	return d
}

// Aim chooses what the door shows.
func (d *Page) Aim(host string, port uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.host, d.port = host, port
}

// URL is the address with the key that opens the door once.
func (d *Page) URL(listener net.Addr) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return "http://" + listener.String() + "/?key=" + d.key
}

func (d *Page) target() (host, hostPort string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hostPort = net.JoinHostPort(d.host, strconv.Itoa(int(d.port)))
	if d.port == 80 {
		return d.host, hostPort
	}
	return hostPort, hostPort
}

func (d *Page) cookieName() string { return "tw_door_" + d.name }

func (d *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, _, err := net.SplitHostPort(r.Host); err != nil || h != "127.0.0.1" && h != "localhost" {
		http.Error(w, "tw-net: this door opens on 127.0.0.1 only", http.StatusForbidden)
		return
	}
	if key := r.URL.Query().Get("key"); key != "" && r.URL.Path == "/" && d.admit(w, key) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if !d.knows(r) {
		http.Error(w, "tw-net: this door needs the key from its address; each key opens once", http.StatusForbidden)
		return
	}
	d.proxy.ServeHTTP(w, r)
}

// admit uses the key up and gives a cookie for it.
func (d *Page) admit(w http.ResponseWriter, key string) bool {
	d.mu.Lock()
	good := subtle.ConstantTimeCompare([]byte(key), []byte(d.key)) == 1
	var value string
	if good {
		value = rand.Text()
		d.cookies[sha256.Sum256([]byte(value))] = true
		d.key = rand.Text()
	}
	d.mu.Unlock()
	if !good {
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: d.cookieName(), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	d.changed()
	return true
}

func (d *Page) knows(r *http.Request) bool {
	c, err := r.Cookie(d.cookieName())
	if err != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cookies[sha256.Sum256([]byte(c.Value))]
}

func (d *Page) rewrite(r *httputil.ProxyRequest) {
	host, hostPort := d.target()
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", hostPort, host
	r.Out.Header.Del("Cookie")
	for _, c := range r.In.Cookies() {
		if !strings.HasPrefix(c.Name, "tw_door_") { // doors on other ports share the jar
			r.Out.AddCookie(c)
		}
	}
	for _, h := range []string{"Origin", "Referer"} { // as the page would have sent them
		if u, err := url.Parse(r.In.Header.Get(h)); err == nil && u.Host == r.In.Host && u.Host != "" {
			u.Host = host
			r.Out.Header.Set(h, u.String())
		}
	}
}

// localize keeps redirects to the site itself inside the door.
func (d *Page) localize(res *http.Response) error {
	host, hostPort := d.target()
	if u, err := url.Parse(res.Header.Get("Location")); err == nil && (u.Host == host || u.Host == hostPort) && u.Scheme == "http" {
		u.Scheme, u.Host = "", ""
		if u.Path == "" {
			u.Path = "/"
		}
		res.Header.Set("Location", u.String())
	}
	return nil
}
