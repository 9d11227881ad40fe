package doors

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// Ledger is DIR/run/doors.json. A page's key opens once; the file then gets the next.
type Ledger struct {
	Connect struct {
		Port int `json:"port"`
	} `json:"connect"`
	Pages map[string]string `json:"pages"` // user group → address with key
}

// House holds all doors of one sandbox.
type House struct {
	file  string
	mu    sync.Mutex
	pages map[string]*opened
	port  int
	old   Ledger
}

type opened struct {
	*Page
	listener net.Listener
}

// Open starts the connect door and writes the ledger. Doors come back on the ports
// of the ledger that is there, where these are free.
func Open(file string, operator Place, secret string) (*House, error) {
	h := &House{file: file, pages: map[string]*opened{}}
	if b, err := os.ReadFile(file); err == nil {
		_ = json.Unmarshal(b, &h.old) // a broken ledger only costs the old ports
	}
	l, err := listen(h.old.Connect.Port)
	if err != nil {
		return nil, err
	}
	h.port = l.Addr().(*net.TCPAddr).Port
	serve(l, NewConnect(operator, secret))
	return h, h.write()
}

func listen(port int) (net.Listener, error) {
	if port > 0 {
		if l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp4", "127.0.0.1:0")
}

func serve(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }()
}

// Page opens the door of a user group, or aims it anew, and returns an address
// whose key is unused.
func (h *House) Page(users string, p Place, host string, port uint16) (string, error) {
	if host == "" || port == 0 {
		return "", fmt.Errorf("door needs host and port")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.pages[users]
	if d == nil {
		l, err := listen(oldPort(h.old.Pages[users]))
		if err != nil {
			return "", err
		}
		d = &opened{listener: l}
		d.Page = NewPage(users, p, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			_ = h.write()
		})
		h.pages[users] = d
		serve(l, d.Page)
	}
	d.Aim(host, port)
	return d.URL(d.listener.Addr()), h.write()
}

func oldPort(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(u.Port())
	return n
}

// write replaces the ledger in one step; h.mu is held (or nobody else is there yet).
func (h *House) write() error {
	out := Ledger{Pages: map[string]string{}}
	out.Connect.Port = h.port
	for name, d := range h.pages {
		out.Pages[name] = d.URL(d.listener.Addr())
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.file+".tmp", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(h.file+".tmp", h.file)
}
