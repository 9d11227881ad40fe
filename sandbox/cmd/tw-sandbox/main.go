// Command tw-sandbox is a machine of the sandbox: the control plane or a node of a simulated cluster.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"k8s.io/component-base/version"
	"k8s.io/klog/v2"

	"tradewind.dev/sandbox/internal/controlplane"
	"tradewind.dev/sandbox/internal/node"
	"tradewind.dev/sandbox/internal/spec"
)

const usage = "usage: tw-sandbox control-plane --spec FILE | node --spec FILE | version"

var errUsage = errors.New(usage)

func main() {
	err := run(os.Args[1:])
	klog.Flush()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "tw-sandbox:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	file := fs.String("spec", "", "what the machine is, JSON")
	if err := fs.Parse(args[1:]); err != nil || fs.NArg() > 0 {
		return errUsage
	}
	switch args[0] {
	case "control-plane":
		s, err := spec.ReadControlPlane(*file)
		if err != nil {
			return err
		}
		return controlplane.Run(s)
	case "node":
		s, err := spec.ReadNode(*file)
		if err != nil {
			return err
		}
		if err := node.EnterMounts(); err != nil {
			return err
		}
		return node.Run(s)
	case "version":
		fmt.Println(version.Get().GitVersion)
		return nil
	}
	return errUsage
}
