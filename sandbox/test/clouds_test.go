//go:build integration

package test

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// clouds is a double of the clouds process: one balancer address, machines that exist.
type clouds struct {
	mu        sync.Mutex
	balancers map[string]map[string]any
	calls     []string
	linger    int
}

func startClouds(t *testing.T, socket string) *clouds {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	c := &clouds{balancers: map[string]map[string]any{}}
	srv := &http.Server{Handler: c}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return c
}

func (c *clouds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, r.Method+" "+r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/instances") {
		reply(w, http.StatusOK, map[string]any{"exists": true, "instanceType": "t3.medium", "zone": "sa-east-1a", "region": region, "addresses": []any{}})
		return
	}
	switch r.Method {
	case http.MethodPut:
		var b map[string]any
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"code": "Bad", "message": err.Error()})
			return
		}
		if a, _ := b["annotations"].(map[string]any); a["quota"] != nil {
			reply(w, http.StatusBadRequest, map[string]string{"code": "TooManyLoadBalancers", "message": "The maximum has been reached."})
			return
		}
		c.balancers[r.URL.Path] = b
		reply(w, http.StatusOK, map[string]any{"ingress": []map[string]string{{"ip": "198.18.1.100"}}})
	case http.MethodGet:
		if c.balancers[r.URL.Path] == nil {
			reply(w, http.StatusNotFound, map[string]string{"code": "NotFound", "message": "no such balancer"})
			return
		}
		reply(w, http.StatusOK, map[string]any{"ingress": []map[string]string{{"ip": "198.18.1.100"}}})
	case http.MethodDelete:
		if c.linger > 0 {
			c.linger--
			reply(w, http.StatusAccepted, map[string]bool{"retry": true})
			return
		}
		delete(c.balancers, r.URL.Path)
		reply(w, http.StatusOK, map[string]any{})
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// balancer returns the wish for a Service.
func (c *clouds) balancer(name string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.balancers {
		if b["name"] == name {
			return b
		}
	}
	return nil
}

func (c *clouds) count(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, call := range c.calls {
		if strings.HasPrefix(call, method+" ") && strings.Contains(call, "/loadbalancers/") {
			n++
		}
	}
	return n
}
