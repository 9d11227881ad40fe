// Package podroutes keeps a route to the pod range of every node of a cluster, as a cloud's VPC does.
package podroutes

import (
	"context"
	"net"
	"sync"

	"github.com/vishvananda/netlink"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// Table is where routes go; the kernel's in life.
type Table interface {
	Replace(dst *net.IPNet, gw net.IP) error
	Delete(dst *net.IPNet) error
}

// Kernel writes the routes of the namespace the process lives in.
type Kernel struct{}

// Replace sets a route.
func (Kernel) Replace(dst *net.IPNet, gw net.IP) error {
	return netlink.RouteReplace(&netlink.Route{Dst: dst, Gw: gw})
}

// Delete removes a route.
func (Kernel) Delete(dst *net.IPNet) error { return netlink.RouteDel(&netlink.Route{Dst: dst}) }

type keeper struct {
	self  string
	table Table
	mu    sync.Mutex
	have  map[string]string // node → "range via address"
	dst   map[string]*net.IPNet
}

// Keep follows the nodes until ctx ends; self is the node that needs no route to its own pods, or empty.
func Keep(ctx context.Context, client kubernetes.Interface, self string, table Table) error {
	k := &keeper{self: self, table: table, have: map[string]string{}, dst: map[string]*net.IPNet{}}
	f := informers.NewSharedInformerFactory(client, 0)
	inf := f.Core().V1().Nodes().Informer()
	_, err := inf.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.set(o) },
		UpdateFunc: func(_, o any) { k.set(o) },
		DeleteFunc: func(o any) { k.drop(o) },
	})
	if err != nil {
		return err
	}
	f.Start(ctx.Done())
	return nil
}

func (k *keeper) set(o any) {
	n, ok := o.(*v1.Node)
	if !ok || n.Name == k.self {
		return
	}
	dst, gw := route(n)
	if dst == nil {
		return
	}
	want := dst.String() + " via " + gw.String()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.have[n.Name] == want {
		return
	}
	if err := k.table.Replace(dst, gw); err != nil {
		// Tried again with the node's next status, at most ten seconds later.
		klog.Errorf("route to the pods of %s (%s): %v", n.Name, want, err)
		return
	}
	k.have[n.Name], k.dst[n.Name] = want, dst
}

func (k *keeper) drop(o any) {
	if t, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = t.Obj
	}
	n, ok := o.(*v1.Node)
	if !ok {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	dst := k.dst[n.Name]
	if dst == nil {
		return
	}
	delete(k.have, n.Name)
	delete(k.dst, n.Name)
	for _, other := range k.dst {
		if other.String() == dst.String() {
			return // the range has gone to another node already
		}
	}
	if err := k.table.Delete(dst); err != nil {
		klog.Errorf("remove the route to %s: %v", dst, err)
	}
}

func route(n *v1.Node) (*net.IPNet, net.IP) {
	if n.Spec.PodCIDR == "" {
		return nil, nil
	}
	_, dst, err := net.ParseCIDR(n.Spec.PodCIDR)
	if err != nil {
		return nil, nil
	}
	for _, a := range n.Status.Addresses {
		if gw := net.ParseIP(a.Address); a.Type == v1.NodeInternalIP && gw != nil {
			return dst, gw
		}
	}
	return nil, nil
}
