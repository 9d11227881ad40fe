package ns

import (
	"context"
	"net"
)

// Dial connects from inside the namespace. The address must be numeric: names
// would be resolved outside.
func (s *Space) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var c net.Conn
	err := s.Do(func() (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return c, err
}
