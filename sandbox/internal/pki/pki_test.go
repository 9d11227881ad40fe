package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func parse(t *testing.T, b []byte) *x509.Certificate {
	t.Helper()
	p, _ := pem.Decode(b)
	if p == nil {
		t.Fatal("no PEM")
	}
	c, err := x509.ParseCertificate(p.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func store(t *testing.T) *Store {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "pki"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAPIServerNames(t *testing.T) {
	s := store(t)
	sub, err := APIServer("10.250.0.0/16", []string{"10.10.255.10", "198.18.1.10", ""}, "abc.gr7.sa-east-1.eks.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	crt, _, err := s.CA.Issue(sub)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CAPEM())
	for _, name := range []string{"abc.gr7.sa-east-1.eks.amazonaws.com", "kubernetes.default.svc", "10.250.0.1", "10.10.255.10", "198.18.1.10", "127.0.0.1"} {
		if _, err := parse(t, crt).Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"198.18.1.11", "evil.example"} {
		if _, err := parse(t, crt).Verify(x509.VerifyOptions{DNSName: name, Roots: pool}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestClientCertificateCannotServe(t *testing.T) {
	s := store(t)
	crt, _, err := s.CA.Issue(Subject{CommonName: "system:node:n1", Groups: []string{"system:nodes"}, DNS: []string{"n1"}})
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, crt)
	pool := x509.NewCertPool()
	pool.AddCert(s.CA.Cert)
	if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("a client's certificate serves")
	}
	if c.Subject.Organization[0] != "system:nodes" {
		t.Errorf("groups = %v", c.Subject.Organization)
	}
}

func TestRestartKeepsIdentities(t *testing.T) {
	s := store(t)
	again, err := Create(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.CAPEM(), again.CAPEM()) {
		t.Error("the CA changed")
	}
	opened, err := Open(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.CA.IssueFiles(s.Dir, "kubelet", Subject{CommonName: "n", Server: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(s.File("kubelet.crt"), s.File("kubelet.key")); err != nil {
		t.Error(err)
	}
}

func TestInterruptedStartIsCompleted(t *testing.T) {
	s := store(t)
	// Killed between key and certificate: the key alone must not stop the next start.
	if err := os.Remove(s.File("ca.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(s.Dir); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedKeyIsAnError(t *testing.T) {
	s := store(t)
	if err := os.WriteFile(s.File("ca.key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(s.Dir); err == nil {
		t.Error("a damaged CA was replaced or accepted")
	}
}

func TestKubeconfig(t *testing.T) {
	s := store(t)
	f := filepath.Join(s.Dir, "admin.kubeconfig")
	if err := s.WriteKubeconfig(f, "https://10.0.0.1:443", "c1", Subject{CommonName: "admin", Groups: []string{"system:masters"}}); err != nil {
		t.Fatal(err)
	}
	c, err := clientcmd.BuildConfigFromFlags("", f)
	if err != nil {
		t.Fatal(err)
	}
	if c.Host != "https://10.0.0.1:443" || !bytes.Equal(c.CAData, s.CAPEM()) {
		t.Errorf("host = %q", c.Host)
	}
	if _, err := tls.X509KeyPair(c.CertData, c.KeyData); err != nil {
		t.Error(err)
	}
	if st, _ := os.Stat(f); st.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v", st.Mode())
	}
}
