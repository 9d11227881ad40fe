/** Seeded restores under faults: the real agents over Redis twins, and whoever restores may die at any moment. */
import { expect, it } from 'vitest';
import { type Lease, memoryStore } from '../../src/kernel/index.ts';
import { restoreSnapshot } from '../../src/state/backup/restore.ts';
import type { Entry } from '../../src/state/twin/redis.ts';
import { Client } from './state-agent/client.ts';
import { type Place, Rig } from './state-agent/rig.ts';
import { trouble } from './state-agent/trouble.ts';

const SEEDS = Number(process.env.TW_SEEDS ?? 12);
const NAMES = ['au', 'ca', 'sa'];
const PREFIX = 'state/app/';

interface Epoch {
  epoch: number;
  primary: string;
  from: { epoch: number };
  restored?: string;
}
const epochOf = (rig: Rig): Epoch | undefined =>
  rig.world.view(`${PREFIX}epoch`).entries[0]?.value as unknown as Epoch | undefined;
const until = async (rig: Rig, done: () => boolean): Promise<void> => {
  while (!done()) await rig.clock.sleep(50);
};

interface Story {
  rig: Rig;
  clients: Client[];
  snapshot: string[];
  /** When the store took the restore; absent: it was never decided. */
  at?: number;
  end: string;
}

async function restoring(rig: Rig, entries: readonly Entry[], calm = false): Promise<string> {
  const store = memoryStore(() => (rig.roll() < rig.lossy ? 'lost' : undefined), rig.world);
  const home = rig.place(epochOf(rig)?.primary ?? '');
  const gone = new AbortController();
  const lease: Lease = await store.lease(30_000);
  const p = {
    clock: rig.clock,
    store,
    prefix: PREFIX,
    voters: NAMES,
    lease,
    home: home.name,
    look: async () => (home.redis.run === undefined ? undefined : home.redis.look()),
    salvage: async () => await rig.clock.sleep(rig.roll() * 1000, gone.signal),
    place: async (run: string) => {
      await rig.clock.sleep(rig.roll() * 500, gone.signal);
      if (home.redis.run !== run) throw new Error('another process answers');
      home.redis.stop();
      await rig.clock.sleep(rig.roll() * 500);
      home.redis.disk = entries;
      home.redis.start('disk');
    },
    misfit: async () => (home.redis.log.length === entries.length ? undefined : 'other data'),
    show: (say: string) => rig.say(`restore: ${say}`),
    signal: gone.signal,
  };
  // Whoever dies takes nothing back: the lease ends by its time.
  let dead = false;
  const dies = async (): Promise<void> => {
    dead = true;
    gone.abort();
    await rig.clock.sleep(rig.roll() * 10_000);
  };
  const other = rig.places[Math.floor(rig.roll() * rig.places.length)] as Place;
  const [end] = await Promise.all([
    restoreSnapshot(p, 's1').then(
      () => 'restored',
      (e: unknown) => `refused: ${String(e)}`,
    ),
    calm ? undefined : trouble(rig, other, dies),
  ]);
  if (dead || rig.roll() < 0.5) rig.world.expire(lease.id);
  else await lease.close();
  return end;
}

async function life(seed: number): Promise<Story> {
  const rig = new Rig(seed, NAMES);
  const story: Story = { rig, clients: ['x', 'y'].map((n) => new Client(rig, n)), snapshot: [], end: '' };
  let ended = false;
  const restored = new Set<number>();
  const run = async (): Promise<void> => {
    const writing = story.clients.map((c) => c.run(() => ended));
    await until(rig, () => rig.settled() && story.clients.every((c) => c.acked.length > 5));
    const copy = rig.places.find((p) => p.name !== epochOf(rig)?.primary) as Place;
    const entries = [...copy.redis.log];
    story.snapshot = [...copy.redis.words];
    await rig.clock.sleep(2000);
    story.end = await restoring(rig, entries);
    rig.say(`== ${story.end}`);
    // Home was lost with the only copy of the snapshot: it is restored once more, from where snapshots lie.
    for (let i = 0; i < 600 && !rig.settled(); i++) await rig.clock.sleep(100);
    if (!rig.settled()) story.end = await restoring(rig, entries, true);
    await until(rig, () => rig.settled());
    await rig.clock.sleep(1000);
    ended = true;
    await Promise.all(writing);
    await until(rig, () => rig.settled());
    for (const q of rig.places) q.stop.abort();
    await Promise.all(rig.places.map((q) => q.ended));
  };
  await rig.lives(run, 300_000, () => {
    rig.look();
    const epoch = epochOf(rig);
    if (epoch?.restored === undefined || restored.has(epoch.epoch)) return;
    // One that comes out of a restored one, before any copy had it, is no other restore.
    if (!restored.has(epoch.from.epoch)) story.at = rig.clock.now();
    restored.add(epoch.epoch);
  });
  return story;
}

/** Nothing of what the snapshot replaced came back, and what was acknowledged since is there. */
function replacedOnly({ rig, clients, snapshot }: Story, at: number): void {
  const tail = rig.log.slice(-100).join('\n');
  const words = rig.places[0]?.redis.words ?? [];
  expect(words.slice(0, snapshot.length), tail).toEqual(snapshot);
  const later = new Set(words.slice(snapshot.length));
  const made = clients.flatMap((c) => [...c.made]);
  const back = made.filter(([word, when]) => when < at && later.has(word));
  expect(back, tail).toEqual([]);
  const since = new Map(made.filter(([, when]) => when > at));
  for (const word of clients.flatMap((c) => c.acked)) if (since.has(word)) expect(words, tail).toContain(word);
}

it.each([...Array(SEEDS).keys()])('%i: the old data or the snapshot, never both', { timeout: 60_000 }, async (seed) => {
  const story = await life(seed);
  const { rig, clients, at, end } = story;
  const tail = rig.log.slice(-100).join('\n');
  expect(rig.broken, tail).toBeUndefined();
  const words = rig.places[0]?.redis.words ?? [];
  expect(new Set(words).size, tail).toBe(words.length);
  if (at !== undefined) return replacedOnly(story, at);
  expect(end, tail).toContain('refused');
  for (const w of clients.flatMap((c) => c.acked)) expect(words, tail).toContain(w);
});
