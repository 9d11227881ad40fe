// Package ext stands in for the module of Traefik's own repository that its go.mod names by a local path:
// the Go proxy does not carry it. Traefik's editions put further fields of the dynamic configuration here;
// the open one has none.
package ext

// HTTP has no further fields.
type HTTP struct{}

// Router has no further fields.
type Router struct{}

// RouterIng has no further fields.
type RouterIng struct{}

// ToRouter gives a Router without further fields.
func (RouterIng) ToRouter() Router { return Router{} }
