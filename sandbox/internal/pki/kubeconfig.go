package pki

import (
	"encoding/json"

	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
)

// Kubeconfig renders a kubeconfig with everything inline: server, CA and a client certificate.
func (s *Store) Kubeconfig(server, cluster string, sub Subject) ([]byte, error) {
	cert, key, err := s.CA.Issue(sub)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(clientcmdv1.Config{
		Kind: "Config", APIVersion: "v1", CurrentContext: cluster,
		Clusters: []clientcmdv1.NamedCluster{{Name: cluster, Cluster: clientcmdv1.Cluster{
			Server: server, CertificateAuthorityData: s.CAPEM()}}},
		AuthInfos: []clientcmdv1.NamedAuthInfo{{Name: sub.CommonName, AuthInfo: clientcmdv1.AuthInfo{
			ClientCertificateData: cert, ClientKeyData: key}}},
		Contexts: []clientcmdv1.NamedContext{{Name: cluster, Context: clientcmdv1.Context{
			Cluster: cluster, AuthInfo: sub.CommonName}}},
	}, "", "  ")
}

// WriteKubeconfig renders a kubeconfig into a file only its owner reads.
func (s *Store) WriteKubeconfig(path, server, cluster string, sub Subject) error {
	b, err := s.Kubeconfig(server, cluster, sub)
	if err != nil {
		return err
	}
	return write(path, b, 0o600)
}
