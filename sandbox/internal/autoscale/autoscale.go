// Package autoscale is the cluster's half of the node autoscaler: it tells the cloud which pods wait for a
// machine and which nodes carry nothing, and drains the nodes that the cloud takes back. Pools, their bounds
// and the machines are the cloud's.
package autoscale

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"tradewind.dev/sandbox/internal/cloud"
)

// Cloud is who owns the pools.
type Cloud interface {
	Scale(context.Context, *cloud.ScaleRequest) (*cloud.ScaleReply, error)
}

type scaler struct {
	client kubernetes.Interface
	cloud  Cloud
	set    Settings
	pods   listers.PodLister
	nodes  listers.NodeLister
	watch  *watch
}

// Start runs the autoscaler until ctx ends.
func Start(ctx context.Context, cfg *rest.Config, c Cloud, s Settings) error {
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(cfg, "cluster-autoscaler"))
	if err != nil {
		return err
	}
	go func() { newScaler(ctx, client, c, s).run(ctx) }()
	return nil
}

// newScaler returns when pods and nodes are known, or ctx has ended.
func newScaler(ctx context.Context, client kubernetes.Interface, c Cloud, s Settings) *scaler {
	f := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(small))
	sc := &scaler{client: client, cloud: c, set: s, watch: newWatch(s),
		pods: f.Core().V1().Pods().Lister(), nodes: f.Core().V1().Nodes().Lister()}
	f.Start(ctx.Done())
	f.WaitForCacheSync(ctx.Done())
	return sc
}

// small drops what nobody here reads and what is half of an object.
func small(o any) (any, error) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	return o, nil
}

func (s *scaler) run(ctx context.Context) {
	pause := s.set.Period
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = s.set.Period
		if err := s.step(ctx); err != nil {
			klog.Warningf("node autoscaler: %v", err)
			pause = s.set.Pause
		}
	}
}

// step looks once and does what follows from it.
func (s *scaler) step(ctx context.Context) error {
	pods, err := s.pods.List(labels.Everything())
	if err != nil {
		return err
	}
	nodes, err := s.nodes.List(labels.Everything())
	if err != nil {
		return err
	}
	r := s.watch.look(pods, nodes, time.Now())
	if len(r.Unschedulable) == 0 && len(r.Empty) == 0 {
		return nil
	}
	reply, err := s.cloud.Scale(ctx, r)
	if err != nil {
		return err
	}
	if len(reply.Added) > 0 {
		klog.Infof("%d pods wait for room: the cloud adds %v", len(r.Unschedulable), reply.Added)
	}
	for _, name := range reply.MayGo {
		if err := s.release(ctx, name, r.Ready); err != nil {
			return err
		}
	}
	return nil
}

// release drains a node and gives its machine back; a node that the cloud keeps after all takes pods again.
func (s *scaler) release(ctx context.Context, name string, ready []string) error {
	if err := s.cordon(ctx, name, true); err != nil {
		return ignoreGone(err)
	}
	err := s.drain(ctx, name)
	if err == nil {
		var reply *cloud.ScaleReply
		reply, err = s.cloud.Scale(ctx, &cloud.ScaleRequest{Unschedulable: []cloud.Demand{}, Ready: ready, Empty: []string{}, Drained: []string{name}})
		if err == nil && len(reply.Removed) == 0 {
			err = fmt.Errorf("the cloud keeps %s", name)
		}
	}
	if err == nil {
		klog.Infof("%s carried nothing: the cloud takes it back", name)
		return nil
	}
	if e := s.cordon(ctx, name, false); e != nil && !apierrors.IsNotFound(e) {
		klog.Errorf("uncordon %s: %v", name, e)
	}
	return err
}

func (s *scaler) cordon(ctx context.Context, name string, on bool) error {
	patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, on)
	_, err := s.client.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "cluster-autoscaler"})
	return err
}

// drain evicts the add-ons. A pod that was placed before the cordon held is a reason to keep the node.
func (s *scaler) drain(ctx context.Context, name string) error {
	ctx, stop := context.WithTimeout(ctx, s.set.Drain)
	defer stop()
	for {
		there, err := s.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + name})
		if err != nil {
			return err
		}
		left := false
		for i := range there.Items {
			p := &there.Items[i]
			if p.Spec.NodeName != name || resident(p) {
				continue
			}
			if !addon(p) {
				return fmt.Errorf("%s has been given %s/%s meanwhile", name, p.Namespace, p.Name)
			}
			left = true
			if err := s.evict(ctx, p); err != nil {
				return err
			}
		}
		if !left {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("drain of %s: %w", name, ctx.Err())
		case <-time.After(s.set.Period / 4):
		}
	}
}

func (s *scaler) evict(ctx context.Context, p *v1.Pod) error {
	if p.DeletionTimestamp != nil {
		return nil
	}
	err := s.client.CoreV1().Pods(p.Namespace).EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}})
	if apierrors.IsTooManyRequests(err) {
		return nil // a disruption budget: asked again
	}
	return ignoreGone(err)
}

func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
