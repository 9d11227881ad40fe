package metrics

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	registry "k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"tradewind.dev/sandbox/internal/pki"
)

type podList []*metav1.PartialObjectMetadata

func (l podList) List(namespace string, s labels.Selector) ([]*metav1.PartialObjectMetadata, error) {
	var out []*metav1.PartialObjectMetadata
	for _, p := range l {
		if (namespace == "" || p.Namespace == namespace) && s.Matches(labels.Set(p.Labels)) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (l podList) Get(namespace, name string) *metav1.PartialObjectMetadata {
	for _, p := range l {
		if p.Namespace == namespace && p.Name == name {
			return p
		}
	}
	return nil
}

func nodeLister(t *testing.T, nodes ...*v1.Node) corelisters.NodeLister {
	t.Helper()
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, n := range nodes {
		if err := store.Add(n); err != nil {
			t.Fatal(err)
		}
	}
	return corelisters.NewNodeLister(store)
}

func node(name, ip string) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: v1.NodeStatus{Addresses: []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: ip}}}}
}

func keys(t *testing.T) *pki.Store {
	t.Helper()
	k, err := pki.Create(filepath.Join(t.TempDir(), "pki"))
	if err != nil {
		t.Fatal(err)
	}
	local := []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, e := range []error{
		k.CA.IssueFiles(k.Dir, "server", pki.Subject{CommonName: "server", Server: true, IPs: local}),
		k.CA.IssueFiles(k.Dir, "client", pki.Subject{CommonName: "client"}),
		k.Front.IssueFiles(k.Dir, "front", pki.Subject{CommonName: "front-proxy-client"}),
	} {
		if e != nil {
			t.Fatal(e)
		}
	}
	return k
}

// known has a window with one busy pod on one node.
func known() *Window {
	w := NewWindow()
	cpu, mem := point(0, 0, 1<<20)
	n := statsapi.NodeStats{StartTime: metav1.NewTime(at(-500)), CPU: cpu, Memory: mem}
	w.Add("n1", summary(n, container("c", -50, 0, 0, 1<<20)))
	cpu, mem = point(10, 5000, 2<<20)
	n.CPU, n.Memory = cpu, mem
	w.Add("n1", summary(n, container("c", -50, 10, 2500, 3<<20)))
	return w
}

type caller struct {
	t    *testing.T
	base string
	http *http.Client
}

func (c caller) get(path, user, accept string) (int, string) {
	c.t.Helper()
	q, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	q.Header.Set("X-Remote-User", user)
	q.Header.Set("Accept", accept)
	a, err := c.http.Do(q)
	if err != nil {
		c.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

func started(t *testing.T) (front, stranger caller) {
	t.Helper()
	k := keys(t)
	reviews := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var r authorizationv1.SubjectAccessReview
		if err := json.NewDecoder(q.Body).Decode(&r); err != nil || !strings.HasSuffix(q.URL.Path, "/subjectaccessreviews") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Status.Allowed = r.Spec.User == "alice"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(r)
	}))
	t.Cleanup(reviews.Close)
	cfg := &rest.Config{Host: reviews.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := known()
	pod := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "app", Name: "web", Labels: map[string]string{"app": "web"}}}
	s, err := newServer(cfg, client, Options{IP: "127.0.0.1", Cert: k.File("server.crt"), Key: k.File("server.key"), FrontCA: k.File("front-proxy-ca.crt")},
		map[string]registry.Storage{"nodes": &nodes{nodeLister(t, node("n1", "10.0.0.1")), w}, "pods": &pods{podList{pod}, w}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.PrepareRun().RunWithContext(ctx) }()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(k.CAPEM())
	as := func(name string) caller {
		pair, err := tls.LoadX509KeyPair(k.File(name+".crt"), k.File(name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return caller{t, "https://" + s.ExternalAddress, &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}}}}}
	}
	return as("front"), as("client")
}

func TestAPI(t *testing.T) {
	front, stranger := started(t)
	const pods, json_ = "/apis/metrics.k8s.io/v1beta1/namespaces/app/pods", "application/json"
	var list v1beta1.PodMetricsList
	code, body := front.get(pods+"?labelSelector=app%3Dweb", "alice", json_)
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != 200 || len(list.Items) != 1 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	c := list.Items[0].Containers[0]
	if c.Name != "c" || c.Usage.Cpu().String() != "250m" || c.Usage.Memory().String() != "3Mi" || list.Items[0].Window.Duration != 10*time.Second {
		t.Errorf("%s", body)
	}
	for _, x := range []struct {
		who          caller
		path, user   string
		accept, want string
		code         int
	}{
		{front, pods + "?labelSelector=app%3Dother", "alice", json_, `"items":[]`, 200},
		{front, pods + "/web", "alice", json_, `"kind":"PodMetrics"`, 200},
		{front, pods + "/none", "alice", json_, `"reason":"NotFound"`, 404},
		{front, "/apis/metrics.k8s.io/v1beta1/nodes", "alice", json_, `"cpu":"500m","memory":"2Mi"`, 200},
		{front, "/apis/metrics.k8s.io/v1beta1/nodes/n1", "alice", json_, `"name":"n1"`, 200},
		{front, "/apis/metrics.k8s.io/v1beta1/nodes/n2", "alice", json_, `"reason":"NotFound"`, 404},
		{front, "/apis/metrics.k8s.io/v1beta1/nodes", "alice", json_ + ";as=Table;v=v1;g=meta.k8s.io", `"cells":["n1","500m","2Mi","10s"]`, 200},
		{front, "/apis/metrics.k8s.io/v1beta1", "alice", json_, `"kind":"NodeMetrics"`, 200},
		{front, pods, "mallory", json_, "forbidden", 403},
		{stranger, pods, "alice", json_, "Unauthorized", 401},
	} {
		if code, body := x.who.get(x.path, x.user, x.accept); code != x.code || !strings.Contains(body, x.want) {
			t.Errorf("%s as %s: %d %s, want %d %s", x.path, x.user, code, body, x.code, x.want)
		}
	}
}

func TestScrape(t *testing.T) {
	k := keys(t)
	answers := 0
	kubelet := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.String() != "/stats/summary?only_cpu_and_memory=true" || q.TLS.PeerCertificates[0].Subject.CommonName != "client" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		answers++
		_ = json.NewEncoder(w).Encode(summary(statsapi.NodeStats{}, container("c", 0, 8, 2000, 1)))
	}))
	pair, err := tls.LoadX509KeyPair(k.File("server.crt"), k.File("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(k.CA.Cert)
	kubelet.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	kubelet.StartTLS()
	defer kubelet.Close()
	_, port, err := net.SplitHostPort(kubelet.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err := Keys{Cert: k.File("client.crt"), Key: k.File("client.key"), CA: k.File("ca.crt")}.client()
	if err != nil {
		t.Fatal(err)
	}
	w := known()
	// One node answers, one has no address, one is dead: the others' figures come all the same.
	s := &Scraper{Nodes: nodeLister(t, node("up", "127.0.0.1"), node("new", ""), node("n1", "127.0.0.2")), Window: w, Client: client, Port: port, silent: map[string]bool{}}
	s.round(t.Context())
	if got := w.Pod(web)["c"].NanoCores; answers != 1 || got != 250_000_000 {
		t.Errorf("%d answers, %d", answers, got)
	}
	if !s.silent["new"] || !s.silent["n1"] || s.silent["up"] {
		t.Errorf("silent: %v", s.silent)
	}
}
