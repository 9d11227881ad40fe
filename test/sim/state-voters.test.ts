/** Seeded changes of the voters under faults: the real agents over Redis twins; whoever asks for the change may die. */
import { expect, it } from 'vitest';
import { memoryStore } from '../../src/kernel/index.ts';
import { changeVoters, sameSet } from '../../src/state/change.ts';
import type { EpochValue } from '../../src/state/model.ts';
import { Client } from './state-agent/client.ts';
import { type Place, Rig } from './state-agent/rig.ts';
import { trouble } from './state-agent/trouble.ts';

const SEEDS = Number(process.env.TW_SEEDS ?? 6);
const PREFIX = 'state/app/';
const CHANGES = [
  { what: 'a third voter', from: ['ca', 'sa'], to: ['au', 'ca', 'sa'] },
  { what: 'another second voter', from: ['ca', 'sa'], to: ['au', 'ca'] },
  { what: 'home leaves two', from: ['ca', 'sa'], to: ['au', 'sa'] },
  { what: 'another third voter', from: ['ca', 'sa', 'vi'], to: ['au', 'ca', 'sa'] },
] as const;

const epochOf = (rig: Rig): EpochValue | undefined =>
  rig.world.view(`${PREFIX}epoch`).entries[0]?.value as EpochValue | undefined;
const until = async (rig: Rig, done: () => boolean): Promise<void> => {
  while (!done()) await rig.clock.sleep(50);
};

async function changing(rig: Rig, to: readonly string[], calm: boolean): Promise<string> {
  const store = memoryStore(() => (rig.roll() < rig.lossy ? 'lost' : undefined), rig.world);
  const gone = new AbortController();
  const lease = await store.lease(30_000);
  const parts = { clock: rig.clock, store, prefix: PREFIX, lease, signal: gone.signal };
  const show = (say: string): void => rig.say(`change: ${say}`);
  const other = rig.places[Math.floor(rig.roll() * rig.places.length)] as Place;
  const [end] = await Promise.all([
    changeVoters({ ...parts, show }, to).then(
      () => 'changed',
      (e: unknown) => `refused: ${String(e)}`,
    ),
    calm ? undefined : trouble(rig, other, () => gone.abort()),
  ]);
  // Whoever died takes nothing back: the lease ends by its time.
  if (gone.signal.aborted) {
    await rig.clock.sleep(rig.roll() * 10_000);
    rig.world.expire(lease.id);
  } else await lease.close();
  return end;
}

/** A move makes both of two copies count again: alone, one that is lost has nobody to go on for it. */
async function grownBack(rig: Rig): Promise<void> {
  for (let v = epochOf(rig); v !== undefined && v.copies.length < 2; v = epochOf(rig)) {
    const to = v.voters?.find((c) => c !== v?.primary) ?? '';
    rig.world.write({ if: [], put: [{ key: `${PREFIX}hold`, value: { by: 'a person', to } }] });
    await rig.clock.sleep(8000);
    rig.world.write({ if: [], put: [], remove: [`${PREFIX}hold`] });
    await until(rig, () => rig.settled());
  }
}

interface Story {
  rig: Rig;
  clients: Client[];
  /** What was in force at any time. */
  sets: string[];
  tries: number;
  /** The home that was lost at the end, and the one that came. */
  lost: string;
  next: string;
}

async function life(seed: number, change: (typeof CHANGES)[number]): Promise<Story> {
  const names = [...new Set([...change.from, ...change.to])].toSorted();
  const rig = new Rig(seed, names, [...change.from]);
  const clients = ['x', 'y'].map((n) => new Client(rig, n));
  const story: Story = { rig, clients, sets: [], tries: 0, lost: '', next: '' };
  let ended = false;
  const run = async (): Promise<void> => {
    const writing = clients.map((c) => c.run(() => ended));
    await until(rig, () => rig.settled() && clients.every((c) => c.acked.length > 5));
    while (!sameSet(epochOf(rig)?.voters, change.to)) {
      story.tries += 1;
      rig.say(`== ${await changing(rig, change.to, story.tries > 1)}`);
      await until(rig, () => rig.settled());
    }
    await grownBack(rig);
    // One voter of before is lost for good: the newcomer's copy counts.
    const home = rig.place(epochOf(rig)?.primary ?? '');
    story.lost = home.name;
    const before = clients.map((c) => c.acked.length);
    rig.isolate(home, true);
    await until(rig, () => epochOf(rig)?.primary !== home.name);
    await until(rig, () => change.to.length === 2 || clients.every((c, i) => c.acked.length > (before[i] ?? 0) + 5));
    story.next = epochOf(rig)?.primary ?? '';
    rig.isolate(home, false);
    ended = true;
    await Promise.all(writing);
    await until(rig, () => rig.settled());
    for (const q of rig.places) q.stop.abort();
    await Promise.all(rig.places.map((q) => q.ended));
  };
  await rig.lives(run, 400_000, () => {
    rig.look();
    const set = epochOf(rig)?.voters?.toSorted().join() ?? 'as told';
    if (epochOf(rig) !== undefined && story.sets.at(-1) !== set) story.sets.push(set);
  });
  return story;
}

const cases = CHANGES.flatMap((c) => [...Array(SEEDS).keys()].map((seed) => [c.what, seed, c] as const));
it.each(cases)(
  '%s, %i: the old set or the new one, and nothing is lost',
  { timeout: 60_000 },
  async (_, seed, change) => {
    const { rig, clients, sets, lost, next } = await life(seed, change);
    const tail = rig.log
      .filter((l) => !l.includes('follow  refused') && !l.includes('fence  fenced'))
      .slice(-120)
      .join('\n');
    expect(rig.broken, tail).toBeUndefined();
    expect(sets, tail).toEqual(['as told', change.to.join()]);
    expect([...change.to], tail).toContain(next);
    expect(next).not.toBe(lost);
    const words = rig.places[0]?.redis.words ?? [];
    expect(new Set(words).size, tail).toBe(words.length);
    for (const c of clients) {
      expect(c.acked.length, tail).toBeGreaterThan(5);
      for (const w of c.acked) expect(words, tail).toContain(w);
    }
  },
);
