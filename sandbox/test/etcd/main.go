// Command etcd is the real etcd server with the flags that Kubernetes' own suite gives it.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

func run() error {
	c := embed.NewConfig()
	listen := flag.String("listen-client-urls", "http://127.0.0.1:2379", "where clients connect")
	advertise := flag.String("advertise-client-urls", "http://127.0.0.1:2379", "what clients are told")
	flag.StringVar(&c.Dir, "data-dir", "/tmp/etcd", "where the data lies")
	flag.Parse()
	var err error
	if c.ListenClientUrls, err = urls(*listen); err != nil {
		return err
	}
	if c.AdvertiseClientUrls, err = urls(*advertise); err != nil {
		return err
	}
	c.LogLevel = "warn"
	e, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	return <-e.Err()
}

func urls(text string) ([]url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	return []url.URL{*u}, nil
}
