package cloud

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/api"
)

const (
	// lingerRetry is the pause before the controller asks again.
	lingerRetry = 2 * time.Second
	// A deletion that lingers is asked for again here first: the controller's own pause starts at 5 s.
	lingerPoll  = 300 * time.Millisecond
	lingerPolls = 50
)

// Provider is the cloudprovider.Interface of a simulated cloud.
type Provider struct {
	name   string
	client *Client
}

var (
	_ cloudprovider.Interface    = (*Provider)(nil)
	_ cloudprovider.LoadBalancer = (*Provider)(nil)
	_ cloudprovider.InstancesV2  = (*Provider)(nil)
)

// NewProvider wraps a client; name is aws, azure or gcp.
func NewProvider(name string, c *Client) *Provider { return &Provider{name: name, client: c} }

// Initialize has nothing to prepare.
func (p *Provider) Initialize(cloudprovider.ControllerClientBuilder, <-chan struct{}) {}

// LoadBalancer returns the provider itself.
func (p *Provider) LoadBalancer() (cloudprovider.LoadBalancer, bool) { return p, true }

// InstancesV2 returns the provider itself.
func (p *Provider) InstancesV2() (cloudprovider.InstancesV2, bool) { return p, true }

// Instances is the old interface, not served.
func (p *Provider) Instances() (cloudprovider.Instances, bool) { return nil, false }

// Zones is the old interface, not served.
func (p *Provider) Zones() (cloudprovider.Zones, bool) { return nil, false }

// Clusters is not served.
func (p *Provider) Clusters() (cloudprovider.Clusters, bool) { return nil, false }

// Routes are kept by the machines themselves.
func (p *Provider) Routes() (cloudprovider.Routes, bool) { return nil, false }

// ProviderName is the cloud's name.
func (p *Provider) ProviderName() string { return p.name }

// HasClusterID is true: every load balancer is filed under its cluster.
func (p *Provider) HasClusterID() bool { return true }

// GetLoadBalancerName returns the name clouds derive from a Service's uid.
func (p *Provider) GetLoadBalancerName(_ context.Context, _ string, svc *v1.Service) string {
	return cloudprovider.DefaultLoadBalancerName(svc)
}

// GetLoadBalancer reads the status of a Service's load balancer.
func (p *Provider) GetLoadBalancer(ctx context.Context, _ string, svc *v1.Service) (*v1.LoadBalancerStatus, bool, error) {
	in, err := p.client.GetBalancer(ctx, string(svc.UID))
	if NotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return status(in), true, nil
}

// EnsureLoadBalancer creates or changes a Service's load balancer.
func (p *Provider) EnsureLoadBalancer(ctx context.Context, _ string, svc *v1.Service, nodes []*v1.Node) (*v1.LoadBalancerStatus, error) {
	in, err := p.client.PutBalancer(ctx, string(svc.UID), wish(svc, nodes))
	if err != nil {
		return nil, err
	}
	if len(in) == 0 {
		return nil, api.NewRetryError("the load balancer has no address yet", lingerRetry)
	}
	return status(in), nil
}

// UpdateLoadBalancer changes the nodes behind a Service's load balancer.
func (p *Provider) UpdateLoadBalancer(ctx context.Context, _ string, svc *v1.Service, nodes []*v1.Node) error {
	_, err := p.client.PutBalancer(ctx, string(svc.UID), wish(svc, nodes))
	return err
}

// EnsureLoadBalancerDeleted removes a Service's load balancer and asks again while parts linger.
func (p *Provider) EnsureLoadBalancerDeleted(ctx context.Context, _ string, svc *v1.Service) error {
	for range lingerPolls {
		lingering, err := p.client.DeleteBalancer(ctx, string(svc.UID))
		if err != nil || !lingering {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lingerPoll):
		}
	}
	return api.NewRetryError("the load balancer is still being deleted", lingerRetry)
}

// InstanceExists tells whether the cloud still has the machine.
func (p *Provider) InstanceExists(ctx context.Context, n *v1.Node) (bool, error) {
	i, err := p.instance(ctx, n)
	if err != nil {
		return false, err
	}
	return i.Exists, nil
}

// InstanceShutdown tells whether the machine is stopped.
func (p *Provider) InstanceShutdown(ctx context.Context, n *v1.Node) (bool, error) {
	i, err := p.instance(ctx, n)
	if err != nil {
		return false, err
	}
	return i.Shutdown, nil
}

// InstanceMetadata returns type, zone and addresses of a machine.
func (p *Provider) InstanceMetadata(ctx context.Context, n *v1.Node) (*cloudprovider.InstanceMetadata, error) {
	i, err := p.instance(ctx, n)
	if err != nil {
		return nil, err
	}
	if !i.Exists {
		return nil, cloudprovider.InstanceNotFound
	}
	return &cloudprovider.InstanceMetadata{
		ProviderID:    n.Spec.ProviderID,
		InstanceType:  i.InstanceType,
		Zone:          i.Zone,
		Region:        i.Region,
		NodeAddresses: addresses(n, i),
	}, nil
}

func (p *Provider) instance(ctx context.Context, n *v1.Node) (*Instance, error) {
	if n.Spec.ProviderID == "" {
		return nil, fmt.Errorf("node %s has no provider id", n.Name)
	}
	return p.client.Instance(ctx, n.Spec.ProviderID)
}

// addresses are the cloud's; the address the kubelet was told is added when the cloud does not know it
// yet, because the node controller refuses a node whose own address is missing.
func addresses(n *v1.Node, i *Instance) []v1.NodeAddress {
	var out []v1.NodeAddress
	seen := map[string]bool{}
	for _, a := range i.Addresses {
		out = append(out, v1.NodeAddress{Type: v1.NodeAddressType(a.Type), Address: a.Address})
		seen[a.Address] = true
	}
	for own := range strings.SplitSeq(n.Annotations["alpha.kubernetes.io/provided-node-ip"], ",") {
		if own != "" && !seen[own] {
			out = append(out, v1.NodeAddress{Type: v1.NodeInternalIP, Address: own})
		}
	}
	return out
}

func status(in []Ingress) *v1.LoadBalancerStatus {
	s := &v1.LoadBalancerStatus{}
	for _, i := range in {
		s.Ingress = append(s.Ingress, v1.LoadBalancerIngress{IP: i.IP, Hostname: i.Hostname})
	}
	return s
}

func wish(svc *v1.Service, nodes []*v1.Node) *Balancer {
	b := &Balancer{
		Namespace: svc.Namespace, Name: svc.Name, Annotations: svc.Annotations,
		Ports: []Port{}, Nodes: []Target{}, SourceRanges: svc.Spec.LoadBalancerSourceRanges,
		LocalTraffic:        svc.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal,
		HealthCheckNodePort: svc.Spec.HealthCheckNodePort,
		LoadBalancerIP:      svc.Spec.LoadBalancerIP,
	}
	if b.Annotations == nil {
		b.Annotations = map[string]string{}
	}
	if b.SourceRanges == nil {
		b.SourceRanges = []string{}
	}
	for _, p := range svc.Spec.Ports {
		b.Ports = append(b.Ports, Port{Name: p.Name, Protocol: string(p.Protocol), Port: p.Port, NodePort: p.NodePort})
	}
	for _, n := range nodes {
		for _, a := range n.Status.Addresses {
			if a.Type == v1.NodeInternalIP {
				b.Nodes = append(b.Nodes, Target{Name: n.Name, IP: a.Address})
				break
			}
		}
	}
	return b
}
