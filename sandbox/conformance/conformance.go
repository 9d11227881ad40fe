// Package conformance pins what `make conformance` builds: Kubernetes' own end-to-end suite and the
// binary of its agnhost image, both from the k8s.io/kubernetes module.
package conformance

import _ "k8s.io/kubernetes/test/e2e"
