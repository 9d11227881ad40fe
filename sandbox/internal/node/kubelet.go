package node

import (
	"context"
	"os"
	"path/filepath"
	"time"

	noopoteltrace "go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	cri "k8s.io/cri-api/pkg/apis"
	"k8s.io/klog/v2"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	kubecontainer "k8s.io/kubernetes/pkg/kubelet/container"
	kubeletutil "k8s.io/kubernetes/pkg/kubelet/util"
	"k8s.io/kubernetes/pkg/util/oom"
	"k8s.io/kubernetes/pkg/volume/util/hostutil"
	"k8s.io/kubernetes/pkg/volume/util/subpath"
	"k8s.io/mount-utils"

	"tradewind.dev/sandbox/internal/spec"
)

const (
	heartbeatTimeout = 10 * time.Second
	maxPods          = 110
)

// startKubelet builds the kubelet from its own parts and starts it. RunKubelet, not Run: Run would replace
// the runtime by a gRPC client.
func (m *machine) startKubelet(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, rs cri.RuntimeService, is cri.ImageManagerService) error {
	conf, err := m.configuration()
	if err != nil {
		return err
	}
	flags := m.flags()
	if m.spec.Rootless {
		if err := utilfeature.DefaultMutableFeatureGate.Set("KubeletInUserNamespace=true"); err != nil {
			return err
		}
	}
	kubelet.ContainerLogsDir = "/var/log/containers"
	deps, err := m.dependencies(ctx, cfg, client, flags, conf)
	if err != nil {
		return err
	}
	deps.RemoteRuntimeService, deps.RemoteImageService = rs, is
	return kubeletapp.RunKubelet(ctx, &options.KubeletServer{KubeletFlags: *flags, KubeletConfiguration: *conf}, deps)
}

func (m *machine) flags() *options.KubeletFlags {
	f := options.NewKubeletFlags()
	f.RootDirectory = m.root
	f.CertDirectory = m.pki
	f.HostnameOverride = m.spec.Name
	f.NodeIP = m.spec.IP
	// The cloud controller gives the node its addresses and zone and takes the taint away, as in life.
	f.CloudProvider = "external"
	var refused []string
	if f.NodeLabels, refused = spec.OwnLabels(m.spec.Labels); len(refused) > 0 {
		klog.Warningf("labels %v are reserved, a node cannot give them to itself", refused)
	}
	f.MinimumGCAge = metav1.Duration{Duration: time.Minute}
	f.MaxPerPodContainerCount = 2
	f.MaxContainerCount = 200
	return f
}

func (m *machine) configuration() (*kubeletconfig.KubeletConfiguration, error) {
	c, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, err
	}
	s := m.spec
	c.Address = s.IP
	c.Port = 10250
	c.HealthzBindAddress = "127.0.0.1"
	c.TLSCertFile, c.TLSPrivateKeyFile = filepath.Join(m.pki, "kubelet.crt"), filepath.Join(m.pki, "kubelet.key")
	c.Authentication.X509.ClientCAFile = filepath.Join(s.ClusterDir, "pki", "ca.crt")
	c.ProviderID = s.ProviderID
	c.ClusterDomain = "cluster.local"
	c.ClusterDNS = []string{s.ClusterDNS}
	c.StaticPodPath = filepath.Join(m.root, "manifests")
	c.VolumePluginDir = filepath.Join(m.root, "volume-plugins")
	c.PodLogsDir = m.podLogs()
	c.MaxPods = maxPods
	// No cgroups: limits are kept by the runtime.
	c.CgroupsPerQOS = false
	c.EnforceNodeAllocatable = nil
	c.FailCgroupV1 = false
	c.MakeIPTablesUtilChains = false
	c.ContainerRuntimeEndpoint = ""
	c.RotateCertificates = false
	c.MaxOpenFiles = openFiles()
	c.SyncFrequency.Duration = 10 * time.Second
	c.NodeStatusUpdateFrequency.Duration = 10 * time.Second
	c.EvictionHard = map[string]string{"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"}
	// Images are recipes: removing them frees nothing, whatever else fills the host's disk.
	c.ImageGCHighThresholdPercent, c.ImageGCLowThresholdPercent = 100, 99
	for _, t := range s.Taints {
		c.RegisterWithTaints = append(c.RegisterWithTaints, v1.Taint{Key: t.Key, Value: t.Value, Effect: v1.TaintEffect(t.Effect)})
	}
	return c, os.MkdirAll(c.StaticPodPath, 0o755)
}

// openFiles is as many files as this process may have, for the kubelet asks for its share and complains
// when it is refused.
func openFiles() int64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1024
	}
	return int64(min(r.Max, 65536))
}

func (m *machine) dependencies(ctx context.Context, cfg *rest.Config, client kubernetes.Interface, f *options.KubeletFlags, c *kubeletconfig.KubeletConfiguration) (*kubelet.Dependencies, error) {
	beat := *cfg
	beat.QPS = -1
	beat.Timeout = heartbeatTimeout
	heartbeat, err := kubernetes.NewForConfig(&beat)
	if err != nil {
		return nil, err
	}
	auth, runCA, err := kubeletapp.BuildAuth("", client, *c)
	if err != nil {
		return nil, err
	}
	runCA(ctx.Done())
	tls, err := kubeletapp.InitializeTLS(ctx, f, c)
	if err != nil {
		return nil, err
	}
	plugins, err := kubeletapp.ProbeVolumePlugins(ctx, utilfeature.DefaultFeatureGate)
	if err != nil {
		return nil, err
	}
	facts := &facts{dir: m.spec.Dir, cpu: m.spec.CPU, memory: m.spec.MemoryBytes, started: time.Now(), os: m.spec.OSImage, id: m.spec.ProviderID}
	disk, err := facts.fs()
	if err != nil {
		return nil, err
	}
	mounter := mount.New("")
	// Recorder and ProbeManager stay nil: the kubelet makes the real ones.
	return &kubelet.Dependencies{
		Auth: auth, KubeClient: client, HeartbeatClient: heartbeat, EventClient: client.CoreV1(),
		CAdvisorInterface: facts, ContainerManager: containerManager{cm.NewStubContainerManager(), int64(disk.Capacity)},
		OSInterface: kubecontainer.RealOS{}, VolumePlugins: plugins, TLSOptions: tls,
		OOMAdjuster: oom.NewFakeOOMAdjuster(), Mounter: mounter, Subpather: subpath.New(mounter), HostUtil: hostUtil{hostutil.NewHostUtil(), m.disk()},
		DynamicPluginProber:       kubeletapp.GetDynamicPluginProber(ctx, c.VolumePluginDir, nil),
		PodStartupLatencyTracker:  kubeletutil.NewPodStartupLatencyTracker(),
		NodeStartupLatencyTracker: kubeletutil.NewNodeStartupLatencyTracker(),
		TracerProvider:            noopoteltrace.NewTracerProvider(),
	}, nil
}
