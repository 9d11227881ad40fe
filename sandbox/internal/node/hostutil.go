package node

import (
	"k8s.io/kubernetes/pkg/volume/util/hostutil"

	"tradewind.dev/sandbox/internal/runtime"
)

// hostUtil answers the kubelet's questions about hostPath from the machine's own disk. A path that is asked
// for comes into being as a folder: the kubelet would otherwise make it on the host itself.
type hostUtil struct {
	hostutil.HostUtils
	disk runtime.Disk
}

func (h hostUtil) PathExists(p string) (bool, error) {
	at, err := h.disk.Ensure(p)
	if err != nil {
		return false, err
	}
	return h.HostUtils.PathExists(at)
}

func (h hostUtil) GetFileType(p string) (hostutil.FileType, error) {
	return h.HostUtils.GetFileType(h.disk.Path(p))
}
