package metrics

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

const (
	// Period is how often the kubelets are asked.
	Period = 10 * time.Second
	// answerTime is how long a kubelet may take.
	answerTime = 5 * time.Second
	// answerSize bounds a kubelet's answer, which is about 1 KiB a container.
	answerSize  = 8 << 20
	kubeletPort = "10250"
)

// Keys are the files that speak to kubelets: the API server's client certificate and the CA of the nodes.
type Keys struct{ Cert, Key, CA string }

func (k Keys) client() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(k.Cert, k.Key)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	pem, err := os.ReadFile(k.CA)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("metrics: no certificate in %s", k.CA)
	}
	return &http.Client{Timeout: answerTime, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}},
		IdleConnTimeout: 3 * Period,
	}}, nil
}

// Scraper asks all kubelets of a cluster.
type Scraper struct {
	Nodes  corelisters.NodeLister
	Window *Window
	Client *http.Client
	// Port is where kubelets answer; empty: 10250.
	Port string
	// silent remembers which nodes did not answer, so that each silence is logged once.
	silent map[string]bool
}

// Run asks at once and then every Period until ctx ends.
func (s *Scraper) Run(ctx context.Context) {
	s.silent = map[string]bool{}
	tick := time.NewTicker(Period)
	defer tick.Stop()
	for {
		s.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Scraper) round(ctx context.Context) {
	nodes, err := s.Nodes.List(labels.Everything())
	if err != nil {
		klog.Errorf("metrics: %v", err)
		return
	}
	known := map[string]bool{}
	faults := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		known[n.Name] = true
		all.Go(func() { faults[i] = s.ask(ctx, n) })
	}
	all.Wait()
	s.Window.Keep(known)
	for i, n := range nodes {
		if faults[i] != nil && !s.silent[n.Name] {
			klog.Warningf("metrics of node %s: %v", n.Name, faults[i])
		}
		s.silent[n.Name] = faults[i] != nil
	}
}

func (s *Scraper) ask(ctx context.Context, n *v1.Node) error {
	ip := internalIP(n)
	if ip == "" {
		return errors.New("no internal address yet")
	}
	url := "https://" + net.JoinHostPort(ip, cmp.Or(s.Port, kubeletPort)) + "/stats/summary?only_cpu_and_memory=true"
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	a, err := s.Client.Do(q)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("kubelet answers %s", a.Status)
	}
	var sum statsapi.Summary
	if err := json.NewDecoder(io.LimitReader(a.Body, answerSize)).Decode(&sum); err != nil {
		return fmt.Errorf("kubelet's answer: %w", err)
	}
	s.Window.Add(n.Name, &sum)
	return nil
}

func internalIP(n *v1.Node) string {
	for _, a := range n.Status.Addresses {
		if a.Type == v1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}
