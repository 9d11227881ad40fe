package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"text/template"
	"time"

	proxyapp "k8s.io/kubernetes/cmd/kube-proxy/app"

	"tradewind.dev/sandbox/internal/spec"
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
		"--healthz-bind-address=" + m.proxyHealth(),
		"--metrics-bind-address=127.0.0.1:10249",
		"--conntrack-max-per-core=0",
		"--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0s",
		"--conntrack-tcp-timeout-close-wait=0s",
	})
	return c.Execute()
}

func (m *machine) proxyHealth() string { return m.spec.IP + ":10256" }

// awaitServices calls ready once kube-proxy has set its rules for the first time.
func (m *machine) awaitServices(ctx context.Context, ready func()) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if synced(ctx, "http://"+m.proxyHealth()+"/livez") {
				ready()
				return
			}
		}
	}
}

// synced asks kube-proxy: its status names an address family from the first time on that the family's rules are set.
func synced(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return false
	}
	defer r.Body.Close()
	var health struct {
		Status map[string]any `json:"status"`
	}
	return json.NewDecoder(r.Body).Decode(&health) == nil && len(health.Status) > 0
}

// rules give pods the node's address when they speak to anything outside the pod range, because only the
// cluster's machines know the way back to pods. They also keep on the node what kube-proxy has not translated:
// once such a packet is tracked, its connection is never translated, and hangs. Lost, it is sent again.
// Declared first, so that the delete cannot fail.
var rules = template.Must(template.New("rules").Parse(`
table ip tradewind
delete table ip tradewind
table ip tradewind {
	chain untranslated {
		ct state new ip daddr {{ .ServiceCIDR }} drop
	}
	chain forward {
		type filter hook forward priority 10; policy accept;
		jump untranslated
	}
	chain output {
		type filter hook output priority 10; policy accept;
		jump untranslated
	}
	chain postrouting {
		type nat hook postrouting priority 90; policy accept;
		ip saddr {{ .PodCIDR }} ip daddr != {{ .PodCIDR }} oifname != "cbr0" masquerade
	}
}
`))

func setRules(ctx context.Context, s *spec.Node) error {
	var in bytes.Buffer
	if err := rules.Execute(&in, s); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
