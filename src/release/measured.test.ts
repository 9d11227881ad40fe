import { expect, it } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import { Measured } from './measured.ts';
import type { ReleaseRecord } from './model.ts';
import { WorldTwin } from './twin.ts';

const JUDGE = { errors: 0.01, factor: 2, latency: 1.5, requests: 100, probes: 0, path: '/' };
const RECORD = {
  app: 'shop',
  green: 'v2',
  blue: { sao: 'v1' },
  members: ['sao'],
  decision: 'committed',
  step: 'soak',
} as unknown as ReleaseRecord;

/** Seconds of 50 requests each, of which so many fail, and whether the state fails over meanwhile. */
async function judged(...rounds: { seconds: number; errors?: number; failover?: boolean | 'unknown' }[]) {
  const clock = manualClock(1_000_000);
  const world = new WorldTwin(clock);
  await world.stand('sao', 'v1');
  const ports = world.ports('shop');
  let asked: boolean | 'unknown' = false;
  const failover = async (): Promise<boolean> => {
    if (asked === 'unknown') throw new Error('nobody answers');
    return asked;
  };
  const evidence = new Measured({ ...ports, failover }, JUDGE as never);
  const second = async (version: string, errors: number, serving: string[]): Promise<void> => {
    world.serve('sao', version, 50, errors);
    evidence.round(RECORD, { serving, restarts: {} });
    await new Promise((r) => setImmediate(r));
    clock.advance(1000);
  };
  for (let i = 0; i < 20; i++) await second('v1', 0, []);
  for (let i = 0; i < 10; i++) await second('v2', 0, ['sao']);
  for (const r of rounds) {
    asked = r.failover ?? false;
    for (let i = 0; i < r.seconds; i++) await second('v2', r.errors ?? 0, ['sao']);
  }
  evidence.close();
  return evidence.verdict('sao').is;
}

it('what fails while the state fails over is not the version, what fails before or after it is', async () => {
  const calm = { seconds: 30 };
  expect(await judged(calm, { seconds: 8, errors: 25, failover: true }, calm)).toBe('pass');
  expect(await judged(calm, { seconds: 8, errors: 25 }, calm)).toBe('fail');
  expect(await judged(calm, { seconds: 8, failover: true }, { seconds: 8, errors: 25 })).toBe('fail');
});

it('where nobody can say whether it does, everything counts', async () => {
  expect(await judged({ seconds: 30 }, { seconds: 8, errors: 25, failover: 'unknown' })).toBe('fail');
});
