import { describe, expect, it } from 'vitest';
import { checkConfig, type ReleaseConfig } from '../config/index.ts';
import { type PlanInput, planRelease } from './plan.ts';

const config = (release: Record<string, unknown>): ReleaseConfig => {
  const whole = checkConfig(
    {
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: { sao: { cloud: 'aws', region: 'sa-east-1' }, vie: { cloud: 'aws', region: 'eu-west-1' } },
      dns: { zone: 'demo.example' },
      apps: { shop: { manifests: ['m'], traffic: { host: 'shop.demo.example', service: 'shop' }, release } },
    },
    '/x/tradewind.yaml',
    '',
  );
  return whole.apps[0]?.release as ReleaseConfig;
};
const plan = (release: Record<string, unknown>, over: Partial<PlanInput> = {}) =>
  planRelease({
    app: 'shop',
    green: 'v3',
    config: config(release),
    clusters: ['sao', 'vie'].map((name) => ({ name, live: 'v2', refused: [], requests: 1 })),
    ...over,
  });
const codes = (p: { refused: readonly { code: string }[] }): string[] => p.refused.map((r) => r.code);

describe('the plan of a release', () => {
  it('TW7004: refused when blue cannot read what green writes', () => {
    const schema = { v2: { reads: [2], writes: 2 }, v3: { reads: [2, 3], writes: 3 } };
    const refused = plan({ state: { schema } });
    expect(refused.refused).toEqual([{ code: 'TW7004', say: 'v2 reads [2], v3 writes 3' }]);
    expect(codes(plan({ state: { schema: { '*': { reads: [2], writes: 2 } } } }))).toEqual([]);
  });

  it('a contract is part of the plan and of its id', () => {
    const schema = { v2: { reads: [1, 2], writes: 2 }, v3: { reads: [2], writes: 2 } };
    const contract = plan({ state: { schema } });
    expect(contract).toMatchObject({ refused: [], contract: expect.stringMatching(/no rollback past this point/) });
    expect(contract.id).not.toBe(plan({}).id);
    expect(codes(plan({ state: { schema }, prepare: { require: 'skip' } }))).toEqual(['TW7004']);
  });

  it('TW7012: a silent cluster is refused, or left out where the config says so', () => {
    const silent = { code: 'TW7012', say: 'vie gave no answer', cluster: 'vie' };
    const clusters = [
      { name: 'sao', live: 'v2', refused: [] },
      { name: 'vie', silent, refused: [] },
    ];
    expect(plan({}, { clusters }).refused).toEqual([silent]);
    expect(plan({ prepare: { require: 'skip' } }, { clusters })).toMatchObject({ refused: [], lagging: ['vie'] });
    expect(codes(plan({ prepare: { require: 'skip' }, state: { compat: 'exclusive' } }, { clusters }))).toEqual([
      'TW7004',
    ]);
  });

  it('TW7009, TW7006 and what each cluster objects to', () => {
    expect(codes(plan({}, { green: 'v2' }))).toEqual(['TW7009']);
    expect(codes(plan({ waves: [{ clusters: ['sao'] }] }))).toEqual(['TW7006']);
    const no = { code: 'TW7005', say: 'sao: 2 more pods of v3 would find no node', cluster: 'sao' };
    expect(plan({}, { clusters: [{ name: 'sao', live: 'v2', refused: [no] }] }).refused).toEqual([no]);
  });

  it('waves: least traffic first, the last one soaks longest; one wave when it is atomic', () => {
    const clusters = [
      { name: 'sao', live: 'v2', refused: [], requests: 900 },
      { name: 'vie', live: 'v2', refused: [], requests: 10 },
    ];
    expect(plan({ soak: '1m', lastSoak: '2m' }, { clusters }).terms.waves).toEqual([
      { clusters: ['vie'], soakMs: 60_000 },
      { clusters: ['sao'], soakMs: 120_000 },
    ]);
    expect(plan({}, { clusters, wish: { strategy: 'atomic' } }).terms.waves.map((w) => w.clusters)).toEqual([
      ['sao', 'vie'],
    ]);
  });

  it('the id holds what was agreed: another blue is another plan', () => {
    const other = plan({}, { clusters: [{ name: 'sao', live: 'v1', refused: [], requests: 1 }] });
    expect(new Set([plan({}).id, plan({ keepBlue: '2h' }).id, other.id]).size).toBe(3);
    expect(plan({}).id).toBe(plan({}).id);
  });
});
