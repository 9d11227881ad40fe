package doors

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
)

// User is the user name of the connect door.
const User = "tw"

// Connect is a proxy into a place: CONNECT for anything, plain requests for http
// URLs. Both need `Proxy-Authorization: Basic base64(tw:secret)`; without it the
// answer is 407 and nothing is dialled. Failures to reach the far side are 502.
type Connect struct {
	place  Place
	secret [sha256.Size]byte
	plain  *httputil.ReverseProxy
}

// NewConnect makes the door into a place.
func NewConnect(p Place, secret string) *Connect {
	c := &Connect{place: p, secret: sha256.Sum256([]byte(User + ":" + secret))}
	c.plain = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Proxy-Authorization")
			r.Out.Header.Del("Proxy-Connection")
		},
		Transport:     transport(p),
		FlushInterval: -1,
		ErrorHandler:  badGateway,
	}
	return c
}

// transport opens a connection per request: a kept one would survive a change of
// the address that the next look-up gives.
func transport(p Place) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DisableCompression: true, DialContext: p.Connect}
}

func badGateway(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, "tw-net: "+err.Error(), http.StatusBadGateway)
}

func (c *Connect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !c.allowed(r.Header.Get("Proxy-Authorization")) {
		w.Header().Set("Proxy-Authenticate", `Basic realm="tradewind sandbox"`)
		http.Error(w, "tw-net: this door needs its secret", http.StatusProxyAuthRequired)
		return
	}
	switch {
	case r.Method == http.MethodConnect:
		c.tunnel(w, r)
	case r.URL.Scheme == "http" && r.URL.Host != "":
		c.plain.ServeHTTP(w, r)
	default:
		http.Error(w, "tw-net: this is a proxy, ask it for a full http URL or CONNECT", http.StatusBadRequest)
	}
}

// allowed compares hashes, so that the time taken tells nothing about the secret.
func (c *Connect) allowed(header string) bool {
	scheme, b64, _ := strings.Cut(header, " ")
	given, err := base64.StdEncoding.DecodeString(strings.TrimSpace(b64))
	sum := sha256.Sum256(given)
	return err == nil && strings.EqualFold(scheme, "Basic") && subtle.ConstantTimeCompare(sum[:], c.secret[:]) == 1
}

func (c *Connect) tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := c.place.Connect(r.Context(), "tcp", r.Host)
	if err != nil {
		badGateway(w, r, err)
		return
	}
	near, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		far.Close()
		badGateway(w, r, err)
		return
	}
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		near.Close()
		far.Close()
		return
	}
	splice(near, buf.Reader, far)
}

// splice copies both ways and passes half-closes on.
func splice(near net.Conn, early *bufio.Reader, far net.Conn) {
	defer near.Close()
	defer far.Close()
	var wg sync.WaitGroup
	pipe := func(to net.Conn, from io.Reader) {
		_, _ = io.Copy(to, from)
		if t, ok := to.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	}
	// What the client sent together with its request lies in the reader.
	head := io.LimitReader(early, int64(early.Buffered()))
	wg.Go(func() { pipe(far, io.MultiReader(head, near)) })
	wg.Go(func() { pipe(near, far) })
	wg.Wait()
}
