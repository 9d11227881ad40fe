import { describe, expect, it } from 'vitest';
import { preflight, preflightError } from './preflight.ts';
import { machineType } from './sizes.ts';
import { threeClouds } from './testing/lab.ts';

const codes = (change: Record<string, unknown>): string[] =>
  preflight(threeClouds(change)).map((p) => `${p.code} ${p.where[0]?.path}`);
const sao = (c: Record<string, unknown>): Record<string, unknown> => ({
  clusters: { sao: { cloud: 'aws', region: 'sa-east-1', ...c } },
});

describe('what can be known without a cloud', () => {
  it('says nothing about a good config', () => {
    expect(preflight(threeClouds())).toEqual([]);
    expect(preflightError([])).toBeUndefined();
  });
  it.each([
    [
      'a long name',
      { fleet: 'a-very-long-fleet-name', clusters: { somewhere: { cloud: 'gcp', region: 'us-east1' } } },
      'TW2010 clusters.somewhere',
    ],
    ['nodes too small', sao({ network: { nodes: '10.0.0.0/21' } }), 'TW2011 clusters.sao.network'],
    ['nodes too large', sao({ network: { nodes: '10.0.0.0/15' } }), 'TW2011 clusters.sao.network'],
    [
      'pods inside nodes',
      sao({ network: { nodes: '10.0.0.0/16', pods: '10.0.128.0/17' } }),
      'TW2011 clusters.sao.network',
    ],
    ['no address', sao({ network: { nodes: '10.0.300.0/16' } }), 'TW2011 clusters.sao.network'],
    ['an unknown size', sao({ size: 'xl' }), 'TW2012 clusters.sao.size'],
    ['one zone for EKS', sao({ zones: ['sa-east-1a'] }), 'TW2013 clusters.sao.zones'],
  ])('%s', (_, change, code) => {
    expect(codes(change)).toContain(code);
  });
  it('finds overlaps between clusters, and says all at once', () => {
    const c = threeClouds({
      clusters: {
        a: { cloud: 'aws', region: 'sa-east-1', network: { nodes: '10.1.0.0/16' }, size: 'Xl' },
        b: { cloud: 'gcp', region: 'us-east1', network: { nodes: '10.1.16.0/20' } },
      },
    });
    const error = preflightError(preflight(c));
    expect(error?.code).toBe('TW2012');
    expect(error?.problem.why).toEqual([
      expect.stringContaining('did you mean "l"?') as string,
      expect.stringContaining('nodes of a (10.1.0.0/16) and b (10.1.16.0/20) overlap (TW2011)') as string,
    ]);
    expect(error?.problem.where.map((w) => w.path)).toEqual([
      'clusters.a.size',
      'clusters.a.network.nodes',
      'clusters.b.network.nodes',
    ]);
  });
  it('knows sizes by word and by the name of a type', () => {
    expect([machineType('aws', 's'), machineType('aws', 'm6g.large'), machineType('aws', 'Standard_B2s')]).toEqual([
      't3.medium',
      'm6g.large',
      undefined,
    ]);
    expect([
      machineType('azure', 'Standard_D8s_v5'),
      machineType('gcp', 'n2-standard-8'),
      machineType('gcp', 'toString'),
    ]).toEqual(['Standard_D8s_v5', 'n2-standard-8', undefined]);
  });

  it('the default ranges of 200 clusters overlap neither each other nor pods and services', () => {
    const clusters = Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => [`c${n}`, { cloud: 'aws', region: 'sa-east-1' }]),
    );
    expect(codes({ fleet: 'f', clusters })).toEqual([]);
  });
});
