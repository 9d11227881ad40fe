package node

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"text/template"

	proxyapp "k8s.io/kubernetes/cmd/kube-proxy/app"
)

// runProxy runs kube-proxy in nftables mode. Conntrack settings stay untouched: the node may not own them.
func (m *machine) runProxy() error {
	c := proxyapp.NewProxyCommand()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs([]string{
		"--kubeconfig=" + m.kubeconfig,
		"--proxy-mode=nftables",
		"--hostname-override=" + m.spec.Name,
		"--cluster-cidr=" + m.spec.PodCIDR,
		"--nodeport-addresses=primary",
		"--healthz-bind-address=" + m.spec.IP + ":10256",
		"--metrics-bind-address=127.0.0.1:10249",
		"--conntrack-max-per-core=0",
		"--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0s",
		"--conntrack-tcp-timeout-close-wait=0s",
	})
	return c.Execute()
}

// rules give pods the node's address when they speak to anything outside the pod range, because only the
// cluster's machines know the way back to pods. Declared first, so that the delete cannot fail.
var rules = template.Must(template.New("rules").Parse(`
table ip tradewind
delete table ip tradewind
table ip tradewind {
	chain postrouting {
		type nat hook postrouting priority 90; policy accept;
		ip saddr {{ . }} ip daddr != {{ . }} oifname != "cbr0" masquerade
	}
}
`))

func masquerade(ctx context.Context, podCIDR string) error {
	var in bytes.Buffer
	if err := rules.Execute(&in, podCIDR); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
