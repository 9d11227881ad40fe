package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var sample = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
	"s":    tftypes.String,
	"n":    tftypes.Number,
	"b":    tftypes.Bool,
	"tags": tftypes.Map{ElementType: tftypes.String},
	"ids":  tftypes.Set{ElementType: tftypes.String},
	"list": tftypes.List{ElementType: tftypes.Object{AttributeTypes: map[string]tftypes.Type{"x": tftypes.Number}}},
}}

func decodeJSON(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{
		`{"s":"a","n":12345678901234567890,"b":true,"tags":{"k":"v"},"ids":["a","b"],"list":[{"x":0.5},{"x":null}]}`,
		`{"s":null,"n":null,"b":null,"tags":null,"ids":null,"list":null}`,
		`{"s":{"$unknown":true},"n":{"$unknown":true},"b":false,"tags":{"k":{"$unknown":true}},"ids":{"$unknown":true},"list":[{"x":{"$unknown":true}}]}`,
		`null`,
	} {
		v, err := fromJSON(sample, decodeJSON(t, text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		back, err := toJSON(v)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		raw, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		again, err := fromJSON(sample, decodeJSON(t, string(raw)))
		if err != nil || !again.Equal(v) {
			t.Errorf("%s came back as %s (%v)", text, raw, err)
		}
	}
}

func TestMisfits(t *testing.T) {
	for _, text := range []string{`{"s":1}`, `{"ids":"a"}`, `{"list":[{"y":1}]}`, `{"other":1}`, `[]`} {
		if v, err := fromJSON(sample, decodeJSON(t, text)); err == nil {
			t.Errorf("%s was taken as %s", text, v)
		}
	}
}

func TestNameOf(t *testing.T) {
	for in, want := range map[string]string{
		"terraform-provider-aws_v6.66.0":     "aws",
		"terraform-provider-azurerm_v4.73.0": "azurerm",
		"tw-provider":                        "",
	} {
		if got := nameOf(in); got != want {
			t.Errorf("nameOf(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAttributePath(t *testing.T) {
	if got := attributePath("default_node_pool.0.vm_size").String(); got != `AttributeName("default_node_pool").ElementKeyInt(0).AttributeName("vm_size")` {
		t.Error(got)
	}
}
