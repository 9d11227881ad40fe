package main

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// unknownKey marks a value that is known only after apply: {"$unknown": true}.
const unknownKey = "$unknown"

// toJSON turns a terraform value into plain JSON data.
func toJSON(v tftypes.Value) (any, error) {
	if !v.IsKnown() {
		return map[string]any{unknownKey: true}, nil
	}
	if v.IsNull() {
		return nil, nil
	}
	switch t := v.Type(); {
	case t.Is(tftypes.String):
		var s string
		return s, v.As(&s)
	case t.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case t.Is(tftypes.Number):
		f := new(big.Float)
		if err := v.As(&f); err != nil {
			return nil, err
		}
		return json.Number(f.Text('g', -1)), nil
	case t.Is(tftypes.List{}), t.Is(tftypes.Set{}), t.Is(tftypes.Tuple{}):
		return listToJSON(v)
	case t.Is(tftypes.Map{}), t.Is(tftypes.Object{}):
		return mapToJSON(v)
	default:
		return nil, fmt.Errorf("no JSON form for %s", t)
	}
}

func listToJSON(v tftypes.Value) (any, error) {
	items := []tftypes.Value{}
	if err := v.As(&items); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(items))
	for _, item := range items {
		j, err := toJSON(item)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

func mapToJSON(v tftypes.Value) (any, error) {
	items := map[string]tftypes.Value{}
	if err := v.As(&items); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(items))
	for k, item := range items {
		j, err := toJSON(item)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = j
	}
	return out, nil
}

// fromJSON is the way back; missing members of an object are null.
func fromJSON(t tftypes.Type, j any) (tftypes.Value, error) {
	if j == nil {
		return tftypes.NewValue(t, nil), nil
	}
	if m, ok := j.(map[string]any); ok && m[unknownKey] == true {
		return tftypes.NewValue(t, tftypes.UnknownValue), nil
	}
	switch tt := t.(type) {
	case tftypes.List:
		return itemsFromJSON(t, tt.ElementType, j)
	case tftypes.Set:
		return itemsFromJSON(t, tt.ElementType, j)
	case tftypes.Map:
		return mapFromJSON(t, j, func(string) tftypes.Type { return tt.ElementType })
	case tftypes.Object:
		return objectFromJSON(tt, j)
	}
	return primitiveFromJSON(t, j)
}

func primitiveFromJSON(t tftypes.Type, j any) (tftypes.Value, error) {
	switch x := j.(type) {
	case string:
		if t.Is(tftypes.String) {
			return tftypes.NewValue(t, x), nil
		}
	case bool:
		if t.Is(tftypes.Bool) {
			return tftypes.NewValue(t, x), nil
		}
	case json.Number:
		if t.Is(tftypes.Number) {
			f, _, err := big.ParseFloat(x.String(), 10, 512, big.ToNearestEven)
			return tftypes.NewValue(t, f), err
		}
	}
	return tftypes.Value{}, fmt.Errorf("%T does not fit %s", j, t)
}

func itemsFromJSON(t, element tftypes.Type, j any) (tftypes.Value, error) {
	list, ok := j.([]any)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("%T does not fit %s", j, t)
	}
	out := make([]tftypes.Value, 0, len(list))
	for i, item := range list {
		v, err := fromJSON(element, item)
		if err != nil {
			return v, fmt.Errorf("[%d]: %w", i, err)
		}
		out = append(out, v)
	}
	return tftypes.NewValue(t, out), nil
}

func mapFromJSON(t tftypes.Type, j any, element func(string) tftypes.Type) (tftypes.Value, error) {
	m, ok := j.(map[string]any)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("%T does not fit %s", j, t)
	}
	out := map[string]tftypes.Value{}
	for k, item := range m {
		v, err := fromJSON(element(k), item)
		if err != nil {
			return v, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = v
	}
	return tftypes.NewValue(t, out), nil
}

func objectFromJSON(t tftypes.Object, j any) (tftypes.Value, error) {
	m, ok := j.(map[string]any)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("%T does not fit %s", j, t)
	}
	full := map[string]any{}
	for k := range t.AttributeTypes {
		full[k] = m[k]
	}
	for k := range m {
		if _, ok := t.AttributeTypes[k]; !ok {
			return tftypes.Value{}, fmt.Errorf("%s: not in the schema", k)
		}
	}
	return mapFromJSON(t, full, func(k string) tftypes.Type { return t.AttributeTypes[k] })
}
