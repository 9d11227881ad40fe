package daemon

import (
	"fmt"
	"net/netip"

	"tradewind.dev/sandbox/internal/net/doors"
	"tradewind.dev/sandbox/internal/net/world"
)

type doorRequest struct {
	Users string `json:"users"`
	Host  string `json:"host"`
	Port  uint16 `json:"port"`
}

type doorReply struct {
	URL string `json:"url"`
}

// place is a site as the doors see it: how to dial there, and whom to ask for names.
func place(w *world.World, site string) (doors.Place, error) {
	s, ok := w.Space(site)
	if !ok {
		return doors.Place{}, fmt.Errorf("unknown site %q", site)
	}
	return doors.Place{Dial: s.Dial, Server: netip.AddrPortFrom(w.Resolver(site), 53)}, nil
}

func openDoor(w *world.World, house *doors.House, r doorRequest) (doorReply, error) {
	p, err := place(w, "users-"+r.Users)
	if err != nil {
		return doorReply{}, fmt.Errorf("door: no user group %q", r.Users)
	}
	url, err := house.Page(r.Users, p, r.Host, r.Port)
	return doorReply{url}, err
}
