import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from '@cdktn/hcl2json';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterOutput, ModuleName, Outputs } from './model.ts';
import { envelopeOf, fill, mainFile, rootsOf, VARIABLE_SOURCES, varsIn, waitsFor } from './roots.ts';
import { MODULES, threeClouds } from './testing/lab.ts';
import { terraformBinary } from './testing/terraform.ts';

const output = (ip: string): ClusterOutput => ({
  name: 'x',
  endpoint: 'https://x',
  ca: null,
  issuer: 'i',
  network: 'n',
  auth: { kind: 'gke', name: 'x', project: 'p', location: 'l' },
  nameserver: { ip, ref: 'r' },
});
const all: Outputs = { sao: output('192.0.2.1'), mtl: output('192.0.2.2'), syd: output('192.0.2.3') };
const config = threeClouds();
const roots = rootsOf(config);
const zone = roots.find((r) => r.id === 'zone:shop.example');
if (zone === undefined) throw new Error('no zone');

describe('graph', () => {
  it('has one root per built cluster, then the zone that needs their nameservers', () => {
    expect(roots.map((r) => [r.id, r.module, r.needs.map((n) => n.root)])).toEqual([
      ['cluster:sao', 'aws-eks', []],
      ['cluster:mtl', 'azure-aks', []],
      ['cluster:syd', 'gcp-gke', []],
      ['zone:shop.example', 'dns-route53', ['cluster:sao', 'cluster:mtl', 'cluster:syd']],
    ]);
  });
  it('has no root for a cluster that others built', () => {
    const c = threeClouds({
      clusters: {
        old: { cloud: 'existing', region: 'home', location: { lat: 0, lon: 0 } },
        sao: { cloud: 'aws', region: 'sa-east-1' },
      },
    });
    expect(rootsOf(c).map((r) => r.id)).toEqual(['cluster:sao', 'zone:shop.example']);
  });
  it('keeps to the chosen clusters, and the zone still knows them all', () => {
    const some = rootsOf(config, ['syd']);
    expect(some.map((r) => r.id)).toEqual(['cluster:syd', 'zone:shop.example']);
    expect(some[1]?.needs).toHaveLength(3);
  });
  it('waits only for what this plan builds', () => {
    const ids = roots.map((r) => r.id);
    expect(waitsFor(zone, {}, ids)).toEqual(['cluster:sao', 'cluster:mtl', 'cluster:syd']);
    expect(waitsFor(zone, { sao: all['sao'] as ClusterOutput }, ['cluster:syd', zone.id])).toEqual(['cluster:syd']);
    expect(waitsFor(zone, all, ids)).toEqual([]);
    expect(fill(zone, all).vars['nameservers']).toEqual({ sao: '192.0.2.1', mtl: '192.0.2.2', syd: '192.0.2.3' });
  });
  it('announces exact addresses of the zone', () => {
    expect(envelopeOf(zone).allow.map((a) => a.address)).toEqual([
      'module.this.aws_route53_zone.this',
      'module.this.aws_route53_record.nameserver["sao"]',
      'module.this.aws_route53_record.nameserver["mtl"]',
      'module.this.aws_route53_record.nameserver["syd"]',
      'module.this.aws_route53_record.host["web.shop.example"]',
    ]);
  });
});

describe('main.tf.json', () => {
  it('has the same bytes for the same root, whatever the order of its variables', () => {
    const [sao] = roots;
    if (sao === undefined) throw new Error('no root');
    const turned = { ...sao, vars: Object.fromEntries(Object.entries(sao.vars).reverse()) };
    expect(mainFile(turned)).toBe(mainFile(sao));
  });
  it('gives back the variables it was made of, whatever they hold', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('domain', 'hosts'),
          fc.oneof(fc.string(), fc.constantFrom('${a}', '$${a}', '%{if}', '$$'), fc.array(fc.string()), fc.integer()),
        ),
        (vars) => {
          expect(varsIn(mainFile({ ...zone, vars }))).toEqual(vars);
        },
      ),
    );
  });
  it('takes no value for a template', () => {
    const text = mainFile({
      ...zone,
      vars: { domain: '${file("/etc/passwd")} %{ if true }', nested: [{ k: '${x}' }] },
    });
    expect(JSON.parse(text)).toMatchObject({
      module: { this: { domain: '$${file("/etc/passwd")} %%{ if true }', nested: [{ k: '$${x}' }] } },
    });
  });
});

const NAMES = readdirSync(MODULES) as ModuleName[];
describe('modules', () => {
  it.each(NAMES)('%s: every variable comes from the config, and every value has a variable', async (name) => {
    const file = readFileSync(join(MODULES, name, 'variables.tf'), 'utf8');
    const hcl = (await parse('variables.tf', file)) as {
      variable: Record<string, { description: string; default?: unknown }[]>;
    };
    const declared = Object.keys(hcl.variable).sort();
    expect(declared).toEqual(Object.keys(VARIABLE_SOURCES[name]).sort());
    const root = fill(roots.find((r) => r.module === name) ?? zone, all);
    expect(Object.keys(root.vars).sort()).toEqual(declared);
    for (const [variable, [v]] of Object.entries(hcl.variable)) expect(v?.description, variable).toMatch(/\.$/);
  });
  it('name every provider with a floor and a ceiling, and set no secret', async () => {
    for (const name of NAMES) {
      const text = readFileSync(join(MODULES, name, 'versions.tf'), 'utf8');
      expect(text).toMatch(/version = ">= \d+\.\d+, < \d+"/);
      expect(text).not.toMatch(/secret|password|token/i);
    }
  });
  it.runIf(terraformBinary())('are formatted', () => {
    const env = { PATH: process.env['PATH'], TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1' };
    expect(
      execFileSync(terraformBinary() ?? '', ['fmt', '-check', '-recursive', MODULES], { env, encoding: 'utf8' }),
    ).toBe('');
  });
});
