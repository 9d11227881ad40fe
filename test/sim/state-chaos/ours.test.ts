/** The shipped agent, wire and gateway with real redis-server on the emulated WAN: nothing that was acknowledged is lost. */
import { describe, expect, it } from 'vitest';
import { programOf } from '../../../src/state/testing/redis-process.ts';
import { tradewindSubject } from './ours.ts';
import { type Fault, trial } from './trial.ts';

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
