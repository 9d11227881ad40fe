/** The shipped agent, wire and gateway with real redis-server on the emulated WAN: nothing that was acknowledged is lost. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { programOf } from '../../../src/state/testing/redis-process.ts';
import { tradewindSubject } from './ours.ts';
import { type Fault, trial } from './trial.ts';
import type { Cloud } from './wan.ts';

const missing = programOf('redis-server') === undefined;
const CLEAN = {
  lost: [],
  duplicated: [],
  phantom: [],
  notPrefix: [],
  ownWrites: [],
  wentBack: [],
  isolatedAcks: 0,
  moved: false,
};

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'a change of the copies under load', () => {
  it.each<[string, Cloud[]]>([
    ['a third copy', ['au', 'ca', 'sa']],
    ['another second copy', ['au', 'ca']],
  ])(
    '%s, then home is killed: the new copy counts',
    async (_, to) => {
      const s = await tradewindSubject('ca', 0.2, ['ca', 'sa']);
      try {
        let epoch = 0;
        const before = async (): Promise<void> => {
          // It comes with nothing, and copies all of it from a follower.
          await s.restartEmpty('au');
          while (!(await s.whole())) await setTimeout(100);
          epoch = await s.change(to);
          await setTimeout(3000);
        };
        const out = await trial(s, { fault: 'kill', seed: 1, clients: 2, patience: 60_000, after: 2000, before });
        expect(out).toMatchObject({ ...CLEAN, home: 'ca' });
        expect(epoch).toBeGreaterThan(0);
        expect(out.acked).toBeGreaterThan(100);
        expect(out.rto).toBeDefined();
      } finally {
        await s.close();
      }
    },
    180_000,
  );
});

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'a home that stands still and goes on', () => {
  it('what it does late is never confirmed, and it is home no more', { timeout: 180_000 }, async () => {
    const s = await tradewindSubject('ca', 0.2);
    try {
      const cut = 9000;
      const out = await trial(s, { fault: 'home frozen', seed: 1, clients: 2, patience: 60_000, after: 2000, cut });
      expect(out).toMatchObject(CLEAN);
      expect(out.acked).toBeGreaterThan(10);
      // Nobody waited for its return.
      expect(out.rto).toBeLessThan(cut - 1000);
      expect(await s.home()).not.toBe(out.home);
    } finally {
      await s.close();
    }
  });
});

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'the data plane under faults', () => {
  it.each<[Fault, number]>([
    ['kill', 0.2],
    ['empty restart', 0.2],
    ['isolate and heal', 0.2],
    ['region lost', 1],
    ['one link cut', 0.2],
    ['all stopped in order', 0.2],
    ['agreement lost', 0.2],
  ])(
    '%s, round trips × %d',
    async (fault, scale) => {
      const s = await tradewindSubject('ca', scale);
      try {
        const out = await trial(s, { fault, seed: 1, clients: 2, patience: 60_000, after: 2000 });
        expect(out).toMatchObject(CLEAN);
        expect(out.acked).toBeGreaterThan(10);
        expect(out.rto).toBeDefined();
      } finally {
        await s.close();
      }
    },
    180_000,
  );
});
