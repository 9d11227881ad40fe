// Package runtime is a container runtime inside the node process: the Go interfaces of the CRI, with
// containers as processes of the host in namespaces of their own. The kubelet calls it without gRPC.
package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis"
	rt "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"

	"tradewind.dev/sandbox/internal/image"
)

const runtimeVersion = "0.1.0"

// Options configure a runtime.
type Options struct {
	// Dir holds the scratch folders of running containers; it is emptied at the start.
	Dir string
	// Shim is the path of tw-shim.
	Shim     string
	Rootless bool
	Images   *image.Store
	// Disk is what hostPath shows.
	Disk Disk
	// Hostname is the machine's, which pods on its network share.
	Hostname string
	// Mark is added to the environment of every process, as NAME=value.
	Mark string
}

// Runtime implements the runtime and image services of the CRI.
type Runtime struct {
	opts    Options
	spawner *spawner
	stream  streaming.Server

	mu         sync.Mutex
	pods       map[string]*pod
	containers map[string]*container
	net        *podNet
	services   bool
	portsOpen  bool
}

var (
	_ cri.RuntimeService      = (*Runtime)(nil)
	_ cri.ImageManagerService = (*Images)(nil)
)

// New makes a runtime, starts its streaming server on the loopback and the watch over memory limits.
func New(ctx context.Context, o Options) (*Runtime, error) {
	if err := os.RemoveAll(o.Dir); err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	if err := os.MkdirAll(o.Dir, 0o711); err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	if _, err := os.Stat(o.Shim); err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	r := &Runtime{opts: o, spawner: newSpawner(), pods: map[string]*pod{}, containers: map[string]*container{}}
	if err := r.serveStreams(); err != nil {
		return nil, err
	}
	go r.watchMemory(ctx)
	return r, nil
}

func newID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func notFound(kind, id string) error {
	return status.Errorf(codes.NotFound, "%s %s not found", kind, id)
}

// Version names the runtime.
func (r *Runtime) Version(context.Context, string) (*rt.VersionResponse, error) {
	return &rt.VersionResponse{Version: "0.1.0", RuntimeName: "tradewind", RuntimeVersion: runtimeVersion, RuntimeApiVersion: "v1"}, nil
}

// ServicesReady tells that the node leads connections to Services to their pods.
func (r *Runtime) ServicesReady() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.services = true
}

// Status reports the network as ready once the node has its pod range and knows the Services: a connection that a
// pod opened before would go nowhere for as long as the pod tries it.
func (r *Runtime) Status(context.Context, bool) (*rt.StatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	network := &rt.RuntimeCondition{Type: rt.NetworkReady}
	switch {
	case r.net == nil:
		network.Reason, network.Message = "NoPodCIDR", "the node has no pod range yet"
	case !r.services:
		network.Reason, network.Message = "NoServices", "kube-proxy has not set its rules yet"
	default:
		network.Status = true
	}
	return &rt.StatusResponse{Status: &rt.RuntimeStatus{Conditions: []*rt.RuntimeCondition{{Type: rt.RuntimeReady, Status: true}, network}}}, nil
}

// UpdateRuntimeConfig takes the node's pod range and builds the pod bridge.
func (r *Runtime) UpdateRuntimeConfig(_ context.Context, c *rt.RuntimeConfig) error {
	cidr := c.GetNetworkConfig().GetPodCidr()
	if cidr == "" {
		return nil
	}
	n, err := newPodNet(cidr)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.net != nil && r.net.prefix == n.prefix {
		return nil
	}
	if err := n.buildBridge(); err != nil {
		return err
	}
	r.net = n
	return nil
}

// Close has nothing to shut.
func (r *Runtime) Close(context.Context) error { return nil }

// RuntimeConfig reports no cgroup driver: there are no cgroups.
func (r *Runtime) RuntimeConfig(context.Context) (*rt.RuntimeConfigResponse, error) {
	return &rt.RuntimeConfigResponse{}, nil
}

// UpdateContainerResources accepts new limits; memory is read from them at the next look.
func (r *Runtime) UpdateContainerResources(_ context.Context, id string, res *rt.ContainerResources) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.containers[id]
	if c == nil {
		return notFound("container", id)
	}
	if lim := res.GetLinux().GetMemoryLimitInBytes(); lim > 0 {
		c.memoryLimit = lim
	}
	return nil
}

// UpdatePodSandboxResources has no pod-level limits to change.
func (r *Runtime) UpdatePodSandboxResources(context.Context, *rt.UpdatePodSandboxResourcesRequest) (*rt.UpdatePodSandboxResourcesResponse, error) {
	return &rt.UpdatePodSandboxResourcesResponse{}, nil
}

// GetContainerEvents is not offered; the kubelet falls back to listing.
func (r *Runtime) GetContainerEvents(context.Context, chan *rt.ContainerEventResponse, func(rt.RuntimeService_GetContainerEventsClient)) error {
	return status.Error(codes.Unimplemented, "container events are not offered")
}

// CheckpointContainer is not offered.
func (r *Runtime) CheckpointContainer(context.Context, *rt.CheckpointContainerRequest) error {
	return status.Error(codes.Unimplemented, "checkpoints are not offered")
}

func (r *Runtime) container(id string) (*container, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.containers[id]; c != nil {
		return c, nil
	}
	return nil, notFound("container", id)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

var errNoCommand = errors.New("no command specified")
