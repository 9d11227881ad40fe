package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is one self-contained document: no other request but those of its own script to this server.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; style-src 'nonce-"+nonce+
		"'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, map[string]any{
		"Nonce": nonce, "Cluster": s.cfg.Cluster, "Region": s.cfg.Region, "Version": s.cfg.Version, "Pod": s.cfg.Pod,
		"State": s.cfg.StateMode, "MaxValue": maxValue, "Look": s.cfg.Variant.look, "News": s.cfg.Variant.news,
	})
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(out.Bytes())
}
