// Package controlplane runs etcd, the API server, the controller manager, the scheduler and the cloud
// controller of one cluster in one process. They share global registries (feature gates, metrics, logging),
// so a process serves exactly one cluster and the end of any component ends it.
package controlplane

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"

	"tradewind.dev/sandbox/internal/addons"
	"tradewind.dev/sandbox/internal/autoscale"
	"tradewind.dev/sandbox/internal/cloud"
	"tradewind.dev/sandbox/internal/metrics"
	"tradewind.dev/sandbox/internal/pki"
	"tradewind.dev/sandbox/internal/podroutes"
	"tradewind.dev/sandbox/internal/spec"
	"tradewind.dev/sandbox/internal/volumes"
)

// readyTimeout bounds the API server's start, generous because three may start at once on two cores.
const readyTimeout = 3 * time.Minute

// gcPercent trades a little CPU for a third of the heap: several control planes share one machine.
const gcPercent = 50

// stopTimeout is what the API server has to drain after SIGTERM.
const stopTimeout = 2 * time.Second

// Ready is the content of ready.json.
type Ready struct {
	// CA is the cluster CA's PEM, base64 by JSON.
	CA      []byte `json:"ca"`
	Version string `json:"version"`
}

type plane struct {
	spec *spec.ControlPlane
	keys *pki.Store
	// ended receives the first component that stops.
	ended chan error
}

// Run starts the control plane and returns when it ends.
func Run(s *spec.ControlPlane) error {
	// The second component that configures logging would end the process otherwise.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	ready := filepath.Join(s.Dir, "ready.json")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p := &plane{spec: s, ended: make(chan error, 8)}
	if err := p.makeKeys(); err != nil {
		return err
	}
	e, err := startEtcd(filepath.Join(s.Dir, "etcd"))
	if err != nil {
		return err
	}
	// etcd is not closed at the end: that waits for its watchers, and a killed etcd loses nothing.
	go p.component("etcd", func() error { return <-e.Err() })
	started := time.Now()
	p.startAPIServer()
	if err := p.bootstrap(ctx, ready, started); err != nil {
		return err
	}
	return p.wait()
}

// bootstrap waits for the API server and brings up everything that speaks to it.
func (p *plane) bootstrap(ctx context.Context, ready string, started time.Time) error {
	cfg, err := p.config("cloud-controller.kubeconfig")
	if err != nil {
		return err
	}
	if err := p.waitReady(ctx, cfg); err != nil {
		return err
	}
	klog.Infof("API server ready after %s", time.Since(started).Round(time.Millisecond))
	// The scheduler sets the global gates at Setup, so it comes before the controller manager, not beside it.
	if err := p.startScheduler(ctx); err != nil {
		return err
	}
	p.startControllerManager()
	if err := p.startCloud(ctx, cfg); err != nil {
		return err
	}
	// Before its APIService: an API that is announced and does not answer holds up every namespace's end.
	if err := p.startMetrics(ctx, cfg); err != nil {
		return err
	}
	if err := p.applyAddons(ctx, cfg); err != nil {
		return err
	}
	if err := addons.KeepDNS(ctx, cfg); err != nil {
		return err
	}
	if err := writeReady(ready, Ready{CA: p.keys.CAPEM(), Version: version.Get().GitVersion}); err != nil {
		return err
	}
	go debug.FreeOSMemory() // what the start needed and the rest of the life does not
	klog.Infof("cluster %s ready after %s", p.spec.ID, time.Since(started).Round(time.Millisecond))
	return nil
}

func (p *plane) config(name string) (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", filepath.Join(p.spec.Dir, name))
	if err != nil {
		return nil, err
	}
	cfg.QPS, cfg.Burst = 50, 100
	return cfg, nil
}

// waitReady asks /readyz until it says yes, or a component ends.
func (p *plane) waitReady(ctx context.Context, cfg *rest.Config) error {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	deadline := time.After(readyTimeout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		select {
		case err := <-p.ended:
			return err
		case <-deadline:
			return fmt.Errorf("API server not ready after %s: %w", readyTimeout, last)
		case <-tick.C:
		}
		last = client.Discovery().RESTClient().Get().AbsPath("/readyz").Timeout(2 * time.Second).Do(ctx).Error()
		if last == nil {
			return nil
		}
	}
}

func (p *plane) startCloud(ctx context.Context, cfg *rest.Config) error {
	c := cloud.NewClient(p.spec.CloudsSocket, p.spec.ID)
	if err := cloud.Start(ctx, cfg, cloud.NewProvider(p.spec.Cloud, c), p.spec.Cluster); err != nil {
		return err
	}
	if err := autoscale.Start(ctx, cfg, c, autoscale.Defaults); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(cfg, "pod-routes"))
	if err != nil {
		return err
	}
	if err := podroutes.Keep(ctx, client, "", podroutes.Kernel{}); err != nil {
		return err
	}
	return volumes.Start(ctx, rest.AddUserAgent(cfg, "volumes"), addons.StorageProvisioner, filepath.Join(p.spec.Dir, "volumes"))
}

func (p *plane) startMetrics(ctx context.Context, cfg *rest.Config) error {
	k := p.keys.File
	serve, err := metrics.Start(ctx, rest.AddUserAgent(cfg, "metrics"), metrics.Options{
		IP: p.spec.PrivateIP, Port: metrics.Port, Cert: k("metrics.crt"), Key: k("metrics.key"), FrontCA: k("front-proxy-ca.crt"),
		Kubelets: metrics.Keys{Cert: k("kubelet-client.crt"), Key: k("kubelet-client.key"), CA: k("ca.crt")},
	})
	if err != nil {
		return err
	}
	go p.component("metrics API", serve)
	return nil
}

func (p *plane) applyAddons(ctx context.Context, cfg *rest.Config) error {
	dns, err := spec.ServiceIP(p.spec.ServiceCIDR, 10)
	if err != nil {
		return err
	}
	v := addons.Values{DNSServiceIP: dns.String(), Upstream: p.spec.DNSUpstream, Cloud: p.spec.Cloud,
		MetricsIP: p.spec.PrivateIP, MetricsPort: metrics.Port, CA: base64.StdEncoding.EncodeToString(p.keys.CAPEM())}
	deadline := time.Now().Add(time.Minute)
	for {
		err := addons.Apply(ctx, cfg, v)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		klog.Warningf("add-ons, trying again: %v", err)
		time.Sleep(300 * time.Millisecond)
	}
}

// component runs f and reports its end; a component of a control plane never ends by itself.
func (p *plane) component(name string, f func() error) {
	err := f()
	p.ended <- fmt.Errorf("%s ended: %w", name, errOr(err))
}

func errOr(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

// wait returns on the first component that ends, or nil after SIGTERM. The API server has its own handler
// for the signal, drains, and ends.
func (p *plane) wait() error {
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-p.ended:
		return err
	case s := <-sig:
		klog.Infof("%s: stopping", s)
		select {
		case <-p.ended:
		case <-time.After(stopTimeout):
		}
		return nil
	}
}

func writeReady(path string, r Ready) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", b, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
