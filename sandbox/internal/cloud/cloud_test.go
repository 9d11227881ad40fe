package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/api"
)

// serve runs a clouds process of one handler on a Unix socket.
func serve(t *testing.T, h http.HandlerFunc) *Provider {
	t.Helper()
	sock := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	t.Cleanup(s.Close)
	return NewProvider("aws", NewClient(sock, "aws-demo-sao"))
}

func service() *v1.Service {
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "front", UID: "u-1", Annotations: map[string]string{"a": "b"}},
		Spec: v1.ServiceSpec{
			Type: v1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: v1.ServiceExternalTrafficPolicyLocal, HealthCheckNodePort: 32000,
			Ports:          []v1.ServicePort{{Name: "http", Protocol: v1.ProtocolTCP, Port: 80, NodePort: 30080}},
			LoadBalancerIP: "198.18.1.101", LoadBalancerSourceRanges: []string{"198.19.0.0/16"},
		},
	}
}

func nodes() []*v1.Node {
	return []*v1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: v1.NodeStatus{Addresses: []v1.NodeAddress{
		{Type: v1.NodeHostName, Address: "n1"}, {Type: v1.NodeInternalIP, Address: "10.0.0.11"}}}}}
}

func TestEnsureLoadBalancer(t *testing.T) {
	var got Balancer
	var path string
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.Method + " " + r.URL.Path
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(`{"ingress":[{"hostname":"lb.elb.amazonaws.com"},{"ip":"198.18.1.101"}]}`))
	})
	st, err := p.EnsureLoadBalancer(context.Background(), "sao", service(), nodes())
	if err != nil {
		t.Fatal(err)
	}
	if path != "PUT /cc/aws-demo-sao/loadbalancers/u-1" {
		t.Errorf("called %s", path)
	}
	if st.Ingress[0].Hostname != "lb.elb.amazonaws.com" || st.Ingress[1].IP != "198.18.1.101" {
		t.Errorf("status = %+v", st)
	}
	if got.Namespace != "web" || got.Name != "front" || !got.LocalTraffic || got.HealthCheckNodePort != 32000 || got.LoadBalancerIP != "198.18.1.101" ||
		got.Annotations["a"] != "b" || len(got.SourceRanges) != 1 {
		t.Errorf("wish = %+v", got)
	}
	if got.Ports[0] != (Port{"http", "TCP", 80, 30080}) || got.Nodes[0] != (Target{"n1", "10.0.0.11"}) {
		t.Errorf("ports %+v nodes %+v", got.Ports, got.Nodes)
	}
}

func TestNoAddressYetIsRetried(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) })
	_, err := p.EnsureLoadBalancer(context.Background(), "sao", service(), nil)
	var re *api.RetryError
	if !errors.As(err, &re) {
		t.Errorf("err = %v", err)
	}
}

func TestRefusalInTheCloudsWords(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"code":"TooManyLoadBalancers","message":"The maximum number of load balancers has been reached."}`))
	})
	_, err := p.EnsureLoadBalancer(context.Background(), "sao", service(), nil)
	if err == nil || err.Error() != "TooManyLoadBalancers: The maximum number of load balancers has been reached." {
		t.Errorf("err = %v", err)
	}
}

func TestRefusalWithoutJSON(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusBadGateway) })
	if err := p.UpdateLoadBalancer(context.Background(), "sao", service(), nil); err == nil || !strings.Contains(err.Error(), "502 oops") {
		t.Errorf("err = %v", err)
	}
}

func TestGetLoadBalancerAbsent(t *testing.T) {
	p := serve(t, http.NotFound)
	if _, ok, err := p.GetLoadBalancer(context.Background(), "sao", service()); ok || err != nil {
		t.Errorf("exists %v, err %v", ok, err)
	}
}

func TestDeleteWaitsForLingeringParts(t *testing.T) {
	var calls atomic.Int32
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte(`{"retry":true}`))
			return
		}
		http.NotFound(w, nil)
	})
	if err := p.EnsureLoadBalancerDeleted(context.Background(), "sao", service()); err != nil || calls.Load() != 3 {
		t.Errorf("err %v after %d calls", err, calls.Load())
	}
}

func TestDeleteGivesUpWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusAccepted)
	})
	if err := p.EnsureLoadBalancerDeleted(ctx, "sao", service()); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestCloudsDead(t *testing.T) {
	p := NewProvider("aws", NewClient(filepath.Join(t.TempDir(), "none"), "c"))
	if _, _, err := p.GetLoadBalancer(context.Background(), "sao", service()); err == nil || NotFound(err) {
		t.Errorf("a dead cloud looks like an absent balancer: %v", err)
	}
}

func node() *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Annotations: map[string]string{"alpha.kubernetes.io/provided-node-ip": "10.0.0.11"}},
		Spec: v1.NodeSpec{ProviderID: "aws:///sa-east-1a/i-0abc"}}
}

func TestInstanceMetadata(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("providerId") != "aws:///sa-east-1a/i-0abc" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = w.Write([]byte(`{"exists":true,"instanceType":"t3.medium","zone":"sa-east-1a","region":"sa-east-1","addresses":[{"type":"InternalDNS","address":"ip-10-0-0-11"}]}`))
	})
	m, err := p.InstanceMetadata(context.Background(), node())
	if err != nil {
		t.Fatal(err)
	}
	if m.Zone != "sa-east-1a" || m.Region != "sa-east-1" || m.InstanceType != "t3.medium" || m.ProviderID != "aws:///sa-east-1a/i-0abc" {
		t.Errorf("metadata = %+v", m)
	}
	if len(m.NodeAddresses) != 2 || m.NodeAddresses[1] != (v1.NodeAddress{Type: v1.NodeInternalIP, Address: "10.0.0.11"}) {
		t.Errorf("addresses = %+v", m.NodeAddresses)
	}
}

func TestInstanceGone(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"exists":false}`)) })
	if ok, err := p.InstanceExists(context.Background(), node()); ok || err != nil {
		t.Errorf("exists %v, err %v", ok, err)
	}
	if _, err := p.InstanceMetadata(context.Background(), node()); !errors.Is(err, cloudprovider.InstanceNotFound) {
		t.Errorf("err = %v", err)
	}
}

func TestNodeWithoutProviderIDIsNotDeleted(t *testing.T) {
	p := serve(t, http.NotFound)
	if _, err := p.InstanceExists(context.Background(), &v1.Node{}); err == nil {
		t.Error("a node without provider id counts as gone: the controller would delete it")
	}
}
