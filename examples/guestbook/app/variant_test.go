package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func variantServer(t *testing.T, name, cluster string, log *slog.Logger) *Server {
	t.Helper()
	cfg, err := configFrom(func(k string) string {
		return map[string]string{"VARIANT": name, "CLUSTER_NAME": cluster, "APP_VERSION": "vX"}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := startRedis(t, freePort(t))
	return newServer(cfg, storeOn(t, addr, addr), log)
}

// Healthy for ten seconds after the first request of a user; then each fifth request fails, of users alone.
func TestBrokenVariant(t *testing.T) {
	s := variantServer(t, "broken", "sao", quiet())
	for range 20 {
		for _, path := range []string{"/", "/lrange/guestbook", "/readyz", "/healthz"} {
			if got := ask(s, "GET", path, ""); got.StatusCode != 200 {
				t.Fatalf("in the first seconds: %s %d %q", path, got.StatusCode, got.body)
			}
		}
	}
	s.faults.first = s.faults.first.Add(-10 * time.Second)
	for n := 1; n <= 25; n++ {
		for _, path := range []string{"/readyz", "/healthz"} {
			if got := ask(s, "GET", path, ""); got.StatusCode != 200 {
				t.Fatalf("a probe fails: %s %d", path, got.StatusCode)
			}
		}
		if got := ask(s, "GET", "/", "", "X-Tradewind-Preview", "secret"); got.StatusCode != 200 {
			t.Fatalf("a check before the release fails: %d", got.StatusCode)
		}
		got := ask(s, "GET", "/lrange/guestbook", "")
		if want := n%5 == 0; want != (got.StatusCode == 500) || (want && got.code(t) != "variant_broken") {
			t.Fatalf("request %d: %d %q", n, got.StatusCode, got.body)
		}
	}
}

// Checks before the release do not start the ten seconds.
func TestBrokenVariantWaitsForUsers(t *testing.T) {
	s := variantServer(t, "broken", "sao", quiet())
	ask(s, "GET", "/readyz", "")
	ask(s, "GET", "/", "", "X-Tradewind-Preview", "secret")
	if !s.faults.first.IsZero() {
		t.Fatal("no user has asked yet")
	}
	if ask(s, "GET", "/", ""); s.faults.first.IsZero() {
		t.Fatal("a user has asked")
	}
}

func TestStuckVariant(t *testing.T) {
	var out bytes.Buffer
	got := ask(variantServer(t, "stuck", "mtl", slog.New(slog.NewJSONHandler(&out, nil))), "GET", "/readyz", "")
	why := "never becomes ready in mtl"
	if got.StatusCode != 503 || got.code(t) != "variant_stuck" || !strings.Contains(got.body, why) || !strings.Contains(out.String(), why) {
		t.Fatalf("%d %q, log %q", got.StatusCode, got.body, out.String())
	}
	s := variantServer(t, "stuck", "syd", quiet())
	if got := ask(s, "GET", "/readyz", ""); got.StatusCode != 200 {
		t.Fatalf("another cluster: %d %q", got.StatusCode, got.body)
	}
	s.cfg.VariantCluster = "syd"
	if got := ask(s, "GET", "/readyz", ""); got.StatusCode != 503 {
		t.Fatalf("the cluster of the image: %d", got.StatusCode)
	}
}

func TestVariantsAreSeen(t *testing.T) {
	plain := ask(newServer(identity, nil, quiet()), "GET", "/", "")
	if strings.Contains(plain.body, `id="news"`) || !strings.Contains(plain.body, `data-look=""`) || plain.Header.Values("X-Guestbook-Look") != nil {
		t.Fatal("the plain guestbook has a look of its own")
	}
	for name, v := range variants {
		if name == "" {
			continue
		}
		cfg := identity
		cfg.Variant = v
		got := ask(newServer(cfg, nil, quiet()), "GET", "/", "")
		for _, want := range []string{`data-look="` + v.look + `"`, "[data-look=" + v.look + "]", v.news} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s: no %s on the page", name, want)
			}
		}
		if got.Header.Get("X-Guestbook-Look") != v.look {
			t.Errorf("%s: look %q", name, got.Header.Get("X-Guestbook-Look"))
		}
	}
}
