/** The shipped agent, wire and gateway with real redis-server on the emulated WAN: nothing that was acknowledged is lost. */
import { describe, expect, it } from 'vitest';
import { programOf } from '../../../src/state/testing/redis-process.ts';
import { tradewindSubject } from './ours.ts';
import { trial } from './trial.ts';

const missing = programOf('redis-server') === undefined;
const CLEAN = { lost: [], duplicated: [], phantom: [], notPrefix: [], ownWrites: [], wentBack: [], isolatedAcks: 0 };

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'the data plane under faults', () => {
  it.each(['kill', 'empty restart', 'isolate and heal'] as const)(
    '%s',
    async (fault) => {
      const s = await tradewindSubject('ca', 0.2);
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
