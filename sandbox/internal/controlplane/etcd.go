package controlplane

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const (
	etcdClient = "http://127.0.0.1:2379"
	etcdPeer   = "http://127.0.0.1:2380"
	etcdStart  = time.Minute
)

// startEtcd starts the cluster's own etcd on the loopback of the control plane's namespace. Fsync is off:
// a killed process loses nothing by that, only a crash of the whole machine could.
func startEtcd(dir string) (*embed.Etcd, error) {
	c := embed.NewConfig()
	c.Dir = dir
	c.LogLevel = "error"
	c.UnsafeNoFsync = true
	c.SnapshotCount = 5000
	client, err := url.Parse(etcdClient)
	if err != nil {
		return nil, err
	}
	peer, err := url.Parse(etcdPeer)
	if err != nil {
		return nil, err
	}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	e, err := embed.StartEtcd(c)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err := <-e.Err():
		return nil, fmt.Errorf("etcd: %w", err)
	case <-time.After(etcdStart):
		e.Close()
		return nil, errors.New("etcd: not ready in time")
	}
}
