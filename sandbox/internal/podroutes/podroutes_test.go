package podroutes

import (
	"errors"
	"net"
	"reflect"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

type table struct {
	routes map[string]string
	fail   error
}

func (t *table) Replace(dst *net.IPNet, gw net.IP) error {
	if t.fail != nil {
		return t.fail
	}
	t.routes[dst.String()] = gw.String()
	return nil
}

func (t *table) Delete(dst *net.IPNet) error {
	delete(t.routes, dst.String())
	return nil
}

func node(name, cidr, ip string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.NodeSpec{PodCIDR: cidr}}
	if ip != "" {
		n.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeHostName, Address: name}, {Type: v1.NodeInternalIP, Address: ip}}
	}
	return n
}

func newKeeper(self string) (*keeper, *table) {
	t := &table{routes: map[string]string{}}
	return &keeper{self: self, table: t, have: map[string]string{}, dst: map[string]*net.IPNet{}}, t
}

func TestRoutesFollowNodes(t *testing.T) {
	k, tb := newKeeper("a")
	k.set(node("a", "10.1.0.0/24", "10.0.0.1"))
	k.set(node("b", "10.1.1.0/24", "10.0.0.2"))
	k.set(node("c", "", "10.0.0.3"))
	k.set(node("d", "10.1.3.0/24", ""))
	if want := map[string]string{"10.1.1.0/24": "10.0.0.2"}; !reflect.DeepEqual(tb.routes, want) {
		t.Fatalf("routes = %v", tb.routes)
	}
	k.set(node("b", "10.1.1.0/24", "10.0.0.9"))
	if tb.routes["10.1.1.0/24"] != "10.0.0.9" {
		t.Error("a new address was not followed")
	}
	k.drop(cache.DeletedFinalStateUnknown{Obj: node("b", "10.1.1.0/24", "10.0.0.9")})
	if len(tb.routes) != 0 {
		t.Errorf("routes = %v", tb.routes)
	}
}

func TestRangeThatMovedStays(t *testing.T) {
	k, tb := newKeeper("")
	k.set(node("old", "10.1.1.0/24", "10.0.0.2"))
	k.set(node("new", "10.1.1.0/24", "10.0.0.3"))
	k.drop(node("old", "10.1.1.0/24", "10.0.0.2"))
	if tb.routes["10.1.1.0/24"] != "10.0.0.3" {
		t.Errorf("routes = %v", tb.routes)
	}
}

func TestFailureIsTriedAgain(t *testing.T) {
	k, tb := newKeeper("")
	tb.fail = errors.New("network is unreachable")
	k.set(node("b", "10.1.1.0/24", "10.0.0.2"))
	tb.fail = nil
	k.set(node("b", "10.1.1.0/24", "10.0.0.2"))
	if len(tb.routes) != 1 {
		t.Error("the route was given up")
	}
}
