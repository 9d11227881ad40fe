package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A variant is what an image of this one source is built to be: how it looks, and for exercises how it fails.
// The image says which one by VARIANT; an image without it is the plain guestbook.
type variant struct {
	// look chooses the colours of page.html, news is a line on it.
	look, news string
	// failAfter the first request of a user, one of failEvery is answered with 500.
	failAfter time.Duration
	failEvery int
	// neverReady: not ready in the cluster that VARIANT_CLUSTER names.
	neverReady bool
}

var variants = map[string]variant{
	"":       {},
	"amber":  {look: "amber", news: "New in this version: a warmer colour. The book and its entries are the same."},
	"broken": {look: "plum", news: "New in this version: plum, and a fault that shows only after a while.", failAfter: 10 * time.Second, failEvery: 5},
	"stuck":  {look: "moss", news: "New in this version: moss, and one cluster where it never becomes ready.", neverReady: true},
}

func variantNamed(name string) (variant, error) {
	v, ok := variants[name]
	if !ok {
		known := slices.DeleteFunc(slices.Sorted(maps.Keys(variants)), func(k string) bool { return k == "" })
		return v, fmt.Errorf("VARIANT=%q is none of %s", name, strings.Join(known, ", "))
	}
	return v, nil
}

// faults counts the requests of users and tells which of them fail: the same ones every time.
type faults struct {
	variant
	mu    sync.Mutex
	first time.Time
	n     int
}

// hit counts one request at now and tells whether it must fail.
func (f *faults) hit(now time.Time) bool {
	if f.failEvery == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first.IsZero() {
		f.first = now
	}
	if now.Sub(f.first) < f.failAfter {
		return false
	}
	f.n++
	return f.n%f.failEvery == 0
}
