// Command tw-shim is the first process of every pod and container of the sandbox.
package main

import (
	"os"

	"tradewind.dev/sandbox/internal/shim"
)

func main() {
	os.Exit(shim.Main(os.Args[1:]))
}
