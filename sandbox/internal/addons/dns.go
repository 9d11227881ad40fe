package addons

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// dnsMost is how many DNS servers a cluster has at most: the second is there for the loss of a node.
	dnsMost = 2
	// dnsPeriod is how often a change that failed is tried again.
	dnsPeriod = 10 * time.Second
)

// KeepDNS gives the cluster's DNS one server a node, up to dnsMost, until ctx ends.
func KeepDNS(ctx context.Context, cfg *rest.Config) error {
	c, err := kubernetes.NewForConfig(rest.AddUserAgent(cfg, "dns-scaler"))
	if err != nil {
		return err
	}
	f := informers.NewSharedInformerFactory(c, 0)
	nodes := f.Core().V1().Nodes().Informer()
	changed := make(chan struct{}, 1)
	wake := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	if _, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: wake, UpdateFunc: func(_, o any) { wake(o) }, DeleteFunc: wake}); err != nil {
		return err
	}
	f.Start(ctx.Done())
	go keep(ctx, c, changed, func() []any { return nodes.GetStore().List() })
	return nil
}

func keep(ctx context.Context, c kubernetes.Interface, changed <-chan struct{}, nodes func() []any) {
	have := 0
	tick := time.NewTicker(dnsPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
		want := servers(nodes(), have)
		if want == have {
			continue
		}
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, want)
		_, err := c.AppsV1().Deployments(Namespace).Patch(ctx, "coredns", types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "dns-scaler"})
		if err != nil {
			klog.Warningf("DNS servers: %v", err)
			continue
		}
		have = want
	}
}

// servers is how many DNS servers there should be. A second one comes when a second node can take it, or the
// scheduler would put both on the first; it goes when the node goes, not when the node is ill.
func servers(nodes []any, have int) int {
	usable, there := 0, 0
	for _, o := range nodes {
		n, ok := o.(*v1.Node)
		if !ok || n.DeletionTimestamp != nil {
			continue
		}
		there++
		if open(n) {
			usable++
		}
	}
	few := func(n int) int { return max(1, min(n, dnsMost)) }
	return max(few(usable), min(have, few(there)))
}

// open says whether the scheduler may put a pod on the node.
func open(n *v1.Node) bool {
	for _, t := range n.Spec.Taints {
		if t.Effect != v1.TaintEffectPreferNoSchedule {
			return false
		}
	}
	return !n.Spec.Unschedulable
}
