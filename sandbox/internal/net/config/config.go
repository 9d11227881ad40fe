// Package config reads and checks net.json, the description of the simulated
// Internet that `tw-net up` builds.
//
// Shape (all delays are one way, in milliseconds):
//
//	{"id": "sb-1", "rootless": false, "seed": 7,
//	 "regions":  [{"name": "sa-east-1", "index": 1}],
//	 "users":    [{"name": "sao", "index": 1, "region": "sa-east-1", "lastMileMs": 5}],
//	 "operator": {"region": "canadacentral", "lastMileMs": 7.5},
//	 "clouds":   {"oneWayMs": 1},
//	 "links":    [{"from": "sa-east-1", "to": "canadacentral", "oneWayMs": 60,
//	               "jitterPct": 2, "lossPct": 0, "kbit": 0, "cut": false}],
//	 "doors":    {"connectSecret": "…"}}
//
// Every ordered pair of two different regions needs one link. "seed" is
// optional; without it the draws of jitter and loss follow from the id.
// "kbit" 0 means no limit. "wanDevice" is optional: "tun", "packet" (veth and a
// packet socket, slower) or "auto", which takes tun where /dev/net/tun works.
// "rootless" is implied when the user is not root. Unknown keys are faults.
package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"strings"
)

// Region is one cloud region: a router, a bridge, public addresses 198.18.Index.0/24.
type Region struct {
	Name  string `json:"name"`
	Index int    `json:"index"` // 1..255
}

// Users is a group of users that live in one region, addresses 198.19.(100+Index).0/24.
type Users struct {
	Name       string  `json:"name"`
	Index      int     `json:"index"` // 1..155
	Region     string  `json:"region"`
	LastMileMs float64 `json:"lastMileMs"`
}

// Operator is where tw and terraform run.
type Operator struct {
	Region     string  `json:"region"`
	LastMileMs float64 `json:"lastMileMs"`
}

// Clouds is the place of the clouds' own APIs: equally far from everywhere.
type Clouds struct {
	OneWayMs float64 `json:"oneWayMs"`
}

// Link is one direction between two regions.
type Link struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	OneWayMs  float64 `json:"oneWayMs"`
	JitterPct float64 `json:"jitterPct"` // of oneWayMs, both ways around it
	LossPct   float64 `json:"lossPct"`
	Kbit      int64   `json:"kbit"` // kbit/s, 0 = no limit
	Cut       bool    `json:"cut"`
}

// Doors configures the listeners on the host's loopback.
type Doors struct {
	ConnectSecret string `json:"connectSecret"`
}

// File is net.json.
type File struct {
	ID       string   `json:"id"`
	Rootless bool     `json:"rootless"`
	Seed     *uint64  `json:"seed"`
	WAN      string   `json:"wanDevice"`
	Regions  []Region `json:"regions"`
	Users    []Users  `json:"users"`
	Operator Operator `json:"operator"`
	Clouds   Clouds   `json:"clouds"`
	Links    []Link   `json:"links"`
	Doors    Doors    `json:"doors"`
}

// LocalMs is the one-way delay between two sites of the same region.
const LocalMs = 0.3

// Kind of a site.
type Kind string

// The kinds of sites on the WAN.
const (
	KindRegion   Kind = "region"
	KindUsers    Kind = "users"
	KindOperator Kind = "operator"
	KindClouds   Kind = "clouds"
)

// Site is one end of the WAN: a /24 of public addresses and a place.
type Site struct {
	Name       string
	Kind       Kind
	Region     string // empty for clouds
	LastMileMs float64
	Prefix     netip.Prefix // the /24
	Addrs      []netip.Addr // addresses that the site's own namespace holds, the first is its source
}

// Read loads and checks a file. The error names every fault at once.
func Read(path string) (*File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// Parse decodes and checks net.json. The error names every fault at once.
func Parse(b []byte) (*File, error) {
	f := &File{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("net.json: %w", err)
	}
	if faults := f.Faults(); len(faults) > 0 {
		return nil, fmt.Errorf("net.json: %d fault(s)\n  %s", len(faults), strings.Join(faults, "\n  "))
	}
	return f, nil
}

// DrawSeed is the seed of all draws: the given one, else a hash of the id.
func (f *File) DrawSeed() uint64 {
	if f.Seed != nil {
		return *f.Seed
	}
	h := fnv.New64a()
	h.Write([]byte(f.ID))
	return h.Sum64()
}

// Sites lists all ends of the WAN in a fixed order.
func (f *File) Sites() []Site {
	var out []Site
	for _, r := range f.Regions {
		p := [3]byte{198, 18, byte(r.Index)}
		out = append(out, site(r.Name, KindRegion, r.Name, 0, p, 2))
	}
	out = append(out, site("clouds", KindClouds, "", f.Clouds.OneWayMs, [3]byte{198, 19, 0}, 10, 11, 12, 53))
	out = append(out, site("operator", KindOperator, f.Operator.Region, f.Operator.LastMileMs, [3]byte{198, 19, 1}, 2))
	for _, u := range f.Users {
		p := [3]byte{198, 19, byte(100 + u.Index)}
		out = append(out, site("users-"+u.Name, KindUsers, u.Region, u.LastMileMs, p, 2, 53))
	}
	return out
}

func site(name string, k Kind, region string, lastMile float64, p [3]byte, hosts ...byte) Site {
	s := Site{Name: name, Kind: k, Region: region, LastMileMs: lastMile}
	s.Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{p[0], p[1], p[2], 0}), 24)
	for _, h := range hosts {
		s.Addrs = append(s.Addrs, netip.AddrFrom4([4]byte{p[0], p[1], p[2], h}))
	}
	return s
}

// Between gives the link from one site to another as net.json sets it: the link of
// the two regions (or LocalMs inside one region) plus both last miles; the clouds
// have no region, only their own distance.
func (f *File) Between(a, b Site) Link {
	l := Link{From: a.Name, To: b.Name}
	switch {
	case a.Region == "" || b.Region == "":
	case a.Region == b.Region:
		l.OneWayMs = LocalMs
	default:
		l = f.regionLink(a.Region, b.Region)
		l.From, l.To = a.Name, b.Name
	}
	l.OneWayMs += a.LastMileMs + b.LastMileMs
	return l
}

func (f *File) regionLink(from, to string) Link {
	for _, l := range f.Links {
		if l.From == from && l.To == to {
			return l
		}
	}
	return Link{From: from, To: to}
}
