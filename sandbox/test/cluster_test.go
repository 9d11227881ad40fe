//go:build integration

package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const workloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: redis}
spec:
  replicas: 2
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec:
      terminationGracePeriodSeconds: 2
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: redis}}}]
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 600}
      containers:
      - {name: redis, image: "redis:7.4", readinessProbe: {exec: {command: [redis-cli, ping]}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: redis}
spec: {selector: {app: redis}, ports: [{port: 6379}]}
---
apiVersion: v1
kind: Pod
metadata: {name: tools}
spec:
  terminationGracePeriodSeconds: 1
  nodeName: n1
  containers:
  - {name: c, image: tools, command: [sh, -c, "echo started; echo to-stderr >&2; sleep 100000"], volumeMounts: [{name: host, mountPath: /host}]}
  volumes: [{name: host, hostPath: {path: /root, type: Directory}}]
`

// TestCluster walks through the life of a cluster; the steps build on each other.
func TestCluster(t *testing.T) {
	r := newRig(t)
	for _, s := range []struct {
		name string
		run  func(*rig)
	}{
		{"control plane", controlPlane}, {"token webhook", tokenWebhook}, {"pods before the nodes", early}, {"nodes", nodes}, {"first connection", firstConnection}, {"cluster DNS", clusterDNS}, {"workloads", deploy}, {"services and names", services}, {"connection before the Service", connectionFirst},
		{"logs, exec, port-forward", streams}, {"images", images}, {"isolation", isolation}, {"root in a pod", confined}, {"users and memory", usersAndMemory},
		{"load balancer", loadBalancer}, {"metrics", measured}, {"log rotation", rotated}, {"host port and network", onMachine}, {"volumes", volumes}, {"control plane killed", controlPlaneKilled}, {"node killed", nodeKilled}, {"all killed", allKilled},
	} {
		ok := t.Run(s.name, func(st *testing.T) {
			r.t = st
			s.run(r)
		})
		r.t = t
		if !ok {
			t.FailNow()
		}
	}
}

func readyFile(r *rig) func() error {
	return func() error {
		b, err := os.ReadFile(filepath.Join(r.clusterDir(), "ready.json"))
		if err != nil {
			return err
		}
		var v struct {
			CA      []byte `json:"ca"`
			Version string `json:"version"`
		}
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		if !bytes.Contains(v.CA, []byte("BEGIN CERTIFICATE")) || !strings.HasPrefix(v.Version, "v1.36.") {
			return fmt.Errorf("ready.json: %s", b)
		}
		return nil
	}
}

func controlPlane(r *rig) {
	r.boot("control-plane", "cp")
	took := r.until("ready.json", time.Minute, readyFile(r))
	r.t.Logf("control plane start to ready: %s", took.Round(10*time.Millisecond))
	if out := r.k("get", "--raw", "/version"); !strings.Contains(out, `"gitVersion": "v1.36.`) {
		r.t.Error(out)
	}
	if out, err := r.in("operator", "kubectl", "--kubeconfig", filepath.Join(r.clusterDir(), "admin.kubeconfig"), "--server", "https://198.18.1.10:443", "get", "ns"); err != nil {
		r.t.Errorf("public endpoint: %s", out)
	}
}

// reviewer answers TokenReviews as the clouds do, and counts them.
const reviewer = `
import http.server, json, sys
n = 0
class H(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global n
        n += 1
        q = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ok = self.path.split("?")[0] == "/webhook/aws-demo-sao" and q["spec"]["token"] == "k8s-aws-v1.good"
        q["status"] = {"authenticated": ok, "user": {"username": "deployer", "groups": ["system:masters"]} if ok else {}}
        b = json.dumps(q).encode()
        self.send_response(200); self.send_header("Content-Type", "application/json"); self.send_header("Content-Length", str(len(b))); self.end_headers(); self.wfile.write(b)
        print(q["apiVersion"], n, ok, flush=True)
    def log_message(self, *a): pass
http.server.HTTPServer(("198.19.0.10", 80), H).serve_forever()
`

func tokenWebhook(r *rig) {
	r.write("reviewer.py", reviewer)
	r.start("reviewer", filepath.Join(r.bin, "tw-net"), "enter", "--dir", r.dir, "clouds", "--", "python3", r.path("reviewer.py"))
	defer r.kill("reviewer")
	who := func(token string) (string, error) {
		return r.in("operator", "curl", "-sS", "--cacert", filepath.Join(r.clusterDir(), "pki", "ca.crt"), "-H", "Authorization: Bearer "+token,
			"--resolve", "abc.gr7.sa-east-1.eks.amazonaws.com:443:198.18.1.10", "https://abc.gr7.sa-east-1.eks.amazonaws.com/api/v1/namespaces/kube-system")
	}
	r.until("a good token enters", 15*time.Second, func() error {
		if out, err := who("k8s-aws-v1.good"); err != nil || !strings.Contains(out, `"kind": "Namespace"`) {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	for range 5 {
		if out, _ := who("k8s-aws-v1.good"); !strings.Contains(out, `"kind": "Namespace"`) {
			r.t.Error(out)
		}
	}
	if out, _ := who("k8s-aws-v1.bad"); !strings.Contains(out, `"code": 401`) {
		r.t.Errorf("a bad token: %s", out)
	}
	b, err := os.ReadFile(r.path("log/reviewer.log"))
	r.must(err)
	if n := strings.Count(string(b), "True"); n != 1 || !strings.Contains(string(b), "authentication.k8s.io/v1 ") {
		r.t.Errorf("%d reviews of the good token within the cache's 10 s: %s", n, b)
	}
}

func nodes(r *rig) {
	r.boot("node", "n1")
	r.boot("node", "n2")
	took := r.until("two nodes Ready", 30*time.Second, func() error {
		if out, _ := r.kubectl("get", "nodes"); strings.Count(out, " Ready ") != 2 {
			return errors.New(out)
		}
		return nil
	})
	r.t.Logf("two nodes start to Ready: %s", took.Round(10*time.Millisecond))
	out := r.k("get", "node", "n1", "-o", "jsonpath={.spec.providerID} {.spec.taints} {.status.addresses} {.metadata.labels} {.status.capacity}")
	for _, want := range []string{"aws:///sa-east-1a/i-n1", `"InternalIP"`, "10.10.0.11", `"topology.kubernetes.io/zone":"sa-east-1a"`,
		`"node.kubernetes.io/instance-type":"t3.medium"`, `"pool":"a"`, `"memory":"4Gi"`, `"cpu":"2"`} {
		if !strings.Contains(out, want) {
			r.t.Errorf("node lacks %s: %s", want, out)
		}
	}
	r.until("no taints", 10*time.Second, func() error {
		if out := r.k("get", "nodes", "-o", "jsonpath={.items[*].spec.taints}"); out != "" {
			return errors.New(out)
		}
		return nil
	})
}

func clusterDNS(r *rig) {
	took := r.until("CoreDNS", 40*time.Second, r.wants("2/2", "-n", "kube-system", "get", "deploy", "coredns"))
	r.t.Logf("CoreDNS Ready after the nodes: %s", took.Round(10*time.Millisecond))
	if out := r.k("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns", "-o", "jsonpath={.items[*].spec.nodeName}"); !strings.Contains(out, "n1") || !strings.Contains(out, "n2") {
		r.t.Errorf("the DNS servers run on %s", out)
	}
}

func deploy(r *rig) {
	start := time.Now()
	r.apply(workloads)
	r.until("tools Running", 20*time.Second, r.wants("Running", "get", "pod", "tools"))
	r.t.Logf("apply to Running: %s", time.Since(start).Round(10*time.Millisecond))
	r.until("redis", 30*time.Second, r.wants("2/2", "get", "deploy", "redis"))
}

func services(r *rig) {
	ip := r.k("get", "svc", "redis", "-o", "jsonpath={.spec.clusterIP}")
	// kube-proxy takes up to a second after the endpoints are there.
	r.until("ClusterIP", 10*time.Second, r.wants("PONG", "exec", "tools", "--", "redis-cli", "-h", ip, "ping"))
	if out := r.k("exec", "tools", "--", "getent", "hosts", "redis.default.svc.cluster.local"); !strings.Contains(out, ip) {
		r.t.Error(out)
	}
	for pod := range strings.FieldsSeq(r.k("get", "pods", "-l", "app=redis", "-o", "jsonpath={.items[*].status.podIP}")) {
		if out := r.k("exec", "tools", "--", "redis-cli", "-h", pod, "ping"); !strings.Contains(out, "PONG") {
			r.t.Errorf("pod %s: %s", pod, out)
		}
	}
	token := `curl -sS --cacert $D/ca.crt -H "Authorization: Bearer $(cat $D/token)" https://kubernetes.default.svc/api`
	if out := r.k("exec", "tools", "--", "sh", "-c", "D=/var/run/secrets/kubernetes.io/serviceaccount; "+token); !strings.Contains(out, "APIVersions") {
		r.t.Error(out)
	}
	// The control plane itself reaches pods: proxies, webhooks and aggregated APIs need that.
	for dns := range strings.FieldsSeq(r.k("-n", "kube-system", "get", "pod", "-l", "k8s-app=kube-dns", "-o", "jsonpath={.items[*].metadata.name}")) {
		if out := r.k("get", "--raw", "/api/v1/namespaces/kube-system/pods/"+dns+":8080/proxy/health"); out != "OK" {
			r.t.Errorf("proxy to a pod: %q", out)
		}
	}
}

func streams(r *rig) {
	r.until("logs", 5*time.Second, func() error {
		if out := r.k("logs", "tools"); out != "started\nto-stderr\n" && out != "to-stderr\nstarted\n" {
			return errors.New(out)
		}
		return nil
	})
	_, err := r.kubectl("exec", "tools", "--", "sh", "-c", "exit 7")
	var ee *exec.ExitError
	if !errors.As(err, &ee) || ee.ExitCode() != 7 {
		r.t.Errorf("exit code: %v", err)
	}
	cfg := filepath.Join(r.clusterDir(), "admin.kubeconfig")
	if out, err := r.in("cp", "sh", "-c", "echo words | kubectl --kubeconfig "+cfg+" exec -i tools -- cat"); err != nil || !strings.Contains(out, "words") {
		r.t.Errorf("stdin: %s %v", out, err)
	}
	forward := "kubectl --kubeconfig " + cfg + " port-forward deploy/redis 16379:6379 >/dev/null & p=$!; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; redis-cli -p 16379 ping && break; done; kill $p"
	if out, err := r.in("cp", "sh", "-c", forward); err != nil || !strings.Contains(out, "PONG") {
		r.t.Errorf("port-forward: %s %v", out, err)
	}
}

func images(r *rig) {
	r.k("run", "typo", "--image=redsi:7")
	r.until("nearest name", 20*time.Second, r.wants("docker.io/library/redis", "get", "events", "--field-selector", "involvedObject.name=typo"))
	r.k("run", "locked", "--image=registry.tradewind.example/private:1")
	r.until("401", 20*time.Second, r.wants("401 Unauthorized", "get", "events", "--field-selector", "involvedObject.name=locked"))
	r.k("create", "secret", "docker-registry", "pull", "--docker-server=registry.tradewind.example", "--docker-username=u", "--docker-password=p")
	r.k("run", "unlocked", "--image=registry.tradewind.example/private:1", `--overrides={"spec":{"imagePullSecrets":[{"name":"pull"}]}}`)
	r.until("unlocked", 20*time.Second, r.wants("Running", "get", "pod", "unlocked"))
	r.k("delete", "pod", "typo", "locked", "unlocked", "--now")
}

func isolation(r *rig) {
	if out := r.k("exec", "tools", "--", "cat", "/opt/greeting"); out != "hello from a recipe" {
		r.t.Errorf("recipe file: %q", out)
	}
	look := fmt.Sprintf("ls -d %s %s /etc/shadow; ls /root /home /host; cat /proc/1/comm; env | cut -d= -f1 | grep -vE '^(REDIS|KUBERNETES|PATH|HOME|HOSTNAME|PWD|TW_SANDBOX)'; touch /opt/greeting", r.dir, "/root/.cache")
	out, _ := r.kubectl("exec", "tools", "--", "sh", "-c", look)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		known := strings.Contains(line, "No such file") || strings.Contains(line, "Read-only") || strings.HasPrefix(line, "/root:") || strings.HasPrefix(line, "/home:") || strings.HasPrefix(line, "/host:") ||
			line == "" || line == "sh" || strings.HasPrefix(line, "command terminated")
		if !known {
			r.t.Errorf("a pod sees %q", line)
		}
	}
}

// confined checks that root in a pod is not root of the host.
func confined(r *rig) {
	out, err := r.kubectl("exec", "tools", "--", "sh", "-c", "grep CapEff /proc/1/status /proc/self/status; mount -t tmpfs x /mnt; mknod /tmp/sda b 8 0; echo 1 > /proc/sys/kernel/panic")
	if err == nil {
		r.t.Error("the last of these was possible")
	}
	for _, want := range []string{"/proc/1/status:CapEff:\t00000000a00425fb", "/proc/self/status:CapEff:\t00000000a00425fb", "/mnt: permission denied",
		"Operation not permitted", "cannot create /proc/sys/kernel/panic: Read-only"} {
		if !strings.Contains(out, want) {
			r.t.Errorf("lacks %q: %s", want, out)
		}
	}
}

func usersAndMemory(r *rig) {
	r.apply(`
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsUser: 1000, fsGroup: 2000, runAsNonRoot: true}
  containers:
  - {name: c, image: tools, command: [sh, -c, "id -u; id -G; touch /v/x && echo wrote; grep CapEff /proc/self/status; python3 -c 'import socket; socket.create_server((\"\",53)); print(53)'; sleep 1000"], volumeMounts: [{name: v, mountPath: /v}]}
  volumes: [{name: v, emptyDir: {}}]
---
apiVersion: v1
kind: Pod
metadata: {name: hungry}
spec:
  restartPolicy: Never
  containers:
  - {name: c, image: tools, command: [python3, -c, "x=[]\nimport time\nwhile 1: x.append(bytearray(8<<20)); time.sleep(.02)"], resources: {limits: {memory: 64Mi}}}
`)
	r.until("user", 20*time.Second, r.wants("1000\n0 2000\nwrote\nCapEff:\t0000000000000000\n53\n", "logs", "plain"))
	r.until("OOM", 20*time.Second, r.wants("OOMKilled", "get", "pod", "hungry"))
	if out := r.k("get", "pod", "hungry", "-o", "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"); out != "137" {
		r.t.Errorf("exit code %s", out)
	}
	r.k("delete", "pod", "plain", "hungry", "--now")
}
