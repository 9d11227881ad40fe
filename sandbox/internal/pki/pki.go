// Package pki makes and keeps the keys of one simulated cluster: a CA for clients and servers, a second
// CA for the aggregation layer, and the key pair that signs service account tokens.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	caName      = "ca"
	frontName   = "front-proxy-ca"
	tokenName   = "sa"
	lifetime    = 5 * 365 * 24 * time.Hour
	clockMargin = time.Hour
)

// Authority is a CA with its key.
type Authority struct {
	Cert *x509.Certificate
	key  crypto.Signer
}

// Subject says who a certificate speaks for and where a server answers.
type Subject struct {
	CommonName string
	Groups     []string
	DNS        []string
	IPs        []net.IP
	Server     bool
}

// Store is the folder of a cluster's keys.
type Store struct {
	Dir   string
	CA    *Authority
	Front *Authority
}

// File returns the path of a file of the store, e.g. File("ca.crt").
func (s *Store) File(name string) string { return filepath.Join(s.Dir, name) }

// CAPEM returns the cluster CA's certificate in PEM.
func (s *Store) CAPEM() []byte { return encodeCert(s.CA.Cert.Raw) }

// Create opens the folder and makes whatever is missing in it, so that a restart keeps all identities.
func Create(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	s := &Store{Dir: dir}
	var err error
	if s.CA, err = s.authority(caName, "tradewind-sandbox"); err != nil {
		return nil, err
	}
	if s.Front, err = s.authority(frontName, "tradewind-front-proxy"); err != nil {
		return nil, err
	}
	return s, s.tokenKeys()
}

// Open reads the CA of an existing folder, as a node does that signs its own certificate.
func Open(dir string) (*Store, error) {
	s := &Store{Dir: dir}
	a, err := load(s.File(caName+".crt"), s.File(caName+".key"))
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	s.CA = a
	return s, nil
}

func (s *Store) authority(name, cn string) (*Authority, error) {
	crt, key := s.File(name+".crt"), s.File(name+".key")
	if a, err := load(crt, key); err == nil {
		return a, nil
	} else if !os.IsNotExist(err) {
		return nil, fmt.Errorf("pki: %w", err)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := template(cn)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
	if err != nil {
		return nil, fmt.Errorf("pki: %s: %w", name, err)
	}
	// The certificate goes last: a folder that has it is whole.
	if err := writeKey(key, k); err != nil {
		return nil, err
	}
	if err := write(crt, encodeCert(der), 0o644); err != nil {
		return nil, err
	}
	return load(crt, key)
}

// tokenKeys makes the RSA pair that signs service account tokens; OIDC verifiers expect RS256.
func (s *Store) tokenKeys() error {
	priv, pub := s.File(tokenName+".key"), s.File(tokenName+".pub")
	if _, err := os.Stat(pub); err == nil {
		return nil
	}
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	if err := writeKey(priv, k); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return err
	}
	return write(pub, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

// Issue signs a new key pair and returns both parts in PEM.
func (a *Authority) Issue(sub Subject) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t, err := template(sub.CommonName)
	if err != nil {
		return nil, nil, err
	}
	t.Subject.Organization = sub.Groups
	t.DNSNames, t.IPAddresses = sub.DNS, sub.IPs
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if sub.Server {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.Cert, k.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: %s: %w", sub.CommonName, err)
	}
	kb, err := encodeKey(k)
	return encodeCert(der), kb, err
}

// IssueFiles signs a key pair into <name>.crt and <name>.key of folder dir.
func (a *Authority) IssueFiles(dir, name string, sub Subject) error {
	c, k, err := a.Issue(sub)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, name+".key"), k, 0o600); err != nil {
		return err
	}
	return write(filepath.Join(dir, name+".crt"), c, 0o644)
}

func template(cn string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: cn},
		NotBefore:    now.Add(-clockMargin),
		NotAfter:     now.Add(lifetime),
	}, nil
}

func load(crt, key string) (*Authority, error) {
	cb, err := os.ReadFile(crt)
	if err != nil {
		return nil, err
	}
	kb, err := os.ReadFile(key)
	if err != nil {
		return nil, err
	}
	c, k := firstBlock(cb), firstBlock(kb)
	if c == nil || k == nil {
		return nil, fmt.Errorf("%s or its key is not PEM", crt)
	}
	cert, err := x509.ParseCertificate(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", crt, err)
	}
	priv, err := x509.ParsePKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	signer, ok := priv.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s cannot sign", key)
	}
	return &Authority{Cert: cert, key: signer}, nil
}

func firstBlock(b []byte) []byte {
	if p, _ := pem.Decode(b); p != nil {
		return p.Bytes
	}
	return nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(k crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func writeKey(path string, k crypto.Signer) error {
	b, err := encodeKey(k)
	if err != nil {
		return err
	}
	return write(path, b, 0o600)
}

// write replaces a file as a whole, so that a kill leaves the old or the new one.
func write(path string, b []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, b, mode); err != nil {
		return fmt.Errorf("pki: %w", err)
	}
	return os.Rename(tmp, path)
}
