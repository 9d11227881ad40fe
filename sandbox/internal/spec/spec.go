// Package spec holds the files by which the supervisor tells a machine what it is.
package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
)

// ControlPlane describes the control plane of one cluster.
type ControlPlane struct {
	ID      string   `json:"id"`
	Cluster string   `json:"cluster"`
	Cloud   string   `json:"cloud"`
	Region  string   `json:"region"`
	Zones   []string `json:"zones"`
	// Dir keeps everything that outlives the process: etcd, keys, kubeconfig, volumes.
	Dir        string `json:"dir"`
	PrivateIP  string `json:"privateIp"`
	EndpointIP string `json:"endpointIp"`
	DNSName    string `json:"dnsName"`
	// Issuer is the https URL that signs service account tokens.
	Issuer       string `json:"issuer"`
	PodCIDR      string `json:"podCidr"`
	ServiceCIDR  string `json:"serviceCidr"`
	Version      string `json:"version"`
	CloudsSocket string `json:"cloudsSocket"`
	// WebhookURL answers TokenReviews; empty: no webhook authentication.
	WebhookURL string `json:"webhookUrl"`
	// DNSUpstream is the resolver CoreDNS forwards to; empty: cluster names only.
	DNSUpstream string `json:"dnsUpstream"`
}

// Taint is a node taint as the clouds write it.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"`
}

// Node describes one machine that joins a cluster.
type Node struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
	Name    string `json:"node"`
	Dir     string `json:"dir"`
	IP      string `json:"ip"`
	// ClusterDir is the control plane's Dir; the node's certificates are signed with the CA there.
	ClusterDir   string            `json:"clusterDir"`
	APIServer    string            `json:"apiServer"`
	PodCIDR      string            `json:"podCidr"`
	ServiceCIDR  string            `json:"serviceCidr"`
	ClusterDNS   string            `json:"clusterDns"`
	InstanceType string            `json:"instanceType"`
	CPU          int               `json:"cpu"`
	MemoryBytes  uint64            `json:"memoryBytes"`
	Labels       map[string]string `json:"labels"`
	Taints       []Taint           `json:"taints"`
	ProviderID   string            `json:"providerId"`
	Recipes      string            `json:"recipes"`
	Shim         string            `json:"shim"`
	Rootless     bool              `json:"rootless"`
	OSImage      string            `json:"osImage"`
}

// ReadControlPlane reads and checks a control plane spec; all faults come back at once.
func ReadControlPlane(file string) (*ControlPlane, error) {
	s := &ControlPlane{}
	if err := read(file, s); err != nil {
		return nil, err
	}
	var c checker
	c.need("id", s.ID)
	c.path("dir", s.Dir)
	c.addr("privateIp", s.PrivateIP)
	if s.EndpointIP != "" {
		c.addr("endpointIp", s.EndpointIP)
	}
	c.https("issuer", s.Issuer)
	c.cidr("podCidr", s.PodCIDR)
	c.cidr("serviceCidr", s.ServiceCIDR)
	c.path("cloudsSocket", s.CloudsSocket)
	if s.DNSUpstream != "" {
		c.addr("dnsUpstream", s.DNSUpstream)
	}
	return s, c.result(file)
}

// ReadNode reads and checks a node spec; all faults come back at once.
func ReadNode(file string) (*Node, error) {
	s := &Node{}
	if err := read(file, s); err != nil {
		return nil, err
	}
	var c checker
	c.need("node", s.Name)
	c.path("dir", s.Dir)
	c.path("clusterDir", s.ClusterDir)
	c.path("recipes", s.Recipes)
	c.path("shim", s.Shim)
	c.addr("ip", s.IP)
	c.addr("clusterDns", s.ClusterDNS)
	c.https("apiServer", s.APIServer)
	c.cidr("podCidr", s.PodCIDR)
	if s.CPU <= 0 {
		c.fault("cpu: %d is not a number of cores", s.CPU)
	}
	if s.MemoryBytes < 64<<20 {
		c.fault("memoryBytes: %d is less than 64 MiB", s.MemoryBytes)
	}
	return s, c.result(file)
}

func read(file string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("spec %s: %w", file, err)
	}
	return nil
}

type checker struct{ faults []error }

func (c *checker) fault(format string, a ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, a...))
}

func (c *checker) need(key, value string) {
	if value == "" {
		c.fault("%s is missing", key)
	}
}

func (c *checker) path(key, value string) {
	if !filepath.IsAbs(value) {
		c.fault("%s: %q is not an absolute path", key, value)
	}
}

func (c *checker) addr(key, value string) {
	if a, err := netip.ParseAddr(value); err != nil || !a.Is4() {
		c.fault("%s: %q is not an IPv4 address", key, value)
	}
}

func (c *checker) cidr(key, value string) {
	if p, err := netip.ParsePrefix(value); err != nil || !p.Addr().Is4() {
		c.fault("%s: %q is not an IPv4 range", key, value)
	}
}

func (c *checker) https(key, value string) {
	if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Host == "" {
		c.fault("%s: %q is not an https URL", key, value)
	}
}

func (c *checker) result(file string) error {
	if len(c.faults) == 0 {
		return nil
	}
	return fmt.Errorf("spec %s: %w", file, errors.Join(c.faults...))
}

// ServiceIP returns the n-th address of a service range: 1 is the API server, 10 the cluster's DNS.
func ServiceIP(cidr string, n int) (netip.Addr, error) {
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("service range: %w", err)
	}
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	if !p.Contains(a) {
		return netip.Addr{}, fmt.Errorf("service range %s has no address number %d", cidr, n)
	}
	return a, nil
}

// NodeMask is the size of a node's share of the pod range: a /24, or a sixteenth when the range is small.
func NodeMask(podCIDR string) int {
	n, err := netip.ParsePrefix(podCIDR)
	if err != nil {
		return 24
	}
	return min(max(24, n.Bits()+4), 28)
}
