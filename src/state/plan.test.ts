import { describe, expect, it } from 'vitest';
import { type StateInput, statePlan } from './plan.ts';

/** The round trips of the design page: sa-ca 120, sa-au 310, ca-au 205. */
const RTTS: Readonly<Record<string, number>> = {
  'ca sa': 120,
  'au sa': 310,
  'au ca': 205,
  'au xx': 290,
  'ca xx': 40,
  'sa xx': 90,
};
const shared = { engine: 'redis', ack: 'quorum', home: 'ca', read: 'local', persist: true } as const;

function input(state: object, more: Partial<StateInput> = {}): StateInput {
  const clusters = more.clusters ?? ['sa', 'ca', 'au'];
  return {
    app: { name: 'guestbook', state: state as StateInput['app']['state'] },
    clusters,
    rtt: (a, b) => ({ ms: RTTS[[a, b].toSorted().join(' ')] ?? 0, estimated: false }),
    traffic: {},
    members: clusters,
    ...more,
  };
}
const writes = (x: StateInput): number[] => statePlan(x).writes.map((w) => w.ms);
const codes = (x: StateInput): string[] => statePlan(x).faults.map((f) => f.code);
const one = { ...shared, mode: 'single-writer' } as const;

describe('the table of the design page', () => {
  it('single-writer, quorum', () => {
    const x = input(one);
    expect(writes(x)).toEqual([240, 120, 325]);
    expect(statePlan(x)).toMatchObject({ home: 'ca', rpo: { is: 'none' }, survives: 'any one of 3', faults: [] });
  });

  it('the failover time is one per home: 3.9 s with survivors 205 ms apart, 4.7 s with 310', () => {
    const rto = (home: string): number | undefined =>
      statePlan(input({ ...one, home })).rto.find((r) => r.lost === home)?.ms;
    expect([rto('sa'), rto('ca')]).toEqual([3890, 4730]);
    expect(statePlan(input(one)).rto.find((r) => r.lost === 'sa')?.ms).toBe(0);
  });

  it('a write is kept for twice the longest failover of all homes and 1 s, wherever home is now', () => {
    const hold = (state: object): number => statePlan(input({ ...one, ...state })).holdMs;
    expect(['sa', 'ca', 'au'].map((home) => hold({ home }))).toEqual([10_500, 10_500, 10_500]);
    expect(hold({ hold: 3000 })).toBe(3000);
  });

  it('active-active', () => {
    const { home: _, ...both } = shared;
    expect(writes(input({ ...both, mode: 'active-active', ack: 'local' }))).toEqual([1, 1, 1]);
    const x = input({ ...both, mode: 'active-active' });
    expect(writes(x)).toEqual([120, 120, 205]);
    expect(statePlan(x)).toMatchObject({ rpo: { is: 'none' }, survives: 'any one cluster' });
    expect(statePlan(x).rto.every((r) => r.ms === 0)).toBe(true);
  });

  it('isolated: nothing is shared', () => {
    const plan = statePlan(input({ mode: 'isolated' }));
    expect(plan).toMatchObject({ voters: [], rpo: { is: 'all' }, faults: [] });
    expect(plan.writes.map((w) => w.ms)).toEqual([1, 1, 1]);
  });
});

describe('home', () => {
  it('auto is where the writes of all users are fastest', () => {
    expect(statePlan(input({ ...one, home: 'auto' })).home).toBe('ca');
    expect(statePlan(input({ ...one, home: 'auto' }, { traffic: { au: 100, ca: 1, sa: 1 } })).home).toBe('au');
  });

  it('TW5002: a home that is no cluster of the app, or that residency forbids, with those that are allowed', () => {
    expect(codes(input({ ...one, home: 'us' }))).toEqual(['TW5002']);
    const residency = [{ from: ['10.0.0.0/8'], to: ['au'], strict: true }];
    const app = { name: 'g', state: one, traffic: { residency } } as unknown as StateInput['app'];
    const plan = statePlan(input(one, { app }));
    expect(plan.faults.map((f) => [f.code, f.why.at(-1)])).toEqual([['TW5002', 'allowed: au']]);
    expect(plan.home).toBeUndefined();
  });
});

describe('copies', () => {
  it('TW5001: two members are no quorum, and one cluster has no second copy', () => {
    const two = { clusters: ['sa', 'ca'] };
    expect(codes(input(one, two))).toEqual(['TW5001']);
    expect(statePlan(input(one, two)).rto.find((r) => r.lost === 'ca')?.ms).toBeUndefined();
    expect(codes(input(one, { ...two, members: ['sa', 'ca', 'xx'] }))).toEqual([]);
    expect(codes(input({ ...one, home: 'auto' }, { clusters: ['ca'] }))).toContain('TW5001');
  });

  it('two voters and a third member: the survivor fails over with the third place', () => {
    const plan = statePlan(input(one, { clusters: ['sa', 'ca'], members: ['sa', 'ca', 'xx'] }));
    expect(plan.rto.find((r) => r.lost === 'ca')?.ms).toBe(2000 + 1000 + 2000 + 250 + 8 * 90);
  });

  it('of four clusters the three nearest to the others keep copies', () => {
    expect(statePlan(input(one, { clusters: ['sa', 'ca', 'au', 'xx'] })).voters).toEqual(['ca', 'sa', 'xx']);
  });

  it('says when a figure rests on distances', () => {
    expect(statePlan(input(one)).estimated).toBe(false);
    expect(statePlan(input(one, { rtt: () => ({ ms: 100, estimated: true }) })).estimated).toBe(true);
  });
});

it('where all clusters write, one alone and one that residency forbids are refused', () => {
  const active = { mode: 'active-active' };
  expect(codes(input(active))).toEqual([]);
  expect(statePlan(input(active)).voters).toEqual(['au', 'ca', 'sa']);
  expect(codes(input(active, { clusters: ['ca'] }))).toEqual(['TW5001']);
  const residency = [{ from: ['10.0.0.0/8'], to: ['au', 'ca'], strict: true }];
  const x = input(active);
  const app = { ...x.app, traffic: { residency } } as unknown as StateInput['app'];
  const plan = statePlan({ ...x, app });
  expect(plan.faults).toMatchObject([{ code: 'TW5002', value: 'sa' }]);
  expect(codes(input(one))).toEqual([]);
});
