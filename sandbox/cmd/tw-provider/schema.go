package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attribute struct {
	Type      json.RawMessage `json:"type"`
	Required  bool            `json:"required"`
	Optional  bool            `json:"optional"`
	Computed  bool            `json:"computed"`
	Sensitive bool            `json:"sensitive"`
}

type nested struct {
	Nesting string `json:"nesting"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
	Block   block  `json:"block"`
}

type block struct {
	Attrs  map[string]attribute `json:"attrs"`
	Blocks map[string]nested    `json:"blocks"`
}

// schemas is the data file: slim schemas of one provider with the flags of its type rules.
type schemas struct {
	Resources map[string]block `json:"resources"`
	Data      map[string]block `json:"data"`
	Provider  block            `json:"provider"`
}

func loadSchemas(file string) (*schemas, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &schemas{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

var nestings = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
}

func (b block) protocol() (*tfprotov6.SchemaBlock, error) {
	out := &tfprotov6.SchemaBlock{}
	for _, name := range sortedKeys(b.Attrs) {
		a := b.Attrs[name]
		t, err := tftypes.ParseJSONType(a.Type)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.Attributes = append(out.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: t, Required: a.Required, Optional: a.Optional, Computed: a.Computed, Sensitive: a.Sensitive,
		})
	}
	for _, name := range sortedKeys(b.Blocks) {
		n := b.Blocks[name]
		inner, err := n.Block.protocol()
		if err != nil {
			return nil, fmt.Errorf("%s.%w", name, err)
		}
		mode, ok := nestings[n.Nesting]
		if !ok {
			return nil, fmt.Errorf("%s: unknown nesting %q", name, n.Nesting)
		}
		nb := &tfprotov6.SchemaNestedBlock{TypeName: name, Block: inner, Nesting: mode}
		if n.Nesting != "single" {
			nb.MinItems, nb.MaxItems = n.Min, n.Max
		}
		out.BlockTypes = append(out.BlockTypes, nb)
	}
	return out, nil
}

func protocolSchemas(in map[string]block) (map[string]*tfprotov6.Schema, error) {
	out := map[string]*tfprotov6.Schema{}
	for name, b := range in {
		pb, err := b.protocol()
		if err != nil {
			return nil, fmt.Errorf("%s.%w", name, err)
		}
		out[name] = &tfprotov6.Schema{Block: pb}
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
