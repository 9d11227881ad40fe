package daemon

import (
	"net/netip"

	"tradewind.dev/sandbox/internal/net/control"
	"tradewind.dev/sandbox/internal/net/vip"
	"tradewind.dev/sandbox/internal/net/world"
)

type nameRequest struct {
	Name string `json:"name"`
}

type ipRequest struct {
	IP netip.Addr `json:"ip"`
}

type partitionRequest struct {
	Site string `json:"site"`
	On   bool   `json:"on"`
}

type existed struct {
	Existed bool `json:"existed"`
}

type vipReply struct {
	Vip vip.View `json:"vip"`
}

type grown struct {
	Sites []string `json:"sites"`
}

type linkReply struct {
	Links int `json:"links"`
}

// verbs ties the control protocol to the world.
func verbs(w *world.World) map[string]control.Handler {
	return map[string]control.Handler{
		"machine": control.Verb(w.Machine),
		"machineGone": control.Verb(func(r nameRequest) (existed, error) {
			ok, err := w.MachineGone(r.Name)
			return existed{ok}, err
		}),
		"vip": control.Verb(func(s vip.Spec) (vipReply, error) {
			v, err := w.Vip(s)
			return vipReply{v}, err
		}),
		"vipGone": control.Verb(func(r ipRequest) (existed, error) {
			ok, err := w.VipGone(r.IP)
			return existed{ok}, err
		}),
		"link": control.Verb(func(c world.LinkChange) (linkReply, error) {
			n, err := w.Link(c)
			return linkReply{n}, err
		}),
		"partition": control.Verb(func(r partitionRequest) (struct{}, error) {
			return struct{}{}, w.Partition(r.Site, r.On)
		}),
		"isolate": control.Verb(func(i world.Isolation) (struct{}, error) {
			return struct{}{}, w.Isolate(i)
		}),
		"stats": control.Verb(func(struct{}) (world.Stats, error) { return w.Stats(), nil }),
	}
}
