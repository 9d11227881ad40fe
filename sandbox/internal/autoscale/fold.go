package autoscale

import (
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"tradewind.dev/sandbox/internal/cloud"
)

// Settings are times in real time: Kubernetes' own clocks run in it too.
type Settings struct {
	// Period between two looks.
	Period time.Duration
	// Wait is how long a pod must have been unschedulable.
	Wait time.Duration
	// Join is how long a node that has just become ready may take what waits: the scheduler backs off up to 10 s.
	Join time.Duration
	// Idle is how long a node must have carried nothing of its own.
	Idle time.Duration
	// Drain bounds the eviction of the add-ons of a node that goes.
	Drain time.Duration
	// Pause follows a refusal of the cloud.
	Pause time.Duration
}

// Defaults are those of a sandbox; real autoscalers wait ten minutes before they remove a node.
var Defaults = Settings{Period: 2 * time.Second, Wait: 2 * time.Second, Join: 12 * time.Second, Idle: time.Minute,
	Drain: 30 * time.Second, Pause: 30 * time.Second}

// reasons are the scheduler's words for what another node can cure.
var reasons = []string{"Insufficient ", "Too many pods", "free ports", "pod anti-affinity"}

// watch remembers since when a node has carried nothing.
type watch struct {
	set   Settings
	empty map[string]time.Time
}

func newWatch(s Settings) *watch { return &watch{set: s, empty: map[string]time.Time{}} }

// look folds one view of the cluster into a report. It never reports both needs and nodes to spare.
func (w *watch) look(pods []*v1.Pod, nodes []*v1.Node, now time.Time) *cloud.ScaleRequest {
	r := &cloud.ScaleRequest{Unschedulable: []cloud.Demand{}, Ready: []string{}, Empty: []string{}, Drained: []string{}}
	on := map[string][]*v1.Pod{}
	for _, p := range pods {
		if p.Spec.NodeName != "" {
			on[p.Spec.NodeName] = append(on[p.Spec.NodeName], p)
		}
	}
	joining := false
	for _, n := range nodes {
		if since, ok := ready(n); ok {
			r.Ready = append(r.Ready, n.Name)
			joining = joining || now.Sub(since) < w.set.Join
		}
	}
	waiting := w.waiting(pods, now)
	if !joining {
		for _, p := range waiting {
			if like := likes(p, nodes, on); len(like) > 0 {
				q := resource.PodRequests(p, resource.PodResourcesOptions{})
				r.Unschedulable = append(r.Unschedulable, cloud.Demand{CPUMilli: q.Cpu().MilliValue(), MemoryBytes: q.Memory().Value(), Like: like})
			}
		}
	}
	idle := w.idle(nodes, on, now)
	if len(r.Unschedulable) == 0 && !(joining && len(waiting) > 0) {
		r.Empty = idle
	}
	slices.Sort(r.Ready)
	return r
}

// waiting are the pods that the scheduler has given up on for want of room.
func (w *watch) waiting(pods []*v1.Pod, now time.Time) []*v1.Pod {
	var out []*v1.Pod
	for _, p := range pods {
		// The add-ons follow the number of nodes, not the other way round; a daemon's pod wants one node only.
		if p.Spec.NodeName != "" || p.DeletionTimestamp != nil || p.Status.NominatedNodeName != "" || addon(p) || daemon(p) {
			continue
		}
		for _, c := range p.Status.Conditions {
			if c.Type == v1.PodScheduled && c.Status == v1.ConditionFalse && c.Reason == v1.PodReasonUnschedulable &&
				now.Sub(c.LastTransitionTime.Time) >= w.set.Wait && curable(c.Message) {
				out = append(out, p)
			}
		}
	}
	return out
}

func curable(message string) bool {
	return slices.ContainsFunc(reasons, func(s string) bool { return strings.Contains(message, s) })
}

// idle names, oldest first by name, the nodes that have been empty for long enough.
func (w *watch) idle(nodes []*v1.Node, on map[string][]*v1.Pod, now time.Time) []string {
	out, next := []string{}, map[string]time.Time{}
	for _, n := range nodes {
		if n.DeletionTimestamp != nil || busy(on[n.Name]) {
			continue
		}
		since, known := w.empty[n.Name]
		if !known {
			since = now
		}
		next[n.Name] = since
		if now.Sub(since) >= w.set.Idle {
			out = append(out, n.Name)
		}
	}
	w.empty = next
	slices.Sort(out)
	return out
}

// busy tells whether anything runs there that is not part of the node or of the cluster itself.
func busy(pods []*v1.Pod) bool {
	return slices.ContainsFunc(pods, func(p *v1.Pod) bool { return !resident(p) && !addon(p) })
}

// resident pods live and die with their node, or are over.
func resident(p *v1.Pod) bool {
	return p.Status.Phase == v1.PodSucceeded || p.Status.Phase == v1.PodFailed ||
		p.Annotations[v1.MirrorPodAnnotationKey] != "" || daemon(p)
}

func daemon(p *v1.Pod) bool { return ownedBy(p, "DaemonSet") }

// addon pods are replicated and come back elsewhere.
func addon(p *v1.Pod) bool { return p.Namespace == metav1.NamespaceSystem && ownedBy(p, "ReplicaSet") }

func ownedBy(p *v1.Pod, kind string) bool {
	o := metav1.GetControllerOf(p)
	return o != nil && o.Kind == kind
}

func ready(n *v1.Node) (since time.Time, ok bool) {
	for _, c := range n.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.LastTransitionTime.Time, c.Status == v1.ConditionTrue && n.DeletionTimestamp == nil
		}
	}
	return time.Time{}, false
}

// likes are the nodes whose empty twin would take the pod: its labels and taints fit and it is large enough
// beside the daemons that every node of the kind carries.
func likes(p *v1.Pod, nodes []*v1.Node, on map[string][]*v1.Pod) []string {
	var out []string
	affinity := nodeaffinity.GetRequiredNodeAffinity(p)
	for _, n := range nodes {
		if n.DeletionTimestamp != nil {
			continue
		}
		if match, err := affinity.Match(n); err != nil || !match {
			continue
		}
		if _, bad := corev1.FindMatchingUntoleratedTaint(klog.Background(), n.Spec.Taints, p.Spec.Tolerations, lasting, true); bad {
			continue
		}
		if fits(p, n, on[n.Name]) {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}

// lasting taints are those that a new machine would have too.
func lasting(t *v1.Taint) bool {
	return t.Effect != v1.TaintEffectPreferNoSchedule && !strings.HasPrefix(t.Key, "node.kubernetes.io/") &&
		!strings.HasPrefix(t.Key, "node.cloudprovider.kubernetes.io/")
}

func fits(p *v1.Pod, n *v1.Node, there []*v1.Pod) bool {
	free := n.Status.Allocatable.DeepCopy()
	for _, d := range there {
		if daemon(d) {
			take(free, d)
		}
	}
	for name, want := range resource.PodRequests(p, resource.PodResourcesOptions{}) {
		have := free[name]
		if have.Cmp(want) < 0 {
			return false
		}
	}
	return true
}

func take(from v1.ResourceList, p *v1.Pod) {
	for name, q := range resource.PodRequests(p, resource.PodResourcesOptions{}) {
		have := from[name]
		have.Sub(q)
		from[name] = have
	}
}
