// Package daemon is `tw-net up`: it builds the world of DIR/net.json, serves
// DIR/run/net.sock and the doors, and prints "ready". When it dies, however it
// dies, the holders of the namespaces die with it.
package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"tradewind.dev/sandbox/internal/net/config"
	"tradewind.dev/sandbox/internal/net/control"
	"tradewind.dev/sandbox/internal/net/doors"
	"tradewind.dev/sandbox/internal/net/world"
)

// Up runs until SIGTERM or SIGINT.
func Up(dir string) error {
	f, err := config.Read(filepath.Join(dir, "net.json"))
	if err != nil {
		return err
	}
	if done, err := enterStages(dir, f); done || err != nil {
		return err
	}
	run := filepath.Join(dir, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		return err
	}
	lock, err := takeLock(filepath.Join(run, "net.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	sock, err := control.Listen(filepath.Join(run, "net.sock"))
	if err != nil {
		return err
	}
	defer sock.Close() // removes the socket file
	w, err := world.Build(dir, f, os.Stderr)
	if err != nil {
		return err
	}
	operator, err := place(w, "operator")
	if err != nil {
		return err
	}
	house, err := doors.Open(filepath.Join(run, "doors.json"), operator, f.Doors.ConnectSecret)
	if err != nil {
		return err
	}
	all := verbs(w)
	all["grow"] = control.Verb(func(struct{}) (grown, error) {
		f, err := config.Read(filepath.Join(dir, "net.json"))
		if err != nil {
			return grown{}, err
		}
		names, err := w.Grow(f)
		return grown{names}, err
	})
	all["door"] = control.Verb(func(r doorRequest) (doorReply, error) { return openDoor(w, house, r) })
	go control.Serve(sock, all)
	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	return nil
}

// takeLock makes sure that one daemon at a time owns the directory.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another tw-net up owns this directory (%s)", path)
		}
		return nil, err
	}
	return f, nil
}
