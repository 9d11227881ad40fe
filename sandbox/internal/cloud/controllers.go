package cloud

import (
	"context"
	"fmt"
	"time"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	nodecontroller "k8s.io/cloud-provider/controllers/node"
	lifecyclecontroller "k8s.io/cloud-provider/controllers/nodelifecycle"
	servicecontroller "k8s.io/cloud-provider/controllers/service"
	controllersmetrics "k8s.io/component-base/metrics/prometheus/controllers"
)

const (
	serviceWorkers = 4
	nodeWorkers    = 2
	statusPeriod   = time.Minute
	monitorPeriod  = 5 * time.Second
)

// Start runs the cloud controllers of one cluster until ctx ends.
func Start(ctx context.Context, cfg *rest.Config, p *Provider, cluster string) error {
	client := func(name string) (kubernetes.Interface, error) {
		return kubernetes.NewForConfig(rest.AddUserAgent(cfg, name))
	}
	shared, err := client("cloud-informers")
	if err != nil {
		return err
	}
	f := informers.NewSharedInformerFactory(shared, 0)
	metrics := controllersmetrics.NewControllerManagerMetrics("cloud-controller-manager")

	sc, err := client("service-controller")
	if err != nil {
		return err
	}
	services, err := servicecontroller.New(p, sc, f.Core().V1().Services(), f.Core().V1().Nodes(), cluster, utilfeature.DefaultFeatureGate)
	if err != nil {
		return fmt.Errorf("service controller: %w", err)
	}
	nc, err := client("node-controller")
	if err != nil {
		return err
	}
	nodes, err := nodecontroller.NewCloudNodeController(f.Core().V1().Nodes(), nc, p, statusPeriod, nodeWorkers, nodeWorkers)
	if err != nil {
		return fmt.Errorf("node controller: %w", err)
	}
	life, err := lifecyclecontroller.NewCloudNodeLifecycleController(f.Core().V1().Nodes(), nc, p, monitorPeriod)
	if err != nil {
		return fmt.Errorf("node lifecycle controller: %w", err)
	}
	go services.Run(ctx, serviceWorkers, metrics)
	go nodes.Run(ctx.Done(), metrics)
	go life.Run(ctx, metrics)
	f.Start(ctx.Done())
	return nil
}
