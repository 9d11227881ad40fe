/** The process ends at every journal entry of a release, right before or right after it is written; a fresh one goes on. */
import { describe, expect, it } from 'vitest';
import { type Journal, memoryJournal } from '../../src/kernel/index.ts';
import { Life } from './release-shell/life.ts';
import { Rig, type Scenario } from './release-shell/rig.ts';

const HAPPY: Scenario = { seed: 3, rate: 0, waves: true };
const STORIES: Readonly<Record<string, { x: Scenario; end: 'done' | 'rolledback'; rollbackAt?: number }>> = {
  'a release that goes well': { x: HAPPY, end: 'done' },
  'a release that is taken back': { x: { ...HAPPY, waves: false }, end: 'rolledback', rollbackAt: 6000 },
};

/** A journal whose `at`-th entry is the last thing its process does. */
function endingAt(journal: Journal, life: Life, x: { at: number; written: boolean }, count: () => number): Journal {
  const nowhere = memoryJournal();
  const append: Journal['append'] = (entry) => {
    const ends = count() === x.at;
    if (ends) life.kill();
    return (ends && !x.written ? nowhere : journal).append(entry);
  };
  return Object.assign(Object.create(journal) as Journal, { append });
}

async function story(
  s: (typeof STORIES)[string],
  x: { at: number; written: boolean },
): Promise<{ rig: Rig; entries: number }> {
  const rig = new Rig(s.x);
  let entries = 0;
  const life = new Life(rig.clock, undefined);
  const journal = endingAt(memoryJournal(rig.clock), life, x, () => ++entries);
  const mine = await rig.begin();
  let ended = false;
  void rig.shell('shell A', mine, rig.ports(life, journal)).then(() => (ended = true));
  if (s.rollbackAt !== undefined)
    rig.clock
      .sleep(s.rollbackAt)
      .then(() => rig.ask('rollback'))
      .catch(() => undefined);
  await rig.run(() => ended || life.dead);
  if (!life.dead) return { rig, entries };
  let resumed = false;
  void rig.takeover('shell B').then(() => (resumed = true));
  await rig.run(() => resumed);
  return { rig, entries };
}

describe.each(Object.entries(STORIES))('%s', (_, s) => {
  it('ends right when the process ends at any journal entry', { timeout: 120_000 }, async () => {
    const { rig, entries } = await story(s, { at: -1, written: true });
    expect([rig.record?.decision, rig.unfinished()]).toEqual([s.end, undefined]);
    expect(entries).toBeGreaterThan(8);
    for (let at = 1; at <= entries; at++)
      for (const written of [true, false]) {
        const after = await story(s, { at, written });
        const told = [`entry ${at}, ${written ? 'written' : 'not written'}`, ...after.rig.log].join('\n');
        expect(after.rig.unfinished(), told).toBeUndefined();
        expect(after.rig.record?.decision, told).toBe(s.end);
        expect(after.rig.log.join('\n'), told).toContain('shell B drives');
      }
  });
});
