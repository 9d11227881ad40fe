// Package volumes provisions the claims of the default storage class as directories, bound to the zone of
// the pod that asked first, as a cloud's disks are.
package volumes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	zoneLabel     = "topology.kubernetes.io/zone"
	selectedNode  = "volume.kubernetes.io/selected-node"
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	retryPause    = 500 * time.Millisecond
)

type provisioner struct {
	name   string
	dir    string
	client kubernetes.Interface
	claims cache.Indexer
	vols   cache.Indexer
	queue  workqueue.TypedRateLimitingInterface[string]
}

// Start provisions claims whose class names the provisioner, into folders of dir, until ctx ends.
func Start(ctx context.Context, cfg *rest.Config, name, dir string) error {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	p := &provisioner{name: name, dir: dir, client: client,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](retryPause, 30*time.Second))}
	f := informers.NewSharedInformerFactory(client, time.Minute)
	claims, vols := f.Core().V1().PersistentVolumeClaims().Informer(), f.Core().V1().PersistentVolumes().Informer()
	p.claims, p.vols = claims.GetIndexer(), vols.GetIndexer()
	for prefix, inf := range map[string]cache.SharedIndexInformer{"claim:": claims, "volume:": vols} {
		add := func(o any) {
			if key, err := cache.MetaNamespaceKeyFunc(o); err == nil {
				p.queue.Add(prefix + key)
			}
		}
		_, err := inf.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, o any) { add(o) }})
		if err != nil {
			return err
		}
	}
	f.Start(ctx.Done())
	go func() {
		<-ctx.Done()
		p.queue.ShutDown()
	}()
	go p.work(ctx)
	return nil
}

func (p *provisioner) work(ctx context.Context) {
	for {
		key, stop := p.queue.Get()
		if stop {
			return
		}
		if err := p.handle(ctx, key); err != nil {
			klog.Errorf("volumes: %s: %v", key, err)
			p.queue.AddRateLimited(key)
		} else {
			p.queue.Forget(key)
		}
		p.queue.Done(key)
	}
}

func (p *provisioner) handle(ctx context.Context, key string) error {
	kind, name, _ := strings.Cut(key, ":")
	index := p.vols
	if kind == "claim" {
		index = p.claims
	}
	o, ok, err := index.GetByKey(name)
	if err != nil || !ok {
		return err
	}
	switch o := o.(type) {
	case *v1.PersistentVolumeClaim:
		return p.provision(ctx, o)
	case *v1.PersistentVolume:
		return p.reclaim(ctx, o)
	}
	return nil
}

// provision makes the volume of a claim. The controller manager asks for it by annotation, after the
// scheduler has chosen a node when the class waits for the first consumer.
func (p *provisioner) provision(ctx context.Context, c *v1.PersistentVolumeClaim) error {
	if c.Spec.VolumeName != "" || c.DeletionTimestamp != nil || c.Annotations["volume.kubernetes.io/storage-provisioner"] != p.name {
		return nil
	}
	class, err := p.class(ctx, c)
	if err != nil || class == nil {
		return err
	}
	node := c.Annotations[selectedNode]
	waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	if waits && node == "" {
		return nil
	}
	zone, err := p.zone(ctx, node)
	if err != nil {
		return err
	}
	name := "pvc-" + string(c.UID)
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o777); err != nil { // the process' umask does not apply to disks
		return err
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, volume(name, path, p.name, zone, c, class), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (p *provisioner) class(ctx context.Context, c *v1.PersistentVolumeClaim) (*storagev1.StorageClass, error) {
	if c.Spec.StorageClassName == nil {
		return nil, nil
	}
	class, err := p.client.StorageV1().StorageClasses().Get(ctx, *c.Spec.StorageClassName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if class.Provisioner != p.name {
		return nil, nil
	}
	return class, nil
}

// zone is where the chosen node stands; without a node any zone will do.
func (p *provisioner) zone(ctx context.Context, node string) (string, error) {
	if node == "" {
		return "", nil
	}
	n, err := p.client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("chosen node: %w", err)
	}
	return n.Labels[zoneLabel], nil
}

func volume(name, path, provisioner, zone string, c *v1.PersistentVolumeClaim, class *storagev1.StorageClass) *v1.PersistentVolume {
	policy := v1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	kind := v1.HostPathDirectory
	pv := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: provisioner}},
		Spec: v1.PersistentVolumeSpec{
			Capacity:                      v1.ResourceList{v1.ResourceStorage: c.Spec.Resources.Requests[v1.ResourceStorage]},
			AccessModes:                   c.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: policy,
			StorageClassName:              class.Name,
			VolumeMode:                    c.Spec.VolumeMode,
			ClaimRef: &v1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: c.Namespace,
				Name: c.Name, UID: c.UID, ResourceVersion: c.ResourceVersion},
			PersistentVolumeSource: v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: path, Type: &kind}},
		},
	}
	if zone != "" {
		pv.Labels = map[string]string{zoneLabel: zone}
		pv.Spec.NodeAffinity = &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
			MatchExpressions: []v1.NodeSelectorRequirement{{Key: zoneLabel, Operator: v1.NodeSelectorOpIn, Values: []string{zone}}}}}}}
	}
	return pv
}

// reclaim deletes the folder and the object of a released volume.
func (p *provisioner) reclaim(ctx context.Context, pv *v1.PersistentVolume) error {
	if pv.Annotations[provisionedBy] != p.name || pv.Status.Phase != v1.VolumeReleased ||
		pv.Spec.PersistentVolumeReclaimPolicy != v1.PersistentVolumeReclaimDelete {
		return nil
	}
	// The name, not the path of the object, says what is deleted: an edited path must not reach other files.
	if err := os.RemoveAll(filepath.Join(p.dir, filepath.Base(pv.Name))); err != nil {
		return err
	}
	err := p.client.CoreV1().PersistentVolumes().Delete(ctx, pv.Name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
