// Command userland is nc, dig, nslookup and sysctl in one file, by the name it is called: the few words of them that
// Kubernetes' own suite speaks. Its images have the real ones; this machine may not.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	tools := map[string]func([]string) error{"nc": netcat, "dig": dig, "nslookup": nslookup, "sysctl": sysctl}
	name := filepath.Base(os.Args[0])
	tool := tools[name]
	if tool == nil {
		fmt.Fprintf(os.Stderr, "userland: no tool called %s\n", name)
		os.Exit(2)
	}
	var fault *exit
	switch err := tool(os.Args[1:]); {
	case errors.As(err, &fault):
		fmt.Fprintln(os.Stdout, fault.text)
		os.Exit(fault.code)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// exit is an answer on standard output with a code of its own, as DNS tools give one.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }
