package runtime

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	rt "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/klog/v2"
)

const dialTimeout = 5 * time.Second

// serveStreams opens the streaming server on the node's loopback; the kubelet proxies to it.
func (r *Runtime) serveStreams() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("streaming server: %w", err)
	}
	c := streaming.DefaultConfig
	c.Addr = l.Addr().String()
	if r.stream, err = streaming.NewServer(c, streams{r}); err != nil {
		return err
	}
	srv := &http.Server{Handler: r.stream, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); err != nil {
			klog.Errorf("streaming server: %v", err)
		}
	}()
	return nil
}

// Attach returns the address where a container's streams are served.
func (r *Runtime) Attach(_ context.Context, q *rt.AttachRequest) (*rt.AttachResponse, error) {
	return r.stream.GetAttach(q)
}

// PortForward returns the address where a pod's ports are served.
func (r *Runtime) PortForward(_ context.Context, q *rt.PortForwardRequest) (*rt.PortForwardResponse, error) {
	return r.stream.GetPortForward(q)
}

// Attach follows a running container's output and feeds its input. A container with a terminal of its own
// is attached without one.
func (s streams) Attach(ctx context.Context, id string, in io.Reader, out, errs io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize) error {
	c, err := s.r.container(id)
	if err != nil {
		return err
	}
	s.r.mu.Lock()
	state := c.state
	s.r.mu.Unlock()
	if state != rt.ContainerState_CONTAINER_RUNNING {
		return fmt.Errorf("container %s is not running", id)
	}
	if out != nil {
		defer c.output.attach("stdout", out)()
	}
	if errs != nil {
		defer c.output.attach("stderr", errs)()
	}
	go c.stdin.feed(in)
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return nil
}

// PortForward connects a stream with a port on the pod's loopback.
func (s streams) PortForward(ctx context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	s.r.mu.Lock()
	p := s.r.pods[id]
	s.r.mu.Unlock()
	if p == nil || !p.ready {
		return notFound("pod sandbox", id)
	}
	var conn net.Conn
	dial := func() (err error) {
		conn, err = net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), dialTimeout)
		return err
	}
	err := dialIn(p, dial)
	if err != nil {
		return fmt.Errorf("port %d of the pod: %w", port, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	go func() {
		_, _ = io.Copy(conn, stream)
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.CloseWrite()
		}
	}()
	_, err = io.Copy(stream, conn)
	return err
}

func dialIn(p *pod, dial func() error) error {
	if p.hostNet {
		return dial()
	}
	return inNetwork(p.pause.Process.Pid, dial)
}
