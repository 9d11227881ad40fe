package main

import (
	"fmt"
	"testing"
)

func TestDirectory(t *testing.T) {
	for _, c := range []struct {
		env, want string
		args      []string
	}{
		{"", "/d [] true", []string{"--dir", "/d"}},
		{"", "/d [ns cmd -x --dir y] true", []string{"--dir", "/d", "ns", "--", "cmd", "-x", "--dir", "y"}},
		{"", "/d [ns cmd -x] true", []string{"ns", "--dir=/d", "cmd", "-x"}},
		{"/e", "/e [ns cmd -- a] true", []string{"ns", "cmd", "--", "a"}},
		{"/e", "/d [] true", []string{"--dir", "/d"}},
		{"", " [ns cmd] false", []string{"ns", "cmd"}},
		{"/e", " [] false", []string{"--dri", "/d"}},
	} {
		t.Setenv("TW_SANDBOX_DIR", c.env)
		dir, rest, ok := directory(c.args)
		if got := fmt.Sprintln(dir, rest, ok); got != c.want+"\n" {
			t.Errorf("%v: %swant %s", c.args, got, c.want)
		}
	}
}
