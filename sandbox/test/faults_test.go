//go:build integration

package test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func loadBalancer(r *rig) {
	r.apply(`
apiVersion: v1
kind: Service
metadata: {name: front, annotations: {"example/ref": "eip-1"}}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: redis}, ports: [{name: redis, port: 6379}]}
---
apiVersion: v1
kind: Service
metadata: {name: refused, annotations: {quota: "x"}}
spec: {type: LoadBalancer, selector: {app: redis}, ports: [{port: 6379}]}
`)
	r.until("ingress", 20*time.Second, r.wants("198.18.1.100", "get", "svc", "front", "-o", "jsonpath={.status.loadBalancer.ingress[0].ip}"))
	b := r.clouds.balancer("front")
	port := b["ports"].([]any)[0].(map[string]any)["nodePort"].(float64)
	health := b["healthCheckNodePort"].(float64)
	if b["localTraffic"] != true || health == 0 || len(b["nodes"].([]any)) != 2 || b["annotations"].(map[string]any)["example/ref"] != "eip-1" {
		r.t.Fatalf("wish: %v", b)
	}
	r.until("refusal in the event", 20*time.Second, r.wants("TooManyLoadBalancers: The maximum has been reached.", "get", "events", "--field-selector", "involvedObject.name=refused"))

	target := func(ip string) map[string]any { return map[string]any{"ip": ip, "port": port} }
	r.ask(map[string]any{"do": "vip", "ip": "198.18.1.100", "region": region, "check": map[string]any{"port": health, "path": "/healthz"},
		"ports": []any{map[string]any{"proto": "tcp", "port": 6379, "targets": []any{target("10.10.0.11"), target("10.10.0.12")}}}})
	r.until("a user's request with the user's address", 20*time.Second, func() error {
		out, err := r.in("users-sao", "redis-cli", "-h", "198.18.1.100", "client", "info")
		if err != nil || !strings.Contains(out, " addr=198.19.101.2:") {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	r.ask(map[string]any{"do": "vipGone", "ip": "198.18.1.100"})
	r.clouds.mu.Lock()
	r.clouds.linger = 2
	r.clouds.mu.Unlock()
	if fin := r.k("get", "svc", "front", "-o", "jsonpath={.metadata.finalizers}"); !strings.Contains(fin, "load-balancer-cleanup") {
		r.t.Errorf("finalizers %s", fin)
	}
	r.k("delete", "svc", "front", "refused", "--timeout=30s")
	if n := r.clouds.count("DELETE"); n < 3 || r.clouds.balancer("front") != nil {
		r.t.Errorf("%d DELETE calls, balancer %v", n, r.clouds.balancer("front"))
	}
}

func volumes(r *rig) {
	r.apply(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: writer}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: tools, command: [sh, -c, "cat /data/x; echo kept > /data/x; sleep 1000"], volumeMounts: [{name: d, mountPath: /data}]}]
  volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]
`)
	r.until("writer", 30*time.Second, r.wants("Running", "get", "pod", "writer"))
	pv := r.k("get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}")
	folder := filepath.Join(r.clusterDir(), "volumes", pv)
	r.until("bytes on disk", 5*time.Second, func() error {
		if b, _ := os.ReadFile(filepath.Join(folder, "x")); string(b) != "kept\n" {
			return fmt.Errorf("%q", b)
		}
		return nil
	})
	if out := r.k("get", "pv", pv, "-o", "jsonpath={.spec.nodeAffinity}"); !strings.Contains(out, "sa-east-1a") {
		r.t.Errorf("zone: %s", out)
	}
	r.k("delete", "pod/writer", "pvc/data", "--timeout=30s")
	r.until("volume gone", 30*time.Second, func() error {
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			return fmt.Errorf("%s is there", folder)
		}
		return nil
	})
}

func controlPlaneKilled(r *rig) {
	before := r.k("get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.uid}")
	ca, err := os.ReadFile(filepath.Join(r.clusterDir(), "pki", "ca.crt"))
	r.must(err)
	r.kill("cp")
	if out, err := r.in("users-sao", "true"); err != nil {
		r.t.Fatalf("%s %v", out, err)
	}
	r.boot("control-plane", "cp")
	// The file of the earlier life is removed at the start; wait for that first.
	time.Sleep(time.Second)
	took := r.until("ready again", time.Minute, readyFile(r))
	r.t.Logf("control plane restart to ready: %s", (took + time.Second).Round(10*time.Millisecond))
	if after := r.k("get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.uid}"); after != before {
		r.t.Errorf("pods before %s, after %s", before, after)
	}
	if again, _ := os.ReadFile(filepath.Join(r.clusterDir(), "pki", "ca.crt")); string(again) != string(ca) {
		r.t.Error("the CA changed")
	}
	r.until("exec works again", 20*time.Second, r.wants("alive", "exec", "tools", "--", "echo", "alive"))
}

func nodeKilled(r *rig) {
	kids := r.children("n1")
	if len(kids) < 4 { // a pause and a program for each of at least two pods
		r.t.Fatalf("node n1 has the children %v", kids)
	}
	r.kill("n1")
	r.until("its containers end", 5*time.Second, gone(kids))
	took := r.until("NotReady", 90*time.Second, r.wants("NotReady", "get", "node", "n1"))
	r.t.Logf("node killed to NotReady: %s", took.Round(time.Second))
	r.boot("node", "n1")
	took = r.until("Ready again", 60*time.Second, func() error {
		out, err := r.kubectl("get", "node", "n1")
		if err != nil || strings.Contains(out, "NotReady") {
			return errors.New(out)
		}
		return nil
	})
	r.t.Logf("node restart to Ready: %s", took.Round(10*time.Millisecond))
	r.until("redis again", 60*time.Second, r.wants("2/2", "get", "deploy", "redis"))
	r.until("the pod of that node again", 60*time.Second, r.wants("alive", "exec", "tools", "--", "echo", "alive"))
	ip := r.k("get", "svc", "redis", "-o", "jsonpath={.spec.clusterIP}")
	r.until("ClusterIP from the restarted node", 10*time.Second, r.wants("PONG", "exec", "tools", "--", "redis-cli", "-h", ip, "ping"))
}

func allKilled(r *rig) {
	kids := append(r.children("n1"), r.children("n2")...)
	for _, n := range []string{"cp", "n1", "n2", "net"} {
		r.kill(n)
	}
	r.until("containers end", 5*time.Second, gone(kids))
	r.until("no process left", 5*time.Second, func() error {
		if left := r.marked(); len(left) > 0 {
			return errors.New(strings.Join(left, "\n"))
		}
		return nil
	})
	b, err := os.ReadFile("/proc/self/mountinfo")
	r.must(err)
	if strings.Contains(string(b), r.dir) {
		r.t.Error("a mount is left on the host")
	}
}
