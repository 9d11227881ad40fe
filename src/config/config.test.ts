import { describe, expect, it } from 'vitest';
import { TwError } from '../kernel/index.ts';
import { checkConfig } from './index.ts';

const base = {
  fleet: 'demo',
  accounts: { aws: { account: '123456789012' } },
  clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } },
};
const problemOf = (input: unknown, source = '', file = '/x/tradewind.yaml'): TwError['problem'] => {
  try {
    checkConfig(input, file, source);
  } catch (e) {
    if (e instanceof TwError) return e.problem;
    throw e;
  }
  throw new Error('the config was accepted');
};

describe('config', () => {
  it('fills defaults and freezes the result', () => {
    const config = checkConfig(base, '/x/tradewind.yaml', '');
    expect(config.clusters[0]).toMatchObject({
      name: 'sao',
      zones: ['sa-east-1a', 'sa-east-1b'],
      location: { lat: -23.55, lon: -46.63 },
      network: { nodes: '10.10.0.0/16', pods: '10.244.0.0/16', services: '10.250.0.0/20' },
      nodes: { min: 1, max: 3 },
    });
    expect(Object.isFrozen(config.clusters[0]?.network)).toBe(true);
  });

  it('tells all faults at once, with line, path and nearest name', () => {
    const source =
      'fleet: demo\nclusters:\n  sao:\n    cloud: aws\n    regoin: sa-east-1\n    region: sa-east-1\n    size: 3\n';
    const problem = problemOf(
      { ...base, clusters: { sao: { cloud: 'aws', regoin: 'x', region: 'sa-east-1', size: 3 } } },
      source,
    );
    expect(problem.code).toBe('TW1003');
    expect(problem.why).toHaveLength(2);
    expect(problem.why.join('\n')).toContain('unknown key "regoin"; did you mean "region"?');
    expect(problem.where.map((w) => w.line).toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual([5, 7]);
  });

  it('checks over fields: regions, zones, cluster names, hosts and accounts', () => {
    const problem = problemOf({
      fleet: 'demo',
      clusters: {
        sao: { cloud: 'aws', region: 'sa-eats-1' },
        mtl: { cloud: 'azure', region: 'canadacentral', zones: ['7'] },
      },
      dns: { zone: 'demo.example' },
      apps: {
        web: {
          manifests: ['m'],
          placement: { clusters: ['sau'] },
          traffic: { host: 'web.other.example', service: 'web', serve: { weights: { mlt: 1 } } },
        },
      },
    });
    const all = problem.why.join('\n');
    expect(all).toContain('aws has no region "sa-eats-1"; did you mean "sa-east-1"?');
    expect(all).toContain('canadacentral has no zone "7"');
    expect(all).toContain('accounts.azure');
    expect(all).toContain('no cluster "sau" in this fleet; did you mean "sao"?');
    expect(all).toContain('no cluster "mlt" in this fleet; did you mean "mtl"?');
    expect(all).toContain('"web.other.example" is not inside the zone demo.example');
  });

  it('finds the line in a program text', () => {
    const source =
      "export default defineConfig({\n  fleet: 'demo',\n  clusters: {\n    sao: {\n      cloud: 'aws',\n      region: 'nowhere',\n    },\n  },\n});\n";
    const problem = problemOf(
      { ...base, clusters: { sao: { cloud: 'aws', region: 'nowhere' } } },
      source,
      '/x/tradewind.config.ts',
    );
    expect(problem.where[0]?.line).toBe(6);
  });
});
