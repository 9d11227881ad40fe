/** The harness must be able to find losses: Sentinel has some, where its design lets it. */
import { describe, expect, it } from 'vitest';
import { programOf } from '../../../src/state/testing/redis-process.ts';
import { sentinelSubject } from './sentinel.ts';
import { trial } from './trial.ts';

const missing = programOf('redis-server') === undefined;

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'Sentinel under faults', () => {
  it('an empty restart of the primary loses everything that was acknowledged', async () => {
    const s = await sentinelSubject();
    try {
      const out = await trial(s, { fault: 'empty restart', seed: 1, clients: 3 });
      expect(out.acked).toBeGreaterThan(10);
      expect(out.lost.length).toBeGreaterThan(0);
      expect({ ...out, lost: 0 }).toMatchObject({ duplicated: [], phantom: [] });
    } finally {
      await s.close();
    }
  }, 120_000);
});
