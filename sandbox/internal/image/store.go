package image

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Auth is what a pull secret holds for a registry.
type Auth struct {
	Username string
	Password string
	// Encoded is base64 of username:password, an older form of the same.
	Encoded string
}

// Store is the set of images a node has pulled.
type Store struct {
	lib    *Library
	mu     sync.Mutex
	images map[string]*Image // by full name with tag
}

// NewStore makes an empty store.
func NewStore(lib *Library) *Store { return &Store{lib: lib, images: map[string]*Image{}} }

// Pull finds the recipe, checks the account of a private image, and keeps the image.
func (s *Store) Pull(name string, auth Auth) (*Image, error) {
	ref, recipe, err := s.lib.Find(name)
	if err != nil {
		return nil, err
	}
	if recipe.Private {
		if err := s.authorize(ref, auth); err != nil {
			return nil, err
		}
	}
	if err := recipe.Missing(); err != nil {
		return nil, err
	}
	id, size, err := recipe.Digest()
	if err != nil {
		return nil, err
	}
	img := &Image{Ref: ref, ID: id, Recipe: recipe, Pulled: time.Now(), Size: size}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images[ref.String()] = img
	return img, nil
}

func (s *Store) authorize(ref Ref, auth Auth) error {
	user, password := auth.Username, auth.Password
	if user == "" && auth.Encoded != "" {
		if b, err := base64.StdEncoding.DecodeString(auth.Encoded); err == nil {
			user, password, _ = strings.Cut(string(b), ":")
		}
	}
	account, known := s.lib.Account(ref.Host)
	if known && user == account.Username && password == account.Password && user != "" {
		return nil
	}
	why := "no basic auth credentials"
	if user != "" {
		why = "the registry refused user " + user
	}
	return fmt.Errorf("failed to authorize: unexpected status from HEAD request to https://%s/v2/: 401 Unauthorized: pull access denied for %s: %s", ref.Host, ref.Name, why)
}

// Get finds a pulled image by name, by id, or by name@digest.
func (s *Store) Get(name string) *Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, digest, ok := strings.Cut(name, "@"); ok {
		name = digest
	}
	for key, i := range s.images {
		if key == name || i.ID == name {
			return i
		}
	}
	if ref, err := ParseRef(name); err == nil {
		return s.images[ref.String()]
	}
	return nil
}

// List returns all pulled images.
func (s *Store) List() []*Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Image, 0, len(s.images))
	for _, i := range s.images {
		out = append(out, i)
	}
	return out
}

// Remove forgets every tag of an image.
func (s *Store) Remove(name string) {
	img := s.Get(name)
	if img == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, i := range s.images {
		if i.ID == img.ID {
			delete(s.images, key)
		}
	}
}
