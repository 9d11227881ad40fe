/** Rule 8: a retire of one release must not hit the version that a later release made live again. */
import { expect, it } from 'vitest';
import { memoryJournal, memoryStore } from '../../src/kernel/index.ts';
import { noEvidence } from '../../src/release/evidence.ts';
import { planRelease } from '../../src/release/plan.ts';
import { claim, registerOf } from '../../src/release/register.ts';
import { drive } from '../../src/release/shell.ts';
import { WorldTwin } from '../../src/release/twin.ts';
import { CLUSTERS } from './release-shell/laws.ts';
import { CONFIG } from './release-shell/rig.ts';
import { dice, SimClock } from './release-shell/time.ts';

/** The first process sends its retires of v1 and stands still for ten minutes; meanwhile somebody releases v1 again. */
async function late(): Promise<{ live: (string | undefined)[]; runs: boolean[] }> {
  const clock = new SimClock(dice(1));
  const world = new WorldTwin(clock);
  for (const c of CLUSTERS) await world.stand(c, 'v1');
  const store = memoryStore();
  const ports = world.ports('shop', store);
  const slow: typeof ports.workloads = {
    ...ports.workloads,
    retire: async (...args) => {
      await clock.sleep(600_000);
      return await ports.workloads.retire(...args);
    },
  };
  const register = registerOf('shop', store, memoryJournal(clock));
  const release = async (green: string, over: typeof ports): Promise<void> => {
    const clusters = CLUSTERS.map((name) => ({ name, live: world.switches.seen(name).state?.live ?? '', refused: [] }));
    const plan = planRelease({ app: 'shop', green, config: { ...CONFIG, strategy: 'atomic' }, clusters });
    const record = await claim(register, { plan, by: 'ana', seenEpoch: 0, clock });
    const signal = new AbortController().signal;
    const show = (): void => undefined;
    const more = { checks: [], evidence: noEvidence('pass'), signal, show, ask: show, leaveAt: 'clean' } as const;
    await drive(over, record, more);
  };
  let over = false;
  const all = async (): Promise<void> => {
    release('v2', { ...ports, workloads: slow }).catch(() => undefined);
    await clock.sleep(60_000);
    await release('v1', ports);
    await clock.sleep(700_000);
    over = true;
  };
  all().catch(() => (over = true));
  await clock.run(
    () => over,
    5_000_000,
    () => undefined,
  );
  return {
    live: CLUSTERS.map((c) => world.switches.seen(c).state?.live),
    runs: CLUSTERS.map((c) => world.units.has(`${c} v1`)),
  };
}

it('a retire that comes late does not hit the version that is live again', async () => {
  const { live, runs } = await late();
  expect(live).toEqual(['v1', 'v1', 'v1']);
  expect(runs).toEqual([true, true, true]);
});
