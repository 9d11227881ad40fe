package runtime

import (
	"os"
	"path/filepath"
	"strings"
)

// Disk is the machine's own disk as pods see it through hostPath: a folder of the node. Only the folders in
// Own are what they are on the host, for the kubelet's volumes and the cluster's provisioned ones lie there.
type Disk struct {
	Dir string
	Own []string
}

// Path returns where a path of the machine lies on the host.
func (d Disk) Path(p string) string {
	clean := filepath.Clean("/" + p)
	for _, own := range d.Own {
		if clean == own || strings.HasPrefix(clean, own+"/") {
			return clean
		}
	}
	return filepath.Join(d.Dir, clean)
}

// Ensure returns where a path of the machine lies on the host, and makes a folder there when nothing does.
func (d Disk) Ensure(p string) (string, error) {
	at := d.Path(p)
	if _, err := os.Stat(at); !os.IsNotExist(err) {
		return at, err
	}
	return at, os.MkdirAll(at, 0o755)
}
