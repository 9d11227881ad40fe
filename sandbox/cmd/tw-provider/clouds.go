package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// credentialVars are the variables a real provider reads; nothing else of the environment is sent.
var credentialVars = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION",
	"ARM_CLIENT_ID", "ARM_CLIENT_SECRET", "ARM_TENANT_ID", "ARM_SUBSCRIPTION_ID", "ARM_USE_OIDC",
	"GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_PROJECT", "GOOGLE_REGION",
}

// clouds speaks to the clouds process: one POST per question, no time-out of its own (an apply
// lasts as long as the cloud takes).
type clouds struct {
	socket string
	caller string
	http   *http.Client
}

func newClouds(socket string) *clouds {
	id := make([]byte, 12)
	_, _ = rand.Read(id)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &clouds{socket: socket, caller: hex.EncodeToString(id), http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// meta tells the clouds who asks: sent with every question, so that the clouds keep no session.
type meta struct {
	Provider string            `json:"provider"`
	Caller   string            `json:"caller"`
	Config   any               `json:"config"`
	Env      map[string]string `json:"env"`
}

func credentials() map[string]string {
	out := map[string]string{}
	for _, name := range credentialVars {
		if v, ok := os.LookupEnv(name); ok {
			out[name] = v
		}
	}
	return out
}

// diagnostic is the clouds' error or warning; path addresses an attribute ("a.0.b").
type diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Path     string `json:"path"`
}

type answer struct {
	State           any             `json:"state"`
	Planned         any             `json:"planned"`
	RequiresReplace []string        `json:"requiresReplace"`
	Private         string          `json:"private"`
	Imported        []importedState `json:"imported"`
	Diagnostics     []diagnostic    `json:"diagnostics"`
}

type importedState struct {
	Type  string `json:"type"`
	State any    `json:"state"`
}

// ask posts body to /provider/<verb>. A failure to reach or understand the clouds is an error of
// the sandbox itself (TW9012).
func (c *clouds) ask(ctx context.Context, verb string, body any) (*answer, error) {
	if c.socket == "" {
		return nil, fmt.Errorf("TW_CLOUDS_SOCKET is not set")
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://clouds/provider/"+verb, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("content-type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	d := json.NewDecoder(res.Body)
	d.UseNumber()
	out := &answer{}
	if err := d.Decode(out); err != nil {
		return nil, fmt.Errorf("answer %s: %w", res.Status, err)
	}
	if res.StatusCode != http.StatusOK && len(out.Diagnostics) == 0 {
		return nil, fmt.Errorf("answer %s", res.Status)
	}
	return out, nil
}

func unreachable(err error) []*tfprotov6.Diagnostic {
	return []*tfprotov6.Diagnostic{{
		Severity: tfprotov6.DiagnosticSeverityError,
		Summary:  "TW9012 the sandbox's clouds do not answer",
		Detail:   strings.TrimSpace(err.Error()) + "\n\nStart them with: tw sandbox up",
	}}
}
