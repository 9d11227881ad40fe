// Package image turns image names into recipes: what program an "image" runs and which files of the host
// it brings. A recipe's digest is a hash of itself and its files, so that a change is a new image.
package image

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
)

// File is a file or folder of the host that an image brings. A file that is not read-only is the container's
// own copy, as a file of a layer is; a folder that is not is shared with the host.
type File struct {
	Host string `json:"host"`
	At   string `json:"at"`
	RO   bool   `json:"ro"`
}

// Recipe is one image, all its tags.
type Recipe struct {
	Name       string   `json:"name"`
	Tags       []string `json:"tags"`
	Entrypoint []string `json:"entrypoint"`
	Cmd        []string `json:"cmd"`
	// Env and Cmd may hold {tag}.
	Env     []string `json:"env"`
	Cwd     string   `json:"cwd"`
	User    int64    `json:"user"`
	Private bool     `json:"private"`
	Files   []File   `json:"files"`
}

// Registry is the account of a private registry.
type Registry struct {
	Host     string `json:"host"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// Book is a recipes file.
type Book struct {
	Images     []Recipe   `json:"images"`
	Registries []Registry `json:"registries"`
}

// Ref is an image name in full: docker.io/library/redis, 7.4.
type Ref struct {
	Name string
	Tag  string
	Host string
}

func (r Ref) String() string { return r.Name + ":" + r.Tag }

// ParseRef completes an image name as container runtimes do: redis is docker.io/library/redis:latest.
func ParseRef(image string) (Ref, error) {
	n, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return Ref{}, fmt.Errorf("invalid image name %q: %w", image, err)
	}
	r := Ref{Name: n.Name(), Tag: "latest", Host: reference.Domain(n)}
	if t, ok := n.(reference.Tagged); ok {
		r.Tag = t.Tag()
	}
	return r, nil
}

// Library reads a recipes file and reads it again when it changes. A broken change leaves the last good
// recipes in force and is reported at the next pull of an unknown image.
type Library struct {
	file    string
	builtin []Recipe
	mu      sync.Mutex
	stamp   string
	book    Book
	fault   error
}

// NewLibrary opens a recipes file; builtin recipes apply when the file has none of the same name.
func NewLibrary(file string, builtin ...Recipe) *Library {
	return &Library{file: file, builtin: builtin}
}

// load refreshes the book when the file's size or time differ. The lock is held.
func (l *Library) load() {
	st, err := os.Stat(l.file)
	if err != nil {
		l.fault = fmt.Errorf("TW9020 recipes: %w", err)
		return
	}
	stamp := fmt.Sprint(st.ModTime().UnixNano(), st.Size())
	if stamp == l.stamp {
		return
	}
	b, err := os.ReadFile(l.file)
	if err != nil {
		l.fault = fmt.Errorf("TW9020 recipes: %w", err)
		return
	}
	var book Book
	if err := json.Unmarshal(b, &book); err != nil {
		l.fault = fmt.Errorf("TW9020 recipes %s: %w", filepath.Base(l.file), err)
		l.stamp = stamp
		return
	}
	l.book, l.fault, l.stamp = book, nil, stamp
}

// Find returns the recipe of an image, with the tag filled in.
func (l *Library) Find(image string) (Ref, *Recipe, error) {
	ref, err := ParseRef(image)
	if err != nil {
		return ref, nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	all := append(slices.Clone(l.book.Images), l.builtin...)
	for _, r := range all {
		if full(r.Name) == ref.Name && (len(r.Tags) == 0 || slices.Contains(r.Tags, ref.Tag)) {
			return ref, r.at(ref.Tag), nil
		}
	}
	return ref, nil, l.unknown(ref, all)
}

func (l *Library) unknown(ref Ref, all []Recipe) error {
	text := fmt.Sprintf("failed to resolve reference %q: %s: not found", ref, ref)
	if near := nearest(ref, all); near != "" {
		text += "; the nearest image of the sandbox is " + near
	}
	if l.fault != nil {
		text += fmt.Sprintf(" (%v)", l.fault)
	}
	return &NotFoundError{text}
}

// NotFoundError says that no recipe fits an image.
type NotFoundError struct{ text string }

func (e *NotFoundError) Error() string { return e.text }

// Account returns the account of a registry host.
func (l *Library) Account(host string) (Registry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	for _, r := range l.book.Registries {
		if r.Host == host {
			return r, true
		}
	}
	return Registry{}, false
}

func full(name string) string {
	r, err := ParseRef(name)
	if err != nil {
		return name
	}
	return r.Name
}

// at fills the tag into a copy.
func (r Recipe) at(tag string) *Recipe {
	fill := func(in []string) []string {
		out := make([]string, len(in))
		for i, s := range in {
			out[i] = strings.ReplaceAll(s, "{tag}", tag)
		}
		return out
	}
	r.Entrypoint, r.Cmd, r.Env = fill(r.Entrypoint), fill(r.Cmd), fill(r.Env)
	return &r
}

// Missing returns the first file of the recipe that is not there.
func (r *Recipe) Missing() error {
	for _, f := range r.Files {
		if !filepath.IsAbs(f.Host) || !filepath.IsAbs(f.At) {
			return fmt.Errorf("TW9020 recipe %s: %q at %q are not absolute paths", r.Name, f.Host, f.At)
		}
		if _, err := os.Stat(f.Host); err != nil {
			return fmt.Errorf("TW9020 recipe %s: %w", r.Name, err)
		}
	}
	return nil
}

// Image is a pulled image.
type Image struct {
	Ref    Ref
	ID     string
	Recipe *Recipe
	Pulled time.Time
	Size   uint64
}
