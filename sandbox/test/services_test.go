//go:build integration

package test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

const noisy = `
apiVersion: v1
kind: Pod
metadata: {name: noisy}
spec:
  nodeName: n2
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: tools
    ports: [{containerPort: 8080, hostPort: 9080}]
    command: [sh, -c, "for i in 1 2 3 4; do head -c 6000000 /dev/zero | tr '\\0' x | fold -w 100; echo; done; while :; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo alive; done"]
---
apiVersion: v1
kind: Pod
metadata: {name: onhost}
spec:
  nodeName: n2
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: tools, command: [sh, -c, "hostname; sleep 100000"]}]
`

// measured: kubectl top works, and a busy container shows as such.
func measured(r *rig) {
	r.apply(noisy)
	took := r.until("node figures", 40*time.Second, r.wants("n2", "top", "nodes", "--no-headers"))
	r.t.Logf("figures of the nodes after %s", took.Round(time.Second))
	r.until("a busy pod", 60*time.Second, func() error {
		out, err := r.kubectl("top", "pods", "noisy", "--no-headers")
		if err != nil {
			return err
		}
		var name string
		var millicores int
		if _, err := fmt.Sscanf(out, "%s %dm", &name, &millicores); err != nil || millicores < 100 {
			return fmt.Errorf("%d of 1000 in %s", millicores, out)
		}
		return nil
	})
	if out := r.k("top", "pods", "tools", "--no-headers"); !strings.Contains(out, "Mi") {
		r.t.Error(out)
	}
	if out := r.k("get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "jsonpath={.status.conditions[0].status}"); out != "True" {
		r.t.Error(out)
	}
}

// rotated: the kubelet moves a log of more than 10 MiB away, and the reader sees the newest lines.
func rotated(r *rig) {
	r.until("a rotated log", 60*time.Second, func() error {
		old, err := filepath.Glob(filepath.Join(r.clusterDir(), "nodes/n2/pod-logs/default_noisy_*/c/0.log.*"))
		if err != nil || len(old) == 0 {
			return errors.Join(err, errors.New("one log file"))
		}
		return nil
	})
	r.until("new lines", 10*time.Second, func() error {
		if out := r.k("logs", "noisy", "--tail=1"); strings.TrimSpace(out) != "alive" {
			return fmt.Errorf("%.100q", out)
		}
		return nil
	})
}

// onMachine: a host port leads to the pod from outside, and a pod on the machine's network has its name.
func onMachine(r *rig) {
	if out := r.k("logs", "onhost"); strings.TrimSpace(out) != "n2" {
		r.t.Error(out)
	}
	if out, err := r.in("n2", "nft", "list", "table", "ip", "tradewind_hostports"); err != nil || !strings.Contains(out, "dport 9080 dnat to") {
		r.t.Errorf("%s %v", out, err)
	}
	r.k("delete", "pod", "noisy", "onhost", "--wait=true")
	r.until("the port closed", 10*time.Second, func() error {
		if out, err := r.in("n2", "nft", "list", "table", "ip", "tradewind_hostports"); err == nil {
			return errors.New(out)
		}
		return nil
	})
}

// caller connects to a Service the moment its program starts. A minute is six tries of TCP.
const caller = `
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  nodeName: n1
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: tools, command: [timeout, "60", bash, -c, "exec 3<>/dev/tcp/%s && echo connected"]}]
  restartPolicy: Never
`

// early puts a pod on a node that does not run yet, and counts at the region's router what goes to the Service range.
func early(r *rig) {
	r.until("the default ServiceAccount", 30*time.Second, func() error {
		_, err := r.kubectl("get", "serviceaccount", "default")
		return err
	})
	r.apply(fmt.Sprintf(caller, "early", "10.30.0.1/443"))
	r.write("stray.nft", `table ip stray { chain pre { type filter hook prerouting priority -400; ip daddr 10.30.0.0/16 counter; }; }`)
	if out, err := r.in(region, "nft", "-f", r.path("stray.nft")); err != nil {
		r.t.Fatalf("%s %v", out, err)
	}
}

// strayed complains when a packet to a Service has left its node: nobody answers it, and the connection stays as it is.
func strayed(r *rig) {
	r.t.Helper()
	if out, err := r.in(region, "nft", "list", "table", "ip", "stray"); err != nil || !strings.Contains(out, "packets 0 ") {
		r.t.Errorf("packets to Services at the router: %s %v", out, err)
	}
}

func firstConnection(r *rig) {
	r.until("the pod's answer", 70*time.Second, r.wants("connected", "logs", "early"))
	strayed(r)
	r.k("delete", "pod", "early", "--now")
}

// connectionFirst creates the Service that a pod is connecting to already.
func connectionFirst(r *rig) {
	r.apply(fmt.Sprintf(caller, "eager", "10.30.77.77/6379"))
	r.until("the pod", 20*time.Second, r.wants("Running", "get", "pod", "eager"))
	r.apply(`
apiVersion: v1
kind: Service
metadata: {name: late}
spec: {clusterIP: 10.30.77.77, selector: {app: redis}, ports: [{port: 6379}]}
`)
	r.until("the pod's answer", 70*time.Second, r.wants("connected", "logs", "eager"))
	strayed(r)
	r.k("delete", "pod/eager", "service/late", "--now")
}
