// Package cloud is the cloud controller of a simulated cluster: Kubernetes' own service, node and node
// lifecycle controllers over a cloudprovider.Interface that asks the clouds process.
package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// callTimeout bounds one call; the clouds answer a load balancer only when it stands.
const callTimeout = 5 * time.Minute

// maxReply bounds what is read of a reply, in bytes.
const maxReply = 4 << 20

// Error is a refusal of the cloud in its own words.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

// NotFound tells whether the cloud does not have the object.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// Port is one port of a load balancer.
type Port struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Port     int32  `json:"port"`
	NodePort int32  `json:"nodePort"`
}

// Target is a node behind a load balancer.
type Target struct {
	Name string `json:"name"`
	IP   string `json:"ip"`
}

// Balancer is the wish for one load balancer.
type Balancer struct {
	Namespace           string            `json:"namespace"`
	Name                string            `json:"name"`
	Annotations         map[string]string `json:"annotations"`
	Ports               []Port            `json:"ports"`
	Nodes               []Target          `json:"nodes"`
	LocalTraffic        bool              `json:"localTraffic"`
	HealthCheckNodePort int32             `json:"healthCheckNodePort"`
	LoadBalancerIP      string            `json:"loadBalancerIP"`
	SourceRanges        []string          `json:"sourceRanges"`
}

// Ingress is one address of a load balancer, by number or by name.
type Ingress struct {
	IP       string `json:"ip,omitempty"`
	Hostname string `json:"hostname,omitempty"`
}

// Address is an address of a machine, typed as in a Node's status.
type Address struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// Instance is what the cloud knows about a machine.
type Instance struct {
	Exists       bool      `json:"exists"`
	Shutdown     bool      `json:"shutdown"`
	InstanceType string    `json:"instanceType"`
	Zone         string    `json:"zone"`
	Region       string    `json:"region"`
	Addresses    []Address `json:"addresses"`
}

// Client speaks to the clouds process over its Unix socket on behalf of one cluster.
type Client struct {
	http *http.Client
	base string
}

// NewClient makes a client for a cluster id.
func NewClient(socket, cluster string) *Client {
	var d net.Dialer
	return &Client{
		base: "http://clouds/cc/" + url.PathEscape(cluster),
		http: &http.Client{Timeout: callTimeout, Transport: &http.Transport{
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) },
			MaxIdleConns:    4,
			IdleConnTimeout: 30 * time.Second,
		}},
	}
}

type ingressReply struct {
	Ingress []Ingress `json:"ingress"`
	Retry   bool      `json:"retry"`
}

func (c *Client) balancerURL(uid string) string {
	return c.base + "/loadbalancers/" + url.PathEscape(uid)
}

// PutBalancer creates or changes a load balancer and waits until it has an address.
func (c *Client) PutBalancer(ctx context.Context, uid string, b *Balancer) ([]Ingress, error) {
	var r ingressReply
	_, err := c.call(ctx, http.MethodPut, c.balancerURL(uid), b, &r)
	return r.Ingress, err
}

// GetBalancer reads a load balancer; a missing one gives an error for which NotFound is true.
func (c *Client) GetBalancer(ctx context.Context, uid string) ([]Ingress, error) {
	var r ingressReply
	_, err := c.call(ctx, http.MethodGet, c.balancerURL(uid), nil, &r)
	return r.Ingress, err
}

// DeleteBalancer removes a load balancer; lingering means that parts of it are still there.
func (c *Client) DeleteBalancer(ctx context.Context, uid string) (lingering bool, err error) {
	var r ingressReply
	status, err := c.call(ctx, http.MethodDelete, c.balancerURL(uid), nil, &r)
	if NotFound(err) {
		return false, nil
	}
	return err == nil && (r.Retry || status == http.StatusAccepted), err
}

// Instance reads a machine by its provider id; a missing one has Exists false.
func (c *Client) Instance(ctx context.Context, providerID string) (*Instance, error) {
	var i Instance
	_, err := c.call(ctx, http.MethodGet, c.base+"/instances?providerId="+url.QueryEscape(providerID), nil, &i)
	if NotFound(err) {
		return &Instance{}, nil
	}
	return &i, err
}

func (c *Client) call(ctx context.Context, method, target string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, fmt.Errorf("clouds do not answer: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return res.StatusCode, fmt.Errorf("clouds broke off: %w", err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		return res.StatusCode, refusal(res.StatusCode, b)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return res.StatusCode, nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return res.StatusCode, fmt.Errorf("clouds answered %s with something else than JSON: %w", res.Status, err)
	}
	return res.StatusCode, nil
}

func refusal(status int, body []byte) error {
	e := &Error{Status: status}
	if json.Unmarshal(body, e) != nil || e.Message == "" {
		e.Message = fmt.Sprintf("HTTP %d %s", status, bytes.TrimSpace(body))
	}
	return e
}
