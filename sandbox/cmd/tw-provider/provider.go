package main

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// provider implements the calls terraform makes; the embedded interface stands for the rest
// (functions, ephemeral resources, lists), which the served schema does not offer.
type provider struct {
	tfprotov6.ProviderServer
	name   string
	schema *tfprotov6.GetProviderSchemaResponse
	clouds *clouds

	mu     sync.Mutex
	config any
}

func newProvider(name string, s *schemas, c *clouds) (*provider, error) {
	pb, err := s.Provider.protocol()
	if err != nil {
		return nil, err
	}
	resources, err := protocolSchemas(s.Resources)
	if err != nil {
		return nil, err
	}
	data, err := protocolSchemas(s.Data)
	if err != nil {
		return nil, err
	}
	return &provider{name: name, clouds: c, schema: &tfprotov6.GetProviderSchemaResponse{
		Provider: &tfprotov6.Schema{Block: pb}, ResourceSchemas: resources, DataSourceSchemas: data,
	}}, nil
}

func (p *provider) meta() meta {
	p.mu.Lock()
	defer p.mu.Unlock()
	return meta{Provider: p.name, Caller: p.clouds.caller, Config: p.config, Env: credentials()}
}

func (p *provider) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	m := &tfprotov6.GetMetadataResponse{}
	for _, n := range sortedKeys(p.schema.ResourceSchemas) {
		m.Resources = append(m.Resources, tfprotov6.ResourceMetadata{TypeName: n})
	}
	for _, n := range sortedKeys(p.schema.DataSourceSchemas) {
		m.DataSources = append(m.DataSources, tfprotov6.DataSourceMetadata{TypeName: n})
	}
	return m, nil
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return p.schema, nil
}

func (p *provider) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (p *provider) ValidateProviderConfig(_ context.Context, r *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (p *provider) ConfigureProvider(ctx context.Context, r *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	config, err := decode(p.schema.Provider, r.Config)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.config = config
	p.mu.Unlock()
	a, err := p.clouds.ask(ctx, "configure", map[string]any{"meta": p.meta()})
	if err != nil {
		return &tfprotov6.ConfigureProviderResponse{Diagnostics: unreachable(err)}, nil
	}
	return &tfprotov6.ConfigureProviderResponse{Diagnostics: diagnostics(a.Diagnostics)}, nil
}

func (p *provider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	// Own deadline: the caller's context may be the one that is being cancelled.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := p.clouds.ask(ctx, "stop", map[string]any{"meta": p.meta()}); err != nil {
		return &tfprotov6.StopProviderResponse{Error: err.Error()}, nil
	}
	return &tfprotov6.StopProviderResponse{}, nil
}

func (p *provider) ValidateResourceConfig(ctx context.Context, r *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	config, err := decode(p.schema.ResourceSchemas[r.TypeName], r.Config)
	if err != nil {
		return nil, err
	}
	a, err := p.clouds.ask(ctx, "validate", map[string]any{"meta": p.meta(), "type": r.TypeName, "config": config})
	if err != nil {
		return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: unreachable(err)}, nil
	}
	return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: diagnostics(a.Diagnostics)}, nil
}

func (p *provider) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (p *provider) UpgradeResourceState(_ context.Context, r *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	t := p.schema.ResourceSchemas[r.TypeName].ValueType()
	v, err := r.RawState.UnmarshalWithOpts(t, tfprotov6.UnmarshalOpts{ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true}})
	if err != nil {
		return nil, err
	}
	d, err := tfprotov6.NewDynamicValue(t, v)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &d}, err
}

func (p *provider) ReadResource(ctx context.Context, r *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	s := p.schema.ResourceSchemas[r.TypeName]
	current, err := decode(s, r.CurrentState)
	if err != nil {
		return nil, err
	}
	a, err := p.clouds.ask(ctx, "read", map[string]any{"meta": p.meta(), "type": r.TypeName, "current": current, "private": string(r.Private)})
	if err != nil {
		return &tfprotov6.ReadResourceResponse{NewState: r.CurrentState, Private: r.Private, Diagnostics: unreachable(err)}, nil
	}
	if failed(a) {
		return &tfprotov6.ReadResourceResponse{NewState: r.CurrentState, Private: r.Private, Diagnostics: diagnostics(a.Diagnostics)}, nil
	}
	d, err := encode(s, a.State)
	return &tfprotov6.ReadResourceResponse{NewState: d, Private: r.Private, Diagnostics: diagnostics(a.Diagnostics)}, err
}

func (p *provider) PlanResourceChange(ctx context.Context, r *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	s := p.schema.ResourceSchemas[r.TypeName]
	body := map[string]any{"meta": p.meta(), "type": r.TypeName}
	for key, dv := range map[string]*tfprotov6.DynamicValue{"prior": r.PriorState, "config": r.Config, "proposed": r.ProposedNewState} {
		v, err := decode(s, dv)
		if err != nil {
			return nil, err
		}
		body[key] = v
	}
	a, err := p.clouds.ask(ctx, "plan", body)
	if err != nil {
		return &tfprotov6.PlanResourceChangeResponse{PlannedState: r.ProposedNewState, Diagnostics: unreachable(err)}, nil
	}
	d, err := encode(s, a.Planned)
	if err != nil {
		return nil, err
	}
	res := &tfprotov6.PlanResourceChangeResponse{
		PlannedState: d, PlannedPrivate: r.PriorPrivate, Diagnostics: diagnostics(a.Diagnostics), UnsafeToUseLegacyTypeSystem: true,
	}
	for _, path := range a.RequiresReplace {
		res.RequiresReplace = append(res.RequiresReplace, attributePath(path))
	}
	return res, nil
}

func (p *provider) ApplyResourceChange(ctx context.Context, r *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	s := p.schema.ResourceSchemas[r.TypeName]
	body := map[string]any{"meta": p.meta(), "type": r.TypeName}
	for key, dv := range map[string]*tfprotov6.DynamicValue{"prior": r.PriorState, "config": r.Config, "planned": r.PlannedState} {
		v, err := decode(s, dv)
		if err != nil {
			return nil, err
		}
		body[key] = v
	}
	// The server cancels ctx on StopProvider; what a stopped create leaves is for the clouds to say.
	a, err := p.clouds.ask(context.WithoutCancel(ctx), "apply", body)
	if err != nil {
		return &tfprotov6.ApplyResourceChangeResponse{NewState: r.PriorState, Diagnostics: unreachable(err), UnsafeToUseLegacyTypeSystem: true}, nil
	}
	d, err := encode(s, a.State)
	return &tfprotov6.ApplyResourceChangeResponse{
		NewState: d, Private: r.PlannedPrivate, Diagnostics: diagnostics(a.Diagnostics), UnsafeToUseLegacyTypeSystem: true,
	}, err
}

func (p *provider) ImportResourceState(ctx context.Context, r *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	a, err := p.clouds.ask(ctx, "import", map[string]any{"meta": p.meta(), "type": r.TypeName, "id": r.ID})
	if err != nil {
		return &tfprotov6.ImportResourceStateResponse{Diagnostics: unreachable(err)}, nil
	}
	res := &tfprotov6.ImportResourceStateResponse{Diagnostics: diagnostics(a.Diagnostics)}
	for _, i := range a.Imported {
		d, err := encode(p.schema.ResourceSchemas[i.Type], i.State)
		if err != nil {
			return nil, err
		}
		res.ImportedResources = append(res.ImportedResources, &tfprotov6.ImportedResource{TypeName: i.Type, State: d})
	}
	return res, nil
}

func (p *provider) ReadDataSource(ctx context.Context, r *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	s := p.schema.DataSourceSchemas[r.TypeName]
	config, err := decode(s, r.Config)
	if err != nil {
		return nil, err
	}
	a, err := p.clouds.ask(ctx, "data", map[string]any{"meta": p.meta(), "type": r.TypeName, "config": config})
	if err != nil {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: unreachable(err)}, nil
	}
	if failed(a) {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: diagnostics(a.Diagnostics)}, nil
	}
	d, err := encode(s, a.State)
	return &tfprotov6.ReadDataSourceResponse{State: d, Diagnostics: diagnostics(a.Diagnostics)}, err
}

func decode(s *tfprotov6.Schema, d *tfprotov6.DynamicValue) (any, error) {
	if d == nil {
		return nil, nil
	}
	v, err := d.Unmarshal(s.ValueType())
	if err != nil {
		return nil, err
	}
	return toJSON(v)
}

func encode(s *tfprotov6.Schema, j any) (*tfprotov6.DynamicValue, error) {
	t := s.ValueType()
	v, err := fromJSON(t, j)
	if err != nil {
		return nil, err
	}
	d, err := tfprotov6.NewDynamicValue(t, v)
	return &d, err
}

func failed(a *answer) bool {
	for _, d := range a.Diagnostics {
		if d.Severity != "warning" {
			return true
		}
	}
	return false
}

func diagnostics(in []diagnostic) []*tfprotov6.Diagnostic {
	out := make([]*tfprotov6.Diagnostic, 0, len(in))
	for _, d := range in {
		severity := tfprotov6.DiagnosticSeverityError
		if d.Severity == "warning" {
			severity = tfprotov6.DiagnosticSeverityWarning
		}
		pd := &tfprotov6.Diagnostic{Severity: severity, Summary: d.Summary, Detail: d.Detail}
		if d.Path != "" {
			pd.Attribute = attributePath(d.Path)
		}
		out = append(out, pd)
	}
	return out
}

// attributePath reads "default_node_pool.0.vm_size".
func attributePath(path string) *tftypes.AttributePath {
	p := tftypes.NewAttributePath()
	for _, step := range strings.Split(path, ".") {
		if n, err := strconv.Atoi(step); err == nil {
			p = p.WithElementKeyInt(n)
		} else {
			p = p.WithAttributeName(step)
		}
	}
	return p
}
