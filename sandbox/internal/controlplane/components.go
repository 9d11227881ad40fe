package controlplane

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"tradewind.dev/sandbox/internal/spec"
)

func (p *plane) startAPIServer() {
	k := p.keys.File
	args := []string{
		"--etcd-servers=" + etcdClient,
		"--bind-address=0.0.0.0",
		"--secure-port=443",
		"--advertise-address=" + p.spec.PrivateIP,
		"--tls-cert-file=" + k("apiserver.crt"),
		"--tls-private-key-file=" + k("apiserver.key"),
		"--client-ca-file=" + k("ca.crt"),
		"--service-account-key-file=" + k("sa.pub"),
		"--service-account-signing-key-file=" + k("sa.key"),
		"--service-account-issuer=" + p.spec.Issuer,
		"--service-cluster-ip-range=" + p.spec.ServiceCIDR,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + k("kubelet-client.crt"),
		"--kubelet-client-key=" + k("kubelet-client.key"),
		"--kubelet-certificate-authority=" + k("ca.crt"),
		// Webhooks and aggregated APIs reach endpoints directly: there is no kube-proxy here.
		"--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + k("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + k("front-proxy-client.crt"),
		"--proxy-client-key-file=" + k("front-proxy-client.key"),
		"--event-ttl=1h0m0s",
		"--profiling=false",
	}
	if p.spec.WebhookURL != "" {
		args = append(args,
			"--authentication-token-webhook-config-file="+p.webhookFile(),
			"--authentication-token-webhook-version=v1",
			"--authentication-token-webhook-cache-ttl=10s")
	}
	p.run("API server", apiserver.NewAPIServerCommand(), args)
}

func (p *plane) startControllerManager() {
	k := p.keys.File
	kubeconfig := filepath.Join(p.spec.Dir, "controller-manager.kubeconfig")
	p.run("controller manager", controllermanager.NewControllerManagerCommand(), []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--root-ca-file=" + k("ca.crt"),
		"--cluster-signing-cert-file=" + k("ca.crt"),
		"--cluster-signing-key-file=" + k("ca.key"),
		"--service-account-private-key-file=" + k("sa.key"),
		"--use-service-account-credentials=true",
		"--leader-elect=false",
		// The default of 20 a second delays the start of the last controllers by seconds.
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--bind-address=127.0.0.1",
		"--allocate-node-cidrs=true",
		"--cluster-name=" + p.spec.ID,
		"--cluster-cidr=" + p.spec.PodCIDR,
		"--service-cluster-ip-range=" + p.spec.ServiceCIDR,
		fmt.Sprintf("--node-cidr-mask-size=%d", spec.NodeMask(p.spec.PodCIDR)),
		"--profiling=false",
	})
}

func (p *plane) run(name string, c *cobra.Command, args []string) {
	c.SetArgs(args)
	c.SilenceUsage, c.SilenceErrors = true, true
	go p.component(name, c.Execute)
}

// startScheduler uses the scheduler's parts: its command would register a second signal handler and panic.
func (p *plane) startScheduler(ctx context.Context) error {
	kubeconfig := filepath.Join(p.spec.Dir, "scheduler.kubeconfig")
	o := scheduleroptions.NewOptions()
	fs := pflag.NewFlagSet("scheduler", pflag.ContinueOnError)
	for _, f := range o.Flags.FlagSets {
		fs.AddFlagSet(f)
	}
	err := fs.Parse([]string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
	})
	if err != nil {
		return fmt.Errorf("scheduler: %w", err)
	}
	if err := o.ComponentGlobalsRegistry.Set(); err != nil {
		return fmt.Errorf("scheduler: %w", err)
	}
	config, sched, err := scheduler.Setup(ctx, o)
	if err != nil {
		return fmt.Errorf("scheduler: %w", err)
	}
	go p.component("scheduler", func() error { return scheduler.Run(ctx, config, sched) })
	return nil
}
