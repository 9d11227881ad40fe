package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// Server answers the guestbook's HTTP interface. Every answer, also an error, names who gave it.
type Server struct {
	cfg      Config
	store    Store
	log      *slog.Logger
	mux      *http.ServeMux
	started  time.Time
	stopping atomic.Bool
	faults   faults
}

// requestTime bounds everything a request does with Redis. Longer than Tradewind keeps a write while there is no home.
const requestTime = 15 * time.Second

func newServer(cfg Config, store Store, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, store: store, log: log, mux: http.NewServeMux(), started: time.Now(), faults: faults{variant: cfg.Variant}}
	read, write := []string{http.MethodGet, http.MethodHead}, []string{http.MethodGet, http.MethodPost}
	s.route("/{$}", read, s.page)
	s.route("/lrange/{key}", read, s.list)
	s.route("/rpush/{key}", []string{http.MethodPost}, s.pushBody)
	s.route("/rpush/{key}/{$}", write, s.pushPath)
	s.route("/rpush/{key}/{value}", write, s.pushPath)
	s.route("/info", read, s.info)
	s.route("/env", read, s.env)
	s.route("/healthz", read, s.healthz)
	s.route("/readyz", read, s.readyz)
	s.route("/", nil, func(w http.ResponseWriter, r *http.Request) {
		fail(w, problem{Status: http.StatusNotFound, Code: "not_found", Message: "There is no such page; try /, /lrange/guestbook or /info."})
	})
	return s
}

// route adds a pattern; methods nil = any. A method that does not belong gets a JSON answer too.
func (s *Server) route(pattern string, methods []string, h http.HandlerFunc) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		for _, m := range methods {
			if m == r.Method {
				h(w, r)
				return
			}
		}
		if methods == nil {
			h(w, r)
			return
		}
		for _, m := range methods {
			w.Header().Add("Allow", m)
		}
		fail(w, problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: fmt.Sprintf("%s is not possible here; use %s.", r.Method, methods[0])})
	})
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h := w.Header()
	h.Set("X-Tradewind-Cluster", s.cfg.Cluster)
	h.Set("X-Tradewind-Version", s.cfg.Version)
	h.Set("X-App-Version", s.cfg.Version)
	if look := s.cfg.Variant.look; look != "" {
		h.Set("X-Guestbook-Look", look)
	}
	h.Set("X-Tradewind-Region", s.cfg.Region)
	h.Set("X-Tradewind-Pod", s.cfg.Pod)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	seen := &seenWriter{ResponseWriter: w, stopping: &s.stopping}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("bug", "panic", fmt.Sprint(p))
			if seen.status == 0 {
				fail(seen, problem{Status: http.StatusInternalServerError, Code: "bug", Message: "Something is wrong in the guestbook itself."})
			}
		}
		s.record(r, seen, time.Since(start))
	}()
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	r = r.WithContext(ctx)
	if fromUser(r) && s.faults.hit(start) {
		fail(seen, problem{Status: http.StatusInternalServerError, Code: "variant_broken", Message: "This version of the guestbook fails one of five requests."})
		return
	}
	s.mux.ServeHTTP(seen, r)
}

func probe(r *http.Request) bool { return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" }

// fromUser leaves out the probes and the checks before a release, which come with the header of the preview.
func fromUser(r *http.Request) bool { return !probe(r) && r.Header.Get("X-Tradewind-Preview") == "" }

// record writes one line per request. What people wrote never enters the log: only the route and the key.
func (s *Server) record(r *http.Request, seen *seenWriter, took time.Duration) {
	if probe(r) && seen.status < 400 {
		return
	}
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	_, pattern := s.mux.Handler(r)
	line := []any{"method", r.Method, "route", pattern, "key", seen.key, "status", seen.status,
		"bytes", seen.bytes, "ms", float64(took.Microseconds()) / 1000, "from", from}
	if seen.why != "" {
		line = append(line, "why", seen.why)
	}
	s.log.Info("request", line...)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	key, last, p := target(w, r)
	if p != nil {
		fail(w, *p)
		return
	}
	start := time.Now()
	entries, err := s.store.List(r.Context(), key, last)
	s.answer(w, entries, err, time.Since(start))
}

// pushPath is the contract of the well-known guestbook: the value is a segment of the path, GET is allowed.
func (s *Server) pushPath(w http.ResponseWriter, r *http.Request) {
	s.push(w, r, r.PathValue("value"))
}

// pushBody takes the value from the body, so that a value may be anything, "." and ".." too.
func (s *Server) pushBody(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Value string `json:"value"`
	}
	decode := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8*maxValue))
	decode.DisallowUnknownFields()
	var tooLarge *http.MaxBytesError
	err := decode.Decode(&body)
	switch {
	case errors.As(err, &tooLarge):
		fail(w, tooLong(int(r.ContentLength)))
	case err != nil:
		fail(w, problem{Status: http.StatusBadRequest, Code: "bad_body", Message: `The body must be JSON such as {"value":"hello"}.`})
	default:
		s.push(w, r, body.Value)
	}
}

func (s *Server) push(w http.ResponseWriter, r *http.Request, value string) {
	if foreign(r) {
		fail(w, problem{Status: http.StatusForbidden, Code: "foreign_origin", Message: "Another web site may not write into this guestbook."})
		return
	}
	key, last, p := target(w, r)
	if p == nil {
		p = checkValue(value)
	}
	if p != nil {
		fail(w, *p)
		return
	}
	start := time.Now()
	entries, err := s.store.Push(r.Context(), key, value, last)
	s.answer(w, entries, err, time.Since(start))
}

func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	text, err := s.store.Info(r.Context())
	if err != nil {
		fail(w, storeProblem(err))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

func (s *Server) env(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, masked(os.Environ()))
}

// healthz tells about this process only.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"ok": true, "version": s.cfg.Version, "upSeconds": int(time.Since(s.started).Seconds()), "stopping": s.stopping.Load()})
}

// readyz tells whether users may be sent here: not while stopping, not without Redis, not where the variant says so.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		fail(w, problem{Status: http.StatusServiceUnavailable, Code: "stopping", Message: "This pod is stopping."})
		return
	}
	if s.cfg.Variant.neverReady && s.cfg.Cluster == s.cfg.VariantCluster {
		fail(w, problem{Status: http.StatusServiceUnavailable, Code: "variant_stuck", Message: "This version of the guestbook never becomes ready in " + s.cfg.Cluster + "."})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		fail(w, storeProblem(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"ready": true})
}

// answer writes a list, or why there is none. X-Guestbook-Length is the length of the whole list.
func (s *Server) answer(w http.ResponseWriter, e Entries, err error, took time.Duration) {
	w.Header().Set("Server-Timing", fmt.Sprintf("redis;dur=%.2f", float64(took.Microseconds())/1000))
	if err != nil {
		fail(w, storeProblem(err))
		return
	}
	w.Header().Set("X-Guestbook-Length", strconv.FormatInt(e.Total, 10))
	w.Header().Set("X-Guestbook-Read", e.From)
	if e.Values == nil {
		e.Values = []string{}
	}
	writeJSON(w, http.StatusOK, e.Values)
}

// foreign tells whether a browser says that another site made this request. Without Sec-Fetch-Site (old
// browsers, plain HTTP) the Origin is compared; programs such as curl send neither.
func foreign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		return err != nil || u.Host != r.Host
	}
	return true
}

// seenWriter notes what is answered. While the program stops, it asks each connection that is still used to be
// closed after its answer, so that the next request is sent elsewhere; idle ones are left open until the end,
// because a request may be on its way to them.
type seenWriter struct {
	http.ResponseWriter
	stopping      *atomic.Bool
	status, bytes int
	key, why      string
}

func (s *seenWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
		if s.stopping.Load() {
			s.Header().Set("Connection", "close")
		}
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seenWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.WriteHeader(http.StatusOK)
	}
	n, err := s.ResponseWriter.Write(b)
	s.bytes += n
	return n, err
}
