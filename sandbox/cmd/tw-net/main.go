// Command tw-net is the network of the sandbox.
//
//	tw-net up --dir DIR                     build the network of DIR/net.json and serve it
//	tw-net enter --dir DIR NS [--] CMD …    become CMD inside the namespace NS
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"tradewind.dev/sandbox/internal/net/daemon"
	"tradewind.dev/sandbox/internal/net/ns"
)

const usage = `usage:
  tw-net up --dir DIR
  tw-net enter --dir DIR NAMESPACE [--] COMMAND [ARGUMENT]...
DIR may also come from TW_SANDBOX_DIR.
`

// init keeps main on the process's first thread: signals on a parent's death hang
// on the thread that asked for them, and the first one lives as long as the process.
func init() { runtime.LockOSThread() }

func main() {
	args := os.Args[1:]
	name := []byte("tw-net\x00") // children run /proc/self/exe and would show as "exe"
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0)
	if len(args) > 0 && args[0] == "hold" {
		hold()
	}
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	dir, rest, ok := directory(args[1:])
	var err error
	switch {
	case args[0] == "up" && ok && len(rest) == 0:
		err = daemon.Up(dir)
	case args[0] == "enter" && ok && len(rest) >= 2:
		err = ns.Enter(dir, rest[0], rest[1:])
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tw-net:", err)
		os.Exit(1)
	}
}

// directory takes --dir off the arguments before the command, and the "--".
func directory(args []string) (dir string, rest []string, ok bool) {
	dir = os.Getenv("TW_SANDBOX_DIR")
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--dir" && i+1 < len(args):
			i++
			dir = args[i]
		case strings.HasPrefix(a, "--dir="):
			dir = a[len("--dir="):]
		case a == "--" && len(rest) == 1:
			return dir, append(rest, args[i+1:]...), dir != ""
		case strings.HasPrefix(a, "-"):
			return "", nil, false
		case len(rest) == 1:
			return dir, append(rest, args[i:]...), dir != ""
		default:
			rest = append(rest, a)
		}
	}
	return dir, rest, dir != ""
}

// hold keeps its network namespace alive until the daemon's pipe closes.
func hold() {
	var b [1]byte
	for {
		n, err := syscall.Read(0, b[:])
		if err == nil && n == 0 || err != nil && err != syscall.EINTR {
			os.Exit(0)
		}
	}
}
