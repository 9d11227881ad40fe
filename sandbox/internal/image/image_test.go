package image

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func library(t *testing.T, b Book, builtin ...Recipe) (*Library, string) {
	t.Helper()
	f := filepath.Join(t.TempDir(), "recipes.json")
	save(t, f, b)
	return NewLibrary(f, builtin...), f
}

func save(t *testing.T, f string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f, b, 0o600); err != nil {
		t.Fatal(err)
	}
	// The clock of a file system may tick slower than the test.
	later := time.Now().Add(time.Duration(time.Now().UnixNano()%1000) * time.Millisecond)
	if err := os.Chtimes(f, later, later); err != nil {
		t.Fatal(err)
	}
}

func TestParseRef(t *testing.T) {
	for in, want := range map[string]string{
		"redis":                       "docker.io/library/redis:latest",
		"redis:7.4":                   "docker.io/library/redis:7.4",
		"docker.io/redis:7":           "docker.io/library/redis:7",
		"a/b":                         "docker.io/a/b:latest",
		"registry.example:5000/x/y:1": "registry.example:5000/x/y:1",
		"registry.example/x:1@sha256:" + strings.Repeat("a", 64): "registry.example/x:1",
	} {
		if got, err := ParseRef(in); err != nil || got.String() != want {
			t.Errorf("ParseRef(%s) = %s, %v", in, got, err)
		}
	}
	if _, err := ParseRef("UPPER case"); err == nil {
		t.Error("an invalid name was accepted")
	}
}

func TestFindFillsTag(t *testing.T) {
	l, _ := library(t, Book{Images: []Recipe{{Name: "docker.io/library/redis", Cmd: []string{"--v", "{tag}"}, Env: []string{"V={tag}"}}}})
	_, r, err := l.Find("redis:7.4")
	if err != nil {
		t.Fatal(err)
	}
	if r.Env[0] != "V=7.4" || r.Cmd[1] != "7.4" {
		t.Errorf("env %v cmd %v", r.Env, r.Cmd)
	}
	_, r, err = l.Find("redis:8")
	if err != nil || r.Env[0] != "V=8" {
		t.Errorf("the first tag stuck: %v %v", r, err)
	}
}

func TestTagsLimit(t *testing.T) {
	l, _ := library(t, Book{Images: []Recipe{{Name: "redis", Tags: []string{"7.4"}}}})
	if _, _, err := l.Find("redis:7.4"); err != nil {
		t.Error(err)
	}
	_, _, err := l.Find("redis:8")
	var nf *NotFoundError
	if !errors.As(err, &nf) || !strings.Contains(err.Error(), "redis:7.4") {
		t.Errorf("err = %v", err)
	}
}

func TestUnknownNamesNearest(t *testing.T) {
	l, _ := library(t, Book{Images: []Recipe{{Name: "redis"}, {Name: "registry.example/guestbook"}}})
	_, _, err := l.Find("redsi:7")
	if err == nil || !strings.Contains(err.Error(), "docker.io/library/redis") {
		t.Errorf("err = %v", err)
	}
	_, _, err = l.Find("quay.io/nothing/alike-at-all")
	if err == nil || strings.Contains(err.Error(), "nearest") {
		t.Errorf("err = %v", err)
	}
}

func TestReloadAndBrokenFile(t *testing.T) {
	l, f := library(t, Book{Images: []Recipe{{Name: "a"}}})
	if _, _, err := l.Find("b"); err == nil {
		t.Fatal("b is there too early")
	}
	save(t, f, Book{Images: []Recipe{{Name: "a"}, {Name: "b"}}})
	if _, _, err := l.Find("b"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Find("b"); err != nil {
		t.Errorf("the last good recipes are gone: %v", err)
	}
	if _, _, err := l.Find("c"); err == nil || !strings.Contains(err.Error(), "TW9020") {
		t.Errorf("the broken file is not named: %v", err)
	}
}

func TestBuiltin(t *testing.T) {
	l, f := library(t, Book{}, Recipe{Name: "dns", Cmd: []string{"builtin"}})
	_, r, err := l.Find("dns")
	if err != nil || r.Cmd[0] != "builtin" {
		t.Fatalf("%v %v", r, err)
	}
	save(t, f, Book{Images: []Recipe{{Name: "dns", Cmd: []string{"own"}}}})
	if _, r, _ := l.Find("dns"); r.Cmd[0] != "own" {
		t.Error("the file does not win over the built-in recipe")
	}
}

func TestPrivate(t *testing.T) {
	l, _ := library(t, Book{
		Images:     []Recipe{{Name: "registry.example/x", Private: true}, {Name: "other.example/y", Private: true}},
		Registries: []Registry{{Host: "registry.example", Username: "u", Password: "p"}},
	})
	s := NewStore(l)
	ok := []Auth{{Username: "u", Password: "p"}, {Encoded: base64.StdEncoding.EncodeToString([]byte("u:p"))}}
	for _, a := range ok {
		if _, err := s.Pull("registry.example/x:1", a); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	for _, a := range []Auth{{}, {Username: "u", Password: "q"}, {Username: "v", Password: "p"}, {Encoded: "!!"}} {
		if _, err := s.Pull("registry.example/x:1", a); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
			t.Errorf("%+v: %v", a, err)
		}
	}
	if _, err := s.Pull("other.example/y", Auth{Username: "u", Password: "p"}); err == nil {
		t.Error("the account of another registry was accepted")
	}
}

func TestDigestFollowsContent(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.WriteFile(bin, []byte("one"), 0o755); err != nil {
		t.Fatal(err)
	}
	l, _ := library(t, Book{Images: []Recipe{{Name: "x", Files: []File{{Host: bin, At: "/x"}}, Env: []string{"T={tag}"}}}})
	s := NewStore(l)
	pull := func(name string) string {
		i, err := s.Pull(name, Auth{})
		if err != nil {
			t.Fatal(err)
		}
		return i.ID
	}
	first := pull("x:1")
	if pull("x:1") != first {
		t.Error("the digest is not stable")
	}
	if pull("x:2") == first {
		t.Error("another tag in the environment is the same image")
	}
	if err := os.WriteFile(bin, []byte("two"), 0o755); err != nil {
		t.Fatal(err)
	}
	if pull("x:1") == first {
		t.Error("changed bytes are the same image")
	}
}

func TestDigestOfFolder(t *testing.T) {
	dir := t.TempDir()
	r := Recipe{Name: "x", Files: []File{{Host: dir, At: "/x"}}}
	a, _, err := r.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, size, err := r.Digest()
	if err != nil || a == b || size != 5 {
		t.Errorf("%s %s %d %v", a, b, size, err)
	}
}

func TestMissingFile(t *testing.T) {
	l, _ := library(t, Book{Images: []Recipe{{Name: "x", Files: []File{{Host: "/no/such/file", At: "/x"}}}}})
	if _, err := NewStore(l).Pull("x", Auth{}); err == nil || !strings.Contains(err.Error(), "TW9020") {
		t.Errorf("err = %v", err)
	}
}

func TestStoreLookup(t *testing.T) {
	l, _ := library(t, Book{Images: []Recipe{{Name: "redis"}}})
	s := NewStore(l)
	i, err := s.Pull("redis:7", Auth{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"redis:7", "docker.io/library/redis:7", i.ID, "docker.io/library/redis@" + i.ID} {
		if s.Get(name) != i {
			t.Errorf("Get(%s) finds nothing", name)
		}
	}
	if s.Get("redis:8") != nil {
		t.Error("a tag that was not pulled is there")
	}
	s.Remove(i.ID)
	if s.Get("redis:7") != nil || len(s.List()) != 0 {
		t.Error("still there after Remove")
	}
}
