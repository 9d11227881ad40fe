package autoscale

import (
	"context"
	"slices"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"tradewind.dev/sandbox/internal/cloud"
)

var t0 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

type change[T any] func(*T)

func node(name string, changes ...change[v1.Node]) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pool": "default"}}}
	n.Status.Allocatable = v1.ResourceList{v1.ResourceCPU: resource.MustParse("2"), v1.ResourceMemory: resource.MustParse("4Gi")}
	n.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionTrue, LastTransitionTime: metav1.NewTime(t0.Add(-time.Hour))}}
	for _, c := range changes {
		c(n)
	}
	return n
}

func pod(name, node string, changes ...change[v1.Pod]) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}}
	p.Spec.NodeName = node
	p.Spec.Containers = []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{
		v1.ResourceCPU: resource.MustParse("1500m"), v1.ResourceMemory: resource.MustParse("1Gi")}}}}
	if node == "" {
		p.Status.Conditions = []v1.PodCondition{{Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: v1.PodReasonUnschedulable,
			Message: "0/1 nodes are available: 1 Insufficient cpu.", LastTransitionTime: metav1.NewTime(t0.Add(-5 * time.Second))}}
	}
	for _, c := range changes {
		c(p)
	}
	return p
}

func owned(namespace, kind string) change[v1.Pod] {
	yes := true
	return func(p *v1.Pod) {
		p.Namespace = namespace
		p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "o", Controller: &yes}}
	}
}

func message(m string) change[v1.Pod] {
	return func(p *v1.Pod) { p.Status.Conditions[0].Message = m }
}

func asks(cpu string) change[v1.Pod] {
	return func(p *v1.Pod) {
		p.Spec.Containers[0].Resources.Requests[v1.ResourceCPU] = resource.MustParse(cpu)
	}
}

func TestWhatWaits(t *testing.T) {
	one := []*v1.Node{node("a")}
	tainted := func(n *v1.Node) {
		n.Spec.Taints = []v1.Taint{{Key: "gpu", Effect: v1.TaintEffectNoSchedule}}
	}
	unready := func(n *v1.Node) {
		n.Spec.Taints = []v1.Taint{{Key: "node.kubernetes.io/not-ready", Effect: v1.TaintEffectNoSchedule}}
	}
	fresh := func(n *v1.Node) {
		n.Status.Conditions[0].LastTransitionTime = metav1.NewTime(t0.Add(-3 * time.Second))
	}
	for name, c := range map[string]struct {
		nodes []*v1.Node
		pods  []*v1.Pod
		want  int
	}{
		"a pod without room":                   {one, []*v1.Pod{pod("p", "")}, 1},
		"for less than two seconds":            {one, []*v1.Pod{pod("p", "", func(p *v1.Pod) { p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(t0.Add(-time.Second)) })}, 0},
		"larger than a whole machine":          {one, []*v1.Pod{pod("p", "", asks("3"))}, 0},
		"beside a daemon larger than it":       {one, []*v1.Pod{pod("p", ""), pod("d", "a", owned("shop", "DaemonSet"))}, 0},
		"beside a neighbour":                   {one, []*v1.Pod{pod("p", ""), pod("d", "a", owned("shop", "ReplicaSet"))}, 1},
		"for a volume":                         {one, []*v1.Pod{pod("p", "", message("pod has unbound immediate PersistentVolumeClaims"))}, 0},
		"for a label no node has":              {one, []*v1.Pod{pod("p", "", func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "fast"} })}, 0},
		"for a label the pool has":             {one, []*v1.Pod{pod("p", "", func(p *v1.Pod) { p.Spec.NodeSelector = map[string]string{"pool": "default"} })}, 1},
		"before a taint of the pool":           {[]*v1.Node{node("a", tainted)}, []*v1.Pod{pod("p", "")}, 0},
		"before a taint that passes":           {[]*v1.Node{node("a", unready)}, []*v1.Pod{pod("p", "")}, 1},
		"gives way to a preemption":            {one, []*v1.Pod{pod("p", "", func(p *v1.Pod) { p.Status.NominatedNodeName = "a" })}, 0},
		"of a daemon":                          {one, []*v1.Pod{pod("p", "", owned("shop", "DaemonSet"))}, 0},
		"of an add-on":                         {one, []*v1.Pod{pod("p", "", owned("kube-system", "ReplicaSet"))}, 0},
		"while a node has only just come":      {[]*v1.Node{node("a"), node("b", fresh)}, []*v1.Pod{pod("p", "")}, 0},
		"two of them":                          {one, []*v1.Pod{pod("p", ""), pod("q", "", message("1 node(s) didn't match pod anti-affinity rules"))}, 2},
		"with a scheduler that has not looked": {one, []*v1.Pod{pod("p", "", func(p *v1.Pod) { p.Status.Conditions = nil })}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newWatch(Defaults).look(c.pods, c.nodes, t0)
			if len(r.Unschedulable) != c.want {
				t.Fatalf("%d demands, want %d: %+v", len(r.Unschedulable), c.want, r.Unschedulable)
			}
			if c.want > 0 && (r.Unschedulable[0].CPUMilli != 1500 || r.Unschedulable[0].MemoryBytes != 1<<30 || !slices.Equal(r.Unschedulable[0].Like, []string{"a"})) {
				t.Fatalf("%+v", r.Unschedulable[0])
			}
		})
	}
}

func TestWhatIsEmpty(t *testing.T) {
	w := newWatch(Defaults)
	nodes := []*v1.Node{node("a"), node("b")}
	pods := []*v1.Pod{pod("web", "a", owned("shop", "ReplicaSet")), pod("dns", "b", owned("kube-system", "ReplicaSet")),
		pod("log", "b", owned("shop", "DaemonSet")), pod("done", "b", func(p *v1.Pod) { p.Status.Phase = v1.PodSucceeded })}
	at := func(s int, extra ...*v1.Pod) []string {
		return w.look(append(slices.Clone(pods), extra...), nodes, t0.Add(time.Duration(s)*time.Second)).Empty
	}
	for _, step := range []struct {
		at    int
		extra []*v1.Pod
		want  []string
	}{
		{0, nil, []string{}},
		{59, nil, []string{}},
		{60, nil, []string{"b"}},
		{61, []*v1.Pod{pod("wait", "")}, []string{}}, // someone needs room
		{62, nil, []string{"b"}},
		{63, []*v1.Pod{pod("web-2", "b")}, []string{}},
		{64, nil, []string{}}, // the clock starts anew
		{123, nil, []string{}},
		{124, nil, []string{"b"}},
	} {
		if got := at(step.at, step.extra...); !slices.Equal(got, step.want) {
			t.Fatalf("after %d s: %v, want %v", step.at, got, step.want)
		}
	}
}

// book is a cloud that answers from a list and keeps what it was asked.
type book struct {
	asked   []*cloud.ScaleRequest
	replies []*cloud.ScaleReply
}

func (b *book) Scale(_ context.Context, r *cloud.ScaleRequest) (*cloud.ScaleReply, error) {
	b.asked = append(b.asked, r)
	reply := b.replies[0]
	b.replies = b.replies[1:]
	return reply, nil
}

// rig is a scaler over a cluster whose evictions succeed at once.
func rig(t *testing.T, b *book, objects ...runtime.Object) (*scaler, *fake.Clientset) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	c := fake.NewClientset(objects...)
	c.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		create, ok := a.(clienttesting.CreateAction)
		if !ok || a.GetSubresource() != "eviction" {
			return false, nil, nil
		}
		e := create.GetObject().(*policyv1.Eviction)
		return true, nil, c.Tracker().Delete(v1.SchemeGroupVersion.WithResource("pods"), e.Namespace, e.Name)
	})
	s := Defaults
	s.Idle, s.Period = 0, 20*time.Millisecond
	return newScaler(ctx, c, b, s), c
}

func cordoned(t *testing.T, c *fake.Clientset, name string) bool {
	t.Helper()
	n, err := c.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n.Spec.Unschedulable
}

func TestANodeIsDrainedBeforeItGoes(t *testing.T) {
	b := &book{replies: []*cloud.ScaleReply{{MayGo: []string{"b"}}, {Removed: []string{"b"}}}}
	s, c := rig(t, b, node("a"), node("b"), pod("web", "a"), pod("dns", "b", owned("kube-system", "ReplicaSet")))
	if err := s.step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(b.asked) != 2 || !slices.Equal(b.asked[0].Empty, []string{"b"}) || !slices.Equal(b.asked[1].Drained, []string{"b"}) {
		t.Fatalf("%+v", b.asked)
	}
	if _, err := c.CoreV1().Pods("kube-system").Get(context.Background(), "dns", metav1.GetOptions{}); err == nil {
		t.Fatal("the add-on was not evicted")
	}
	if !cordoned(t, c, "b") {
		t.Fatal("the node still takes pods")
	}
}

func TestANodeThatTheCloudKeepsTakesPodsAgain(t *testing.T) {
	b := &book{replies: []*cloud.ScaleReply{{MayGo: []string{"b"}}, {}}}
	s, c := rig(t, b, node("a"), node("b"), pod("web", "a"))
	if err := s.step(context.Background()); err == nil {
		t.Fatal("no word of it")
	}
	if cordoned(t, c, "b") {
		t.Fatal("the node is left cordoned")
	}
}

func TestAPodThatCameMeanwhileKeepsItsNode(t *testing.T) {
	b := &book{replies: []*cloud.ScaleReply{{MayGo: []string{"b"}}}}
	s, c := rig(t, b, node("a"), node("b"), pod("web", "a"))
	late := pod("late", "b")
	if err := c.Tracker().Add(late); err != nil {
		t.Fatal(err)
	}
	if err := s.release(context.Background(), "b", nil); err == nil || len(b.asked) != 0 {
		t.Fatalf("%v %+v", err, b.asked)
	}
	if cordoned(t, c, "b") {
		t.Fatal("the node is left cordoned")
	}
}
