package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sysctl prints kernel settings; names may be written with dots or slashes.
func sysctl(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: sysctl name...")
	}
	for _, name := range args {
		b, err := os.ReadFile(filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/")))
		if err != nil {
			return err
		}
		fmt.Printf("%s = %s\n", strings.ReplaceAll(name, "/", "."), strings.TrimSpace(string(b)))
	}
	return nil
}
