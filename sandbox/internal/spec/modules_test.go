package spec

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestStagingReplaces compares go.mod with what Kubernetes itself requires: its staging modules come as
// v0.0.0 and every one needs a replace of the same release.
func TestStagingReplaces(t *testing.T) {
	own, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`k8s\.io/kubernetes v1\.(\d+\.\d+)`).FindStringSubmatch(string(own))
	if release == nil {
		t.Fatal("go.mod does not require k8s.io/kubernetes")
	}
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	theirs, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(cache)), "cache/download/k8s.io/kubernetes/@v/v1."+release[1]+".mod"))
	if err != nil {
		t.Skipf("Kubernetes is not in the module cache: %v", err)
	}
	staging := regexp.MustCompile(`(k8s\.io/[a-z-]+) v0\.0\.0\n`).FindAllStringSubmatch(string(theirs), -1)
	if len(staging) < 20 {
		t.Fatalf("only %d staging modules", len(staging))
	}
	for _, m := range staging {
		if want := m[1] + " => " + m[1] + " v0." + release[1]; !strings.Contains(string(own), want+"\n") {
			t.Errorf("go.mod lacks %q", want)
		}
	}
}
