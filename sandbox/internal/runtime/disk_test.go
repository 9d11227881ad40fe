package runtime

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDiskKeepsPodsOffTheHost(t *testing.T) {
	d := Disk{Dir: "/n/disk", Own: []string{"/n/kubelet", "/c/volumes"}}
	for in, want := range map[string]string{
		"/etc": "/n/disk/etc", "/": "/n/disk", "/root/.ssh": "/n/disk/root/.ssh", "/n/kubelet/pods/1": "/n/kubelet/pods/1",
		"/n/kubelet/../../etc": "/n/disk/etc", "/n/kubelet-evil": "/n/disk/n/kubelet-evil", "/c/volumes/pvc-1": "/c/volumes/pvc-1", "relative": "/n/disk/relative",
	} {
		if got := d.Path(in); got != want {
			t.Errorf("Path(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestDiskMakesFolders(t *testing.T) {
	d := Disk{Dir: t.TempDir()}
	at, err := d.Ensure("/var/lib/x")
	if err != nil || at != filepath.Join(d.Dir, "var/lib/x") {
		t.Fatal(at, err)
	}
	if st, err := os.Stat(at); err != nil || !st.IsDir() {
		t.Error(err)
	}
}
