// Package test runs whole machines of the sandbox against each other. It needs root, Linux, the built
// binaries, kubectl and redis:
//
//	TW_BIN=<folder with tw-sandbox, tw-shim, tw-net, tw-coredns> go test -tags integration ./test
package test
