// The guestbook of Tradewind's example: a web page and a small HTTP interface over Redis lists.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	cfg, err := configFrom(os.Getenv)
	if err != nil {
		log.Error("bad environment", "error", err.Error())
		os.Exit(2)
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		log.Error("cannot listen", "address", cfg.Listen, "error", err.Error())
		os.Exit(1)
	}
	go func() {
		<-stop.Done()
		cancel() // a second signal ends the process at once
	}()
	if err := serve(stop, cfg, listener, log); err != nil {
		log.Error("stopped", "error", err.Error())
		os.Exit(1)
	}
}

// serve answers on listener until stop is done, then ends in order: not ready at once, the drain time for the
// load balancer to notice, in which each answer closes its connection, open requests finished within the grace,
// Redis closed.
// It returns an error when requests had to be cut.
func serve(stop context.Context, cfg Config, listener net.Listener, log *slog.Logger) error {
	store := newRedisStore(cfg, log)
	app := newServer(cfg, store, log)
	web := &http.Server{
		Handler:           app,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	log.Info("listening", "address", listener.Addr().String(), "cluster", cfg.Cluster, "version", cfg.Version,
		"master", cfg.Master, "replica", cfg.Replica)
	select {
	case err := <-failed:
		return errors.Join(err, store.Close())
	case <-stop.Done():
	}
	app.stopping.Store(true)
	log.Info("stopping", "drain", cfg.Drain.String(), "grace", cfg.Grace.String())
	time.Sleep(cfg.Drain)
	ctx, cancel := context.WithTimeout(context.Background(), cfg.Grace)
	defer cancel()
	err := web.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, web.Close())
	}
	if err = errors.Join(err, store.Close()); err == nil {
		log.Info("stopped")
	}
	return err
}
