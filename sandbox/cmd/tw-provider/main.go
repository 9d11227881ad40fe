// Command tw-provider answers the terraform plugin protocol (version 6) for the sandbox.
//
// It only translates. The schema is a data file beside the binary (schema.json, written with the
// mirror); every decision (validate, plan, apply, read, import, data, stop) is asked of the clouds
// process as JSON over the Unix socket in TW_CLOUDS_SOCKET. Which provider it plays follows from
// its own name: terraform-provider-aws_v6.66.0 is hashicorp/aws.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

func main() {
	name := flag.String("provider", "", "aws, azurerm or google (default: from the binary's name)")
	schema := flag.String("schema", "", "schema file (default: schema.json beside the binary)")
	flag.Parse()
	if err := run(*name, *schema); err != nil {
		fmt.Fprintln(os.Stderr, "tw-provider:", err)
		os.Exit(1)
	}
}

func run(name, schema string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if name == "" {
		name = nameOf(filepath.Base(self))
	}
	if name == "" {
		return fmt.Errorf("cannot tell the provider from the name %q; use -provider", filepath.Base(self))
	}
	if schema == "" {
		schema = filepath.Join(filepath.Dir(self), "schema.json")
	}
	s, err := loadSchemas(schema)
	if err != nil {
		return err
	}
	p, err := newProvider(name, s, newClouds(os.Getenv("TW_CLOUDS_SOCKET")))
	if err != nil {
		return err
	}
	return tf6server.Serve("registry.terraform.io/hashicorp/"+name, func() tfprotov6.ProviderServer { return p })
}

// nameOf takes "aws" out of "terraform-provider-aws_v6.66.0".
func nameOf(binary string) string {
	rest, ok := strings.CutPrefix(binary, "terraform-provider-")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "_")
	return rest
}
