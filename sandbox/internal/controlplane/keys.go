package controlplane

import (
	"os"
	"path/filepath"

	clientcmdv1 "k8s.io/client-go/tools/clientcmd/api/v1"
	"sigs.k8s.io/yaml"

	"tradewind.dev/sandbox/internal/addons"
	"tradewind.dev/sandbox/internal/pki"
)

const admins = "system:masters"

// makeKeys prepares the folder: the CAs and the token key are kept, all certificates are made anew, because
// addresses may have changed.
func (p *plane) makeKeys() error {
	s := p.spec
	keys, err := pki.Create(filepath.Join(s.Dir, "pki"))
	if err != nil {
		return err
	}
	p.keys = keys
	server, err := pki.APIServer(s.ServiceCIDR, []string{s.PrivateIP, s.EndpointIP}, s.DNSName)
	if err != nil {
		return err
	}
	issued := []struct {
		by   *pki.Authority
		name string
		sub  pki.Subject
	}{
		{keys.CA, "apiserver", server},
		{keys.CA, "kubelet-client", pki.Subject{CommonName: "kube-apiserver-kubelet-client", Groups: []string{admins}}},
		{keys.CA, "metrics", pki.Subject{CommonName: "metrics-server", Server: true, DNS: []string{addons.MetricsService + "." + addons.Namespace + ".svc"}}},
		{keys.Front, "front-proxy-client", pki.Subject{CommonName: "front-proxy-client"}},
	}
	for _, i := range issued {
		if err := i.by.IssueFiles(keys.Dir, i.name, i.sub); err != nil {
			return err
		}
	}
	own := "https://127.0.0.1:443"
	configs := []struct {
		file, server string
		sub          pki.Subject
	}{
		{"admin.kubeconfig", "https://" + s.PrivateIP + ":443", pki.Subject{CommonName: "admin", Groups: []string{admins}}},
		{"controller-manager.kubeconfig", own, pki.Subject{CommonName: "system:kube-controller-manager"}},
		{"scheduler.kubeconfig", own, pki.Subject{CommonName: "system:kube-scheduler"}},
		{"cloud-controller.kubeconfig", own, pki.Subject{CommonName: "tradewind:cloud-controller", Groups: []string{admins}}},
	}
	for _, c := range configs {
		if err := keys.WriteKubeconfig(filepath.Join(s.Dir, c.file), c.server, s.ID, c.sub); err != nil {
			return err
		}
	}
	return p.writeWebhook()
}

// writeWebhook describes the token webhook in the form the API server reads.
func (p *plane) writeWebhook() error {
	if p.spec.WebhookURL == "" {
		return nil
	}
	b, err := yaml.Marshal(clientcmdv1.Config{
		Kind: "Config", APIVersion: "v1", CurrentContext: "webhook",
		Clusters:  []clientcmdv1.NamedCluster{{Name: "webhook", Cluster: clientcmdv1.Cluster{Server: p.spec.WebhookURL}}},
		AuthInfos: []clientcmdv1.NamedAuthInfo{{Name: "apiserver"}},
		Contexts:  []clientcmdv1.NamedContext{{Name: "webhook", Context: clientcmdv1.Context{Cluster: "webhook", AuthInfo: "apiserver"}}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(p.webhookFile(), b, 0o600)
}

func (p *plane) webhookFile() string { return filepath.Join(p.spec.Dir, "webhook.yaml") }
