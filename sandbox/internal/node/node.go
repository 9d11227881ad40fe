// Package node runs the kubelet and kube-proxy of one machine as libraries in one process, with the
// process runtime behind the kubelet's CRI interfaces.
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"tradewind.dev/sandbox/internal/image"
	"tradewind.dev/sandbox/internal/pki"
	"tradewind.dev/sandbox/internal/podroutes"
	"tradewind.dev/sandbox/internal/runtime"
	"tradewind.dev/sandbox/internal/spec"
)

type machine struct {
	spec *spec.Node
	// folders below the machine's own
	root, scratch, pki string
	kubeconfig         string
}

// Run joins the cluster and returns when the node ends. EnterMounts must have been called before.
func Run(s *spec.Node) error {
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	m := &machine{spec: s, root: filepath.Join(s.Dir, "kubelet"), scratch: filepath.Join(s.Dir, "containers"),
		pki: filepath.Join(s.Dir, "pki"), kubeconfig: filepath.Join(s.Dir, "kubeconfig")}
	for _, d := range []string{m.root, m.pki} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := m.identify(); err != nil {
		return err
	}
	if err := m.furnish(); err != nil {
		return err
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", m.kubeconfig)
	if err != nil {
		return err
	}
	cfg.QPS, cfg.Burst = 50, 100
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	if err := setRules(ctx, s); err != nil {
		return err
	}
	return m.run(ctx, cfg, client)
}

func (m *machine) run(ctx context.Context, cfg *rest.Config, client kubernetes.Interface) error {
	store := image.NewStore(image.NewLibrary(m.spec.Recipes, builtinRecipes(m.spec.Shim)...))
	r, err := runtime.New(ctx, runtime.Options{Dir: m.scratch, Shim: m.spec.Shim, Rootless: m.spec.Rootless, Images: store, Hostname: m.spec.Name, Mark: mark(), Disk: m.disk()})
	if err != nil {
		return err
	}
	started := time.Now()
	if err := m.startKubelet(ctx, cfg, client, r, &runtime.Images{Store: store, Dir: m.spec.Dir}); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	klog.Infof("kubelet up after %s", time.Since(started).Round(time.Millisecond))
	if err := podroutes.Keep(ctx, client, m.spec.Name, podroutes.Kernel{}); err != nil {
		return err
	}
	proxy := make(chan error, 1)
	go func() { proxy <- m.runProxy() }()
	go m.awaitServices(ctx, r.ServicesReady)
	select {
	case err := <-proxy:
		return fmt.Errorf("kube-proxy ended: %w", errors.Join(err, errEnded))
	case <-ctx.Done():
		klog.Info("node stopping")
		return nil
	}
}

// disk is what pods see of the machine's files: the kubelet's own folders, the cluster's volumes, and for the
// rest a folder of the node.
func (m *machine) disk() runtime.Disk {
	return runtime.Disk{Dir: filepath.Join(m.spec.Dir, "disk"), Own: []string{m.root, m.podLogs(), filepath.Join(m.spec.ClusterDir, "volumes")}}
}

// furnish puts files onto the disk that every machine has.
func (m *machine) furnish() error {
	etc := filepath.Join(m.disk().Dir, "etc")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"hosts":      fmt.Sprintf("127.0.0.1\tlocalhost\n%s\t%s\n", m.spec.IP, m.spec.Name),
		"hostname":   m.spec.Name + "\n",
		"os-release": fmt.Sprintf("NAME=%q\nPRETTY_NAME=%q\n", m.spec.OSImage, m.spec.OSImage),
	} {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) podLogs() string { return filepath.Join(m.spec.Dir, "pod-logs") }

var errEnded = errors.New("a node has no use without it")

// identify makes the node's certificates from the cluster's CA: one as client and one as server.
func (m *machine) identify() error {
	s := m.spec
	keys, err := pki.Open(filepath.Join(s.ClusterDir, "pki"))
	if err != nil {
		return err
	}
	sub := pki.Subject{CommonName: "system:node:" + s.Name, Groups: []string{"system:nodes"}}
	if err := keys.WriteKubeconfig(m.kubeconfig, s.APIServer, s.Cluster, sub); err != nil {
		return err
	}
	server := sub
	server.Server, server.DNS, server.IPs = true, []string{s.Name}, []net.IP{net.ParseIP(s.IP)}
	return keys.CA.IssueFiles(m.pki, "kubelet", server)
}

// mark is the environment entry by which the sandbox knows its processes.
func mark() string {
	if id := os.Getenv("TW_SANDBOX"); id != "" {
		return "TW_SANDBOX=" + id
	}
	return ""
}

// builtinRecipes lets a cluster have DNS even when the recipes file does not speak of it: tw-coredns lies
// beside tw-shim.
func builtinRecipes(shim string) []image.Recipe {
	file := filepath.Join(filepath.Dir(shim), "tw-coredns")
	if _, err := os.Stat(file); err != nil {
		return nil
	}
	return []image.Recipe{{Name: "registry.k8s.io/coredns/coredns", Entrypoint: []string{"/coredns"},
		Files: []image.File{{Host: file, At: "/coredns", RO: true}}}}
}
