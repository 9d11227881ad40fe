package metrics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/metrics/pkg/apis/metrics"
)

// PodLister finds pods; only their metadata is needed.
type PodLister interface {
	// List returns the pods of a namespace, or of all when it is empty.
	List(namespace string, s labels.Selector) ([]*metav1.PartialObjectMetadata, error)
	// Get returns nil when there is no such pod.
	Get(namespace, name string) *metav1.PartialObjectMetadata
}

func selectors(o *internalversion.ListOptions) (labels.Selector, fields.Selector) {
	l, f := labels.Everything(), fields.Everything()
	if o != nil && o.LabelSelector != nil {
		l = o.LabelSelector
	}
	if o != nil && o.FieldSelector != nil {
		f = o.FieldSelector
	}
	return l, f
}

func fits(f fields.Selector, namespace, name string) bool {
	return f.Matches(fields.Set{"metadata.name": name, "metadata.namespace": namespace})
}

func usage(u Use) v1.ResourceList {
	return v1.ResourceList{
		v1.ResourceCPU:    *resource.NewScaledQuantity(int64(u.NanoCores), resource.Nano),
		v1.ResourceMemory: *resource.NewQuantity(int64(u.Memory), resource.BinarySI),
	}
}

// nodes serves nodes.metrics.k8s.io.
type nodes struct {
	lister corelisters.NodeLister
	window *Window
}

var (
	_ rest.Getter               = (*nodes)(nil)
	_ rest.Lister               = (*nodes)(nil)
	_ rest.Scoper               = (*nodes)(nil)
	_ rest.SingularNameProvider = (*nodes)(nil)
)

func (*nodes) New() runtime.Object     { return &metrics.NodeMetrics{} }
func (*nodes) NewList() runtime.Object { return &metrics.NodeMetricsList{} }
func (*nodes) Destroy()                {}
func (*nodes) Kind() string            { return "NodeMetrics" }
func (*nodes) NamespaceScoped() bool   { return false }
func (*nodes) GetSingularName() string { return "" }

func (r *nodes) one(n *v1.Node) *metrics.NodeMetrics {
	u, ok := r.window.Node(n.Name)
	if !ok {
		return nil
	}
	return &metrics.NodeMetrics{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels, CreationTimestamp: metav1.NewTime(time.Now())},
		Timestamp:  metav1.NewTime(u.At), Window: metav1.Duration{Duration: u.Window}, Usage: usage(u),
	}
}

func (r *nodes) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	if n, err := r.lister.Get(name); err == nil {
		if m := r.one(n); m != nil {
			return m, nil
		}
	}
	return nil, errors.NewNotFound(metrics.Resource("nodes"), name)
}

func (r *nodes) List(_ context.Context, o *internalversion.ListOptions) (runtime.Object, error) {
	l, f := selectors(o)
	found, err := r.lister.List(l)
	if err != nil {
		return nil, err
	}
	out := &metrics.NodeMetricsList{Items: []metrics.NodeMetrics{}}
	for _, n := range found {
		if m := r.one(n); m != nil && fits(f, "", n.Name) {
			out.Items = append(out.Items, *m)
		}
	}
	slices.SortFunc(out.Items, func(a, b metrics.NodeMetrics) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (*nodes) ConvertToTable(_ context.Context, o runtime.Object, _ runtime.Object) (*metav1.Table, error) {
	items := []metrics.NodeMetrics{}
	switch m := o.(type) {
	case *metrics.NodeMetrics:
		items = append(items, *m)
	case *metrics.NodeMetricsList:
		items = m.Items
	default:
		return nil, fmt.Errorf("no table of %T", o)
	}
	t := table()
	for i := range items {
		t.Rows = append(t.Rows, row(&items[i], items[i].Name, items[i].Usage, items[i].Window.Duration))
	}
	return t, nil
}

// pods serves pods.metrics.k8s.io.
type pods struct {
	lister PodLister
	window *Window
}

var (
	_ rest.Getter               = (*pods)(nil)
	_ rest.Lister               = (*pods)(nil)
	_ rest.Scoper               = (*pods)(nil)
	_ rest.SingularNameProvider = (*pods)(nil)
)

func (*pods) New() runtime.Object     { return &metrics.PodMetrics{} }
func (*pods) NewList() runtime.Object { return &metrics.PodMetricsList{} }
func (*pods) Destroy()                {}
func (*pods) Kind() string            { return "PodMetrics" }
func (*pods) NamespaceScoped() bool   { return true }
func (*pods) GetSingularName() string { return "" }

func (r *pods) one(p *metav1.PartialObjectMetadata) *metrics.PodMetrics {
	uses := r.window.Pod(PodKey{p.Namespace, p.Name})
	if len(uses) == 0 {
		return nil
	}
	m := &metrics.PodMetrics{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace, Labels: p.Labels, CreationTimestamp: metav1.NewTime(time.Now())}}
	for name, u := range uses {
		m.Containers = append(m.Containers, metrics.ContainerMetrics{Name: name, Usage: usage(u)})
		// The oldest moment speaks for the pod: nothing in it is older.
		if m.Timestamp.IsZero() || u.At.Before(m.Timestamp.Time) {
			m.Timestamp, m.Window = metav1.NewTime(u.At), metav1.Duration{Duration: u.Window}
		}
	}
	slices.SortFunc(m.Containers, func(a, b metrics.ContainerMetrics) int { return strings.Compare(a.Name, b.Name) })
	return m
}

func (r *pods) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	if p := r.lister.Get(genericapirequest.NamespaceValue(ctx), name); p != nil {
		if m := r.one(p); m != nil {
			return m, nil
		}
	}
	return nil, errors.NewNotFound(metrics.Resource("pods"), name)
}

func (r *pods) List(ctx context.Context, o *internalversion.ListOptions) (runtime.Object, error) {
	l, f := selectors(o)
	found, err := r.lister.List(genericapirequest.NamespaceValue(ctx), l)
	if err != nil {
		return nil, err
	}
	out := &metrics.PodMetricsList{Items: []metrics.PodMetrics{}}
	for _, p := range found {
		if !fits(f, p.Namespace, p.Name) {
			continue
		}
		if m := r.one(p); m != nil {
			out.Items = append(out.Items, *m)
		}
	}
	slices.SortFunc(out.Items, func(a, b metrics.PodMetrics) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out, nil
}

func (*pods) ConvertToTable(_ context.Context, o runtime.Object, _ runtime.Object) (*metav1.Table, error) {
	items := []metrics.PodMetrics{}
	switch m := o.(type) {
	case *metrics.PodMetrics:
		items = append(items, *m)
	case *metrics.PodMetricsList:
		items = m.Items
	default:
		return nil, fmt.Errorf("no table of %T", o)
	}
	t := table()
	for i := range items {
		sum := v1.ResourceList{v1.ResourceCPU: {}, v1.ResourceMemory: {}}
		for _, c := range items[i].Containers {
			for name, q := range c.Usage {
				have := sum[name]
				have.Add(q)
				sum[name] = have
			}
		}
		t.Rows = append(t.Rows, row(&items[i], items[i].Name, sum, items[i].Window.Duration))
	}
	return t, nil
}

func table() *metav1.Table {
	return &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Name", Type: "string", Format: "name"}, {Name: "cpu", Type: "string"}, {Name: "memory", Type: "string"},
		{Name: "Window", Type: "string", Format: "duration"},
	}}
}

func row(o runtime.Object, name string, u v1.ResourceList, window time.Duration) metav1.TableRow {
	return metav1.TableRow{Object: runtime.RawExtension{Object: o}, Cells: []any{name, u.Cpu().String(), u.Memory().String(), window.String()}}
}
