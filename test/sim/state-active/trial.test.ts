/** Three real Redis with the shipped functions, agent and wire on the emulated WAN, each a process that is killed: nothing is lost but what had no other copy, nothing comes twice, all end equal. */
import { describe, expect, it } from 'vitest';
import { programOf } from '../../../src/state/testing/redis-process.ts';
import { check } from './checker.ts';
import type { Told } from './load.ts';
import { type Fault, trial } from './trial.ts';

const missing = programOf('redis-server') === undefined;
const CLEAN = { lost: [], duplicated: [], phantom: [], differ: [], miscounted: [] };

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'all clouds write, under faults', () => {
  // The other faults are played by bench/state-aa.
  it.each<Fault>(['both killed', 'killed while cut off', 'stale disk', 'all stopped in order', 'cut beyond the log'])(
    '%s',
    async (fault) => {
      const { notes, ...out } = await trial({ fault, seed: 1 });
      expect(out).toMatchObject(CLEAN);
      expect(out.acked).toBeGreaterThan(50);
      if (fault === 'cut beyond the log') expect(notes.join('\n')).toContain('close for a full copy');
    },
    180_000,
  );
});

describe('checker', () => {
  const told = (what: Told['what'], more: Partial<Told> = {}): Told => ({ at: 'sa', what, said: 'ok', to: 5, ...more });
  const x = told({ list: 'x' });

  it('sees what is lost, double, foreign, different and miscounted', () => {
    const fine = { list: 'list x' };
    expect(check([x], [fine, fine])).toMatchObject({ ...CLEAN, acked: 1 });
    expect(check([x, told({ member: 'm' })], [fine, fine])).toMatchObject({ lost: ['set m'] });
    expect(check([x], [{ list: 'list x,x' }])).toMatchObject({ duplicated: ['list x'] });
    expect(check([told({ list: 'x' }, { said: 'failed' })], [fine])).toMatchObject({ phantom: ['list x'] });
    expect(check([x], [fine, { list: 'list' }])).toMatchObject({ differ: ['list'] });
    const counts = [told({ by: 2 }), told({ by: 3 }, { said: 'unknown' })];
    for (const n of [2, 5]) expect(check(counts, [{ count: `string ${n}` }])).toMatchObject({ miscounted: [] });
    for (const n of [1, 6]) expect(check(counts, [{ count: `string ${n}` }]).miscounted).toHaveLength(1);
  });

  it('forgives what was in flight from memory that was lost, and nothing before', () => {
    const losses = [{ at: 'sa' as const, from: 4 }];
    expect(check([x], [{}], losses)).toMatchObject({ lost: [], inFlight: ['list x'] });
    expect(check([told({ list: 'x' }, { to: 3 })], [{}], losses)).toMatchObject({ lost: ['list x'] });
    expect(check([told({ list: 'x' }, { at: 'ca' })], [{}], losses)).toMatchObject({ lost: ['list x'] });
  });
});
