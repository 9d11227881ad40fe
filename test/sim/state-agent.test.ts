/** Seeded lives of three voters: the real agents over Redis twins and the store in memory, with faults. */
import { describe, expect, it } from 'vitest';
import type { StatePlan } from '../../src/state/index.ts';
import { lastChange } from '../../src/state/story.ts';
import { type Facts, factsOf, type Heard } from '../../src/state/view.ts';
import { Client } from './state-agent/client.ts';
import { type Place, Rig } from './state-agent/rig.ts';

const SEEDS = Number(process.env.TW_SEEDS ?? 8);

/** One fault, and how it ends; one cluster's data at a time, because more is not survivable. */
type Trouble = (rig: Rig, p: Place) => Promise<void>;
const pause = (rig: Rig, least: number, most: number): Promise<void> =>
  rig.clock.sleep(least + rig.roll() * (most - least));

const TROUBLES: readonly [string, Trouble][] = [
  [
    'redis restarts empty',
    async (rig, p) => {
      p.redis.stop();
      await pause(rig, 50, 4000);
      p.redis.start('empty');
    },
  ],
  [
    'redis restarts with old disk',
    async (rig, p) => {
      p.redis.disk = p.redis.log.slice(0, Math.floor(rig.roll() * p.redis.log.length));
      p.redis.stop();
      await pause(rig, 50, 4000);
      p.redis.start('disk');
    },
  ],
  [
    'the agent dies',
    async (rig, p) => {
      rig.kill(p);
      await pause(rig, 10, 5000);
      rig.start(p);
    },
  ],
  [
    'cut off',
    async (rig, p) => {
      rig.isolate(p, true);
      await pause(rig, 500, 9000);
      rig.isolate(p, false);
    },
  ],
  [
    'the store loses answers',
    async (rig) => {
      rig.lossy = 0.3;
      await pause(rig, 1000, 5000);
      rig.lossy = 0;
    },
  ],
  [
    'planned move',
    async (rig, p) => {
      const key = 'state/app/hold';
      rig.world.write({ if: [{ key, revision: 0 }], put: [{ key, value: { by: 'a person', to: p.name } }] });
      await pause(rig, 200, 6000);
      rig.world.write({ if: [], put: [], remove: [key] });
    },
  ],
  [
    'orderly stop and start',
    async (rig, p) => {
      p.agent?.leave();
      await Promise.race([p.ended, rig.clock.sleep(20_000)]);
      rig.say(`${p.name}: left, redis ${p.redis.run === undefined ? 'ended' : 'runs'}`);
      p.stop.abort();
      if (p.redis.run === undefined) p.redis.start('disk');
      rig.start(p);
    },
  ],
];

/** Of two copies one may be the only one that has all; what takes data waits until there are two again. */
const KEEPING = ['the agent dies', 'cut off', 'the store loses answers', 'planned move'];

async function life(
  seed: number,
  names: readonly string[],
): Promise<{ rig: Rig; clients: Client[]; troubles: number }> {
  const two = names.length === 2;
  const rig = new Rig(seed, names, names, ['au', 'ca', 'sa']);
  const known = two ? TROUBLES.filter(([what]) => KEEPING.includes(what)) : TROUBLES;
  const clients = ['x', 'y', 'z'].map((n) => new Client(rig, n));
  let ended = false;
  let troubles = 0;
  const writing = clients.map((c) => c.run(() => ended));
  const story = async (): Promise<void> => {
    while (!rig.settled()) await rig.clock.sleep(100);
    for (let i = 0; i < 5; i++) {
      const [what, trouble] = known[Math.floor(rig.roll() * known.length)] as (typeof TROUBLES)[number];
      const p = rig.places[Math.floor(rig.roll() * rig.places.length)] as Place;
      rig.say(`== ${what}: ${p.name}`);
      await trouble(rig, p);
      troubles += 1;
      // The next one may hit while this one is not over, as long as its data is whole again.
      const whole = !what.startsWith('redis') && !what.startsWith('orderly');
      if (whole && rig.roll() < 0.5) await pause(rig, 100, 3000);
      else while (!rig.settled()) await rig.clock.sleep(100);
    }
    ended = true;
    await Promise.all(writing);
    while (!rig.settled()) await rig.clock.sleep(100);
    for (const q of rig.places) q.stop.abort();
    await Promise.all(rig.places.map((q) => q.ended));
  };
  await rig.lives(story, 600_000);
  return { rig, clients, troubles };
}

const tail = (rig: Rig): string => rig.log.slice(-120).join('\n');

const LIVES = [...Array(SEEDS).keys()].flatMap((seed) => [
  { seed, names: ['au', 'ca', 'sa'] },
  { seed, names: ['ca', 'sa'] },
]);
// A copy that was away for long and is back: one ballot must not follow another at once.
LIVES.push({ seed: 46, names: ['ca', 'sa'] });

it.each(LIVES)('life $seed of $names: nothing acknowledged is lost', { timeout: 120_000 }, async ({ seed, names }) => {
  const { rig, clients, troubles } = await life(seed, names).catch((error: unknown) => {
    throw new Error(String(error));
  });
  expect(rig.broken, tail(rig)).toBeUndefined();
  const words = rig.places[0]?.redis.words ?? [];
  const counts = new Map(words.map((w) => [w, words.filter((x) => x === w).length]));
  for (const c of clients) {
    expect(c.acked.length, tail(rig)).toBeGreaterThan(0);
    for (const w of c.acked) expect(`${w}: ${counts.get(w) ?? 0}`, tail(rig)).toBe(`${w}: 1`);
  }
  expect(troubles).toBe(5);
});

/** What the store says was decided. */
const epochOf = (rig: Rig): { primary: string } | undefined =>
  rig.world.view('state/app/epoch').entries[0]?.value as { primary: string } | undefined;

/** A story told to its end, with a look at every moment. */
async function told(rig: Rig, story: () => Promise<void>): Promise<void> {
  await rig.lives(story, 120_000);
  for (const p of rig.places) p.stop.abort();
  expect(rig.broken, tail(rig)).toBeUndefined();
}

it('the first home is cut off before anybody could follow it: another one is elected', async () => {
  const rig = new Rig(1);
  await told(rig, async () => {
    while (epochOf(rig) === undefined) await rig.clock.sleep(5);
    const first = rig.place(epochOf(rig)?.primary ?? '');
    rig.isolate(first, true);
    while (epochOf(rig)?.primary === first.name) await rig.clock.sleep(50);
    rig.isolate(first, false);
    while (!rig.settled()) await rig.clock.sleep(100);
  });
});

it('every agent that saw a failover says who was home before', async () => {
  const rig = new Rig(4);
  await told(rig, async () => {
    while (!rig.settled()) await rig.clock.sleep(100);
    const first = rig.place(epochOf(rig)?.primary ?? '');
    rig.isolate(first, true);
    while (epochOf(rig)?.primary === first.name) await rig.clock.sleep(50);
    rig.isolate(first, false);
    while (!rig.settled()) await rig.clock.sleep(100);
    const reports = rig.places.flatMap((p) => (p.agent === undefined ? [] : [{ ...p.agent.report(), events: [] }]));
    expect(reports.map((r) => [r.before, r.epoch?.primary])).toEqual(
      rig.places.map(() => [first.name, epochOf(rig)?.primary]),
    );
    expect(lastChange(reports)).toMatchObject({ from: first.name, planned: false });
    expect(lastChange(reports)?.why).toContain(`${first.name} is gone`);
  });
});

/** What the store says of the last ballot. */
const whyOf = (rig: Rig): string =>
  (rig.world.view('state/app/ballot').entries[0]?.value as { why: string } | undefined)?.why ?? '';

it('home that is stopped in order is given away first: nobody has to miss it', async () => {
  const rig = new Rig(2);
  await told(rig, async () => {
    while (!rig.settled()) await rig.clock.sleep(100);
    const home = rig.place(epochOf(rig)?.primary ?? '');
    home.agent?.leave();
    await home.ended;
    expect(epochOf(rig)?.primary).not.toBe(home.name);
    expect(whyOf(rig)).toContain('a planned move');
    expect(rig.world.view('state/app/opinion/').entries.filter((e) => (e.value as { gone: boolean }).gone)).toEqual([]);
    expect(home.redis.run).toBeUndefined();
  });
});

it('a move to a cluster that is too far behind is given up, and home goes on', async () => {
  const rig = new Rig(3);
  await told(rig, async () => {
    while (!rig.settled()) await rig.clock.sleep(100);
    const before = epochOf(rig)?.primary ?? '';
    const to = rig.places.find((p) => p.name !== before) as Place;
    rig.isolate(to, true);
    rig.world.write({ if: [], put: [{ key: 'state/app/hold', value: { by: 'a person', to: to.name } }] });
    while (rig.world.view('state/app/hold').entries.length > 0) await rig.clock.sleep(50);
    expect(epochOf(rig)?.primary).toBe(before);
    const client = new Client(rig, 'w');
    await client.run(() => client.acked.length > 0);
    rig.isolate(to, false);
  });
});

interface Decided {
  primary: string;
  copies: string[];
  w: number;
}
const lastOf = (rig: Rig): Decided | undefined =>
  rig.world.view('state/app/epoch').entries[0]?.value as Decided | undefined;
const ONE = { copies: 1, w: 0 };
const BOTH = { copies: 2, w: 1 };

/** Two copies, and the third member of the store has no agent. */
describe('two voters', () => {
  const until = async (rig: Rig, what: Partial<Pick<Decided, 'primary'>> & typeof ONE): Promise<void> => {
    const is = (d: Decided | undefined): boolean =>
      d !== undefined && d.copies.length === what.copies && d.w === what.w && (what.primary ?? d.primary) === d.primary;
    while (!is(lastOf(rig))) await rig.clock.sleep(50);
  };
  const begun = async (seed: number): Promise<{ rig: Rig; client: Client; home: Place }> => {
    const rig = new Rig(seed, ['ca', 'sa'], ['ca', 'sa'], ['au', 'ca', 'sa']);
    return { rig, client: new Client(rig, 'x'), home: rig.place('ca') };
  };

  const SIDES = [1, 2, 3].flatMap((seed) => [
    { seed, cut: 'ca', left: 'sa', what: 'home is cut off: the other one takes over alone' },
    { seed, cut: 'sa', left: 'ca', what: 'the copy is cut off: home goes on alone' },
  ]);
  it.each(SIDES)('$what, and both count again ($seed)', async ({ seed, cut, left }) => {
    const { rig, client, home } = await begun(seed);
    let ended = false;
    await told(rig, async () => {
      const writing = client.run(() => ended);
      await until(rig, { ...BOTH, primary: home.name });
      while (!rig.settled()) await rig.clock.sleep(100);
      rig.isolate(rig.place(cut), true);
      await until(rig, { ...ONE, primary: left });
      const before = client.acked.length;
      while (client.acked.length < before + 5) await rig.clock.sleep(100);
      rig.isolate(rig.place(cut), false);
      await until(rig, { ...BOTH, primary: left });
      ended = true;
      await writing;
      while (!rig.settled()) await rig.clock.sleep(100);
    });
    const { words } = rig.place('sa').redis;
    for (const w of client.acked) expect(words.filter((x) => x === w)).toEqual([w]);
  });

  it('only the way between them is cut: nobody goes on alone', async () => {
    const { rig, home } = await begun(1);
    await told(rig, async () => {
      await until(rig, { ...BOTH, primary: home.name });
      while (!rig.settled()) await rig.clock.sleep(100);
      const { epoch } = lastOf(rig) as unknown as { epoch: number };
      rig.unlinked = true;
      await rig.clock.sleep(20_000);
      expect(lastOf(rig)).toMatchObject({ epoch, copies: ['ca', 'sa'], w: 1 });
      rig.unlinked = false;
      while (!rig.settled()) await rig.clock.sleep(100);
    });
  });
});

/** Home is cut off and another copy is empty: what is left cannot prove that it has everything. */
describe('two faults at once', () => {
  const named = (rig: Rig): Facts['ballot'] => {
    const heard = rig.places.map((p): Heard => {
      const said = p.cut ? undefined : p.agent?.report();
      return said === undefined
        ? { cluster: p.name, why: 'no answer' }
        : { cluster: p.name, report: { ...said, events: [] } };
    });
    return factsOf({ app: 'app', mode: 'single-writer' } as StatePlan, heard, []).ballot;
  };

  it.each([1, 2, 3])(
    'nobody becomes home, who is missing is named, and one that is back is enough (%i)',
    async (seed) => {
      const rig = new Rig(seed);
      const client = new Client(rig, 'x');
      await told(rig, async () => {
        while (!rig.settled()) await rig.clock.sleep(100);
        await client.run(() => client.acked.length > 3);
        const home = rig.place(epochOf(rig)?.primary ?? '');
        const [empty, left] = rig.places.filter((p) => p !== home) as [Place, Place];
        expect(named(rig)).toBeUndefined();
        rig.isolate(home, true);
        empty.redis.stop();
        empty.redis.start('empty');
        while (named(rig)?.waits === undefined) await rig.clock.sleep(50);
        const clusters = [home.name, empty.name].toSorted();
        expect(named(rig)?.waits).toEqual({ clusters, enough: 1, best: left.name });
        await rig.clock.sleep(20_000);
        expect(named(rig)?.waits).toEqual({ clusters, enough: 1, best: left.name });
        expect(epochOf(rig)?.primary).toBe(home.name);
        rig.isolate(home, false);
        while (!rig.settled()) await rig.clock.sleep(100);
        expect(named(rig)).toBeUndefined();
      });
      for (const w of client.acked) expect(rig.places[0]?.redis.words.filter((x) => x === w)).toEqual([w]);
    },
  );
});

it('clocks that jump by 5 s change nothing: no ballot, no failover', { timeout: 120_000 }, async () => {
  const rig = new Rig(5);
  const client = new Client(rig, 'x');
  let over = false;
  const story = async (): Promise<void> => {
    while (!rig.settled()) await rig.clock.sleep(100);
    const ballot = rig.world.view('state/app/ballot').entries[0]?.revision;
    const writing = client.run(() => over);
    for (const [i, off] of [5000, -5000, 0].entries()) {
      for (const [j, p] of rig.places.entries()) p.off = j === i ? off : -off;
      await rig.clock.sleep(12_000);
    }
    over = true;
    await writing;
    expect(rig.world.view('state/app/ballot').entries[0]?.revision).toBe(ballot);
  };
  await rig.lives(story, 600_000);
  for (const p of rig.places) p.stop.abort();
  expect(rig.broken).toBeUndefined();
  expect(client.acked.length).toBeGreaterThan(100);
});
