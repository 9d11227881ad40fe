package volumes

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

const name = "sandbox.example/dir"

func setUp(t *testing.T) *provisioner {
	t.Helper()
	waits := storagev1.VolumeBindingWaitForFirstConsumer
	return &provisioner{name: name, dir: t.TempDir(), client: fake.NewSimpleClientset(
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "standard"}, Provisioner: name, VolumeBindingMode: &waits},
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Provisioner: "else"},
		&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{zoneLabel: "z1"}}},
	)}
}

func claim(class string, annotations map[string]string) *v1.PersistentVolumeClaim {
	return &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "d", Name: "data", UID: "7", Annotations: annotations},
		Spec: v1.PersistentVolumeClaimSpec{StorageClassName: &class, AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
			Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}}},
	}
}

func asked(node string) map[string]string {
	a := map[string]string{"volume.kubernetes.io/storage-provisioner": name}
	if node != "" {
		a[selectedNode] = node
	}
	return a
}

func volumesOf(t *testing.T, p *provisioner) []v1.PersistentVolume {
	t.Helper()
	l, err := p.client.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l.Items
}

func TestWaitsForTheScheduler(t *testing.T) {
	p := setUp(t)
	for _, c := range []*v1.PersistentVolumeClaim{claim("standard", asked("")), claim("standard", nil), claim("other", asked("n1"))} {
		if err := p.provision(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(volumesOf(t, p)); n != 0 {
		t.Errorf("%d volumes", n)
	}
}

func TestProvisionAndReclaim(t *testing.T) {
	p := setUp(t)
	c := claim("standard", asked("n1"))
	for range 2 { // the second time is a retry
		if err := p.provision(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	vols := volumesOf(t, p)
	if len(vols) != 1 {
		t.Fatalf("%d volumes", len(vols))
	}
	pv := vols[0]
	term := pv.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0]
	if term.Key != zoneLabel || term.Values[0] != "z1" || pv.Spec.ClaimRef.UID != "7" {
		t.Errorf("%+v", pv.Spec)
	}
	folder := pv.Spec.HostPath.Path
	if st, err := os.Stat(folder); err != nil || st.Mode().Perm() != 0o777 {
		t.Fatalf("%v %v", st, err)
	}
	if err := p.reclaim(context.Background(), &pv); err != nil {
		t.Fatal(err)
	}
	if len(volumesOf(t, p)) != 1 {
		t.Fatal("a bound volume was deleted")
	}
	pv.Status.Phase = v1.VolumeReleased
	if err := p.reclaim(context.Background(), &pv); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) || len(volumesOf(t, p)) != 0 {
		t.Error("the volume is still there")
	}
}

func TestReclaimKeepsToItsFolder(t *testing.T) {
	p := setUp(t)
	other := filepath.Join(t.TempDir(), "precious")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	pv := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: map[string]string{provisionedBy: name}},
		Spec: v1.PersistentVolumeSpec{PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimDelete,
			PersistentVolumeSource: v1.PersistentVolumeSource{HostPath: &v1.HostPathVolumeSource{Path: other}}},
		Status: v1.PersistentVolumeStatus{Phase: v1.VolumeReleased}}
	if err := p.reclaim(context.Background(), pv); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error("a folder outside was deleted")
	}
}

func TestChosenNodeGone(t *testing.T) {
	p := setUp(t)
	if err := p.provision(context.Background(), claim("standard", asked("n9"))); err == nil {
		t.Error("provisioned for a node that is not there")
	}
}
