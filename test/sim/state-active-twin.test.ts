/** Where all clusters write: whatever happens to Redis, agents, disks and ways, nothing is lost but what had no other copy, nothing comes twice, and all end equal. */
import { describe, expect, it } from 'vitest';
import { covers, idAt, isAfter } from '../../src/state/active/ids.ts';
import { type Place, Rig, type RigOptions } from './state-active-twin/rig.ts';

interface Life {
  rig: Rig;
  /** Words that Redis took. */
  acked: string[];
  /** Words whose only copy was in memory or on a disk that was lost. */
  gone: Set<string>;
}
type Fault = (l: Life, p: Place) => Promise<void>;

const pick = <T>(rig: Rig, all: readonly T[]): T => all[Math.floor(rig.roll() * all.length)] as T;

/** Everything of `p` that is nowhere else is gone, unless `p` still has it after `loses`. */
function losing({ rig, gone }: Life, p: Place, loses: () => void): void {
  const had = p.redis.words();
  loses();
  const left = new Set(rig.places.flatMap((o) => [...o.redis.words()]));
  for (const w of had) if (!left.has(w)) gone.add(w);
}
async function restart(l: Life, p: Place, from: 'disk' | 'empty'): Promise<void> {
  p.redis.stop();
  await l.rig.clock.sleep(50 + l.rig.roll() * 400);
  losing(l, p, () => p.redis.start(from));
}
const cut = async ({ rig }: Life, ways: readonly string[], ms = 300 + rig.roll() * 6000): Promise<void> => {
  for (const w of ways) rig.cuts.add(w);
  await rig.clock.sleep(ms);
  for (const w of ways) rig.cuts.delete(w);
};
const around = ({ rig }: Life, p: Place): string[] =>
  rig.places.flatMap((o) => (o === p ? [] : [`${p.name}>${o.name}`, `${o.name}>${p.name}`]));
const FAULTS: Readonly<Record<string, Fault>> = {
  'Redis killed': (l, p) => restart(l, p, 'disk'),
  'restarted empty': (l, p) => restart(l, p, 'empty'),
  'agent killed': async ({ rig }, p) => {
    rig.crash(p);
    await rig.clock.sleep(rig.roll() * 3000);
    rig.start(p);
  },
  'stale disk': async (l, p) => {
    const restore = p.redis.keepDisk();
    await l.rig.clock.sleep(200 + l.rig.roll() * 6000);
    p.redis.stop();
    losing(l, p, () => {
      restore();
      p.redis.start('disk');
    });
  },
  isolated: (l, p) => cut(l, around(l, p)),
  'clock jumps': async ({ rig }, p) => {
    const seen = () => rig.places.flatMap((o) => o.agent?.report().peers[p.name]?.aheadMs ?? []);
    p.off = rig.roll() < 0.5 ? -5000 : 5000;
    // Others see it with the next ping or two, and that it is over.
    await rig.clock.sleep(6000);
    for (const ms of seen())
      if (Math.abs(ms - p.off) > 400) throw new Error(`${p.name} is off by ${p.off}, seen: ${ms}`);
    rig.seen += seen().length;
    p.off = 0;
    await rig.clock.sleep(6000);
    if (seen().length > 0) throw new Error(`${p.name} is right again, seen: ${seen().join()}`);
  },
  'one way cut': async (l, p) => {
    const other = pick(
      l.rig,
      l.rig.places.filter((o) => o !== p),
    );
    await cut(l, [`${p.name}>${other.name}`]);
  },
  'stopped in order': async ({ rig }, p) => {
    if (p.redis.run === undefined) return;
    p.agent?.leave();
    await p.ended;
    p.redis.start('disk');
    rig.start(p);
  },
};

/** Longer than short logs reach back, on both sides. */
const LONG: Readonly<Record<string, Fault>> = { 'isolated for long': (l, p) => cut(l, around(l, p), 12_000) };

/** Apps write everywhere, faults come one after the other, sometimes two at once. */
async function live(l: Life, faults: readonly string[]): Promise<void> {
  const { rig } = l;
  let running = true;
  const writers = rig.places.map(async (p) => {
    for (let n = 0; running; n++) {
      await rig.clock.sleep(10 + rig.roll() * 80);
      try {
        p.redis.write(`${p.name}-${n}`);
        l.acked.push(`${p.name}-${n}`);
      } catch {
        // It is closed, or not there.
      }
    }
  });
  const strike = async (): Promise<void> => {
    const [name, p] = [pick(rig, faults), pick(rig, rig.places)];
    rig.say(`${name}: ${p.name}`);
    await { ...FAULTS, ...LONG }[name]?.(l, p);
  };
  await rig.clock.sleep(5000);
  for (let i = 0; i < 4; i++) {
    await Promise.all(
      rig.roll() < 0.3 && faults.length > 1 ? [strike(), rig.clock.sleep(rig.roll() * 500)] : [strike()],
    );
    await rig.clock.sleep(rig.roll() * 4000);
  }
  running = false;
  await Promise.all(writers);
}

async function played(seed: number, faults: readonly string[], o: RigOptions = {}): Promise<Life> {
  const life: Life = { rig: new Rig(seed, o), acked: [], gone: new Set() };
  const { rig } = life;
  let over = false;
  const lives = live(life, faults).then(() => (over = true));
  const level = (): boolean => {
    if (!over) return false;
    const vectors = rig.places.map((p) => p.redis.vector());
    const same = vectors.every((a) => vectors.every((b) => covers(a, b)));
    // Whoever waits for a second copy hears of it.
    const told = rig.places.every(
      (p) => !isAfter(idAt(p.redis.vector(), p.agent?.report().origin ?? ''), p.redis.acked),
    );
    return same && told && rig.places.every((p) => p.agent?.report().open === true);
  };
  try {
    await rig.clock.run(level, 600_000, () => undefined);
    await lives;
  } finally {
    for (const p of rig.places) p.stop.abort();
  }
  return life;
}

function isRight({ rig, acked, gone }: Life): void {
  const all = rig.places.map((p) => [...p.redis.words()].sort());
  for (const words of all) expect(words).toEqual(all[0]);
  const words = all[0] ?? [];
  expect(words.filter((w, i) => w === words[i - 1])).toEqual([]);
  const at = new Set(words);
  expect(acked.filter((w) => !at.has(w) && !gone.has(w))).toEqual([]);
  expect(acked.length).toBeGreaterThan(100);
}

async function check(seed: number, faults: readonly string[], o: RigOptions = {}): Promise<Life> {
  let life: Life | undefined;
  try {
    life = await played(seed, faults, o);
    isRight(life);
    return life;
  } catch (error) {
    throw new Error(`seed ${seed}\n${life?.rig.log.join('\n') ?? ''}`, { cause: error });
  }
}
/** A life takes half a second of a processor. */
const LIMIT_MS = 180_000;
const seeds = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('three clusters that all write, over Redis twins', () => {
  it.each(Object.keys(FAULTS))(
    '%s',
    async (fault) => {
      for (const seed of seeds(3)) await check(seed, [fault]);
    },
    LIMIT_MS,
  );

  it('TW5120: a clock that jumps is seen by the others, and all end equal', async () => {
    const lives = await Promise.all(seeds(3).map((seed) => check(3000 + seed, ['clock jumps'])));
    // Four times in each life, by both others.
    expect(lives.map((l) => l.rig.seen)).toEqual([8, 8, 8]);
  });

  it(
    'everything',
    async () => {
      for (const seed of seeds(15)) await check(1000 + seed, Object.keys(FAULTS));
    },
    LIMIT_MS,
  );

  it('TW5113: a log on disk that was cut is said, and what it lost comes from the others', async () => {
    const rig = new Rig(7);
    const [au, ca] = rig.places as [Place, Place];
    const words = ['1', '2', '3'];
    const story = (async () => {
      while (!rig.places.every((p) => p.agent?.report().open === true)) await rig.clock.sleep(100);
      for (const w of words) au.redis.write(w);
      while (ca.redis.words().length < words.length) await rig.clock.sleep(100);
      au.redis.stop();
      au.redis.cutLog();
      expect(au.redis.words()).toEqual(['1', '2']);
      au.redis.start('disk');
    })();
    const said = /au log on disk: TW5113 it was cut at \S+, (ca|sa) has up to/;
    const whole = (): boolean => au.agent?.report().open === true && au.redis.words().length >= 3;
    await rig.clock.run(
      () => rig.log.some((l) => said.test(l)) && whole(),
      60_000,
      () => undefined,
    );
    await story;
    expect(au.redis.words()).toEqual(words);
    // What was torn must not come back behind it.
    au.redis.stop();
    au.redis.start('disk');
    const { run } = au.redis;
    await rig.clock.run(
      () => au.redis.look().me?.run === run && whole(),
      60_000,
      () => undefined,
    );
    for (const p of rig.places) p.stop.abort();
    expect(au.redis.words()).toEqual(words);
    expect(rig.log.filter((l) => l.includes('TW5113'))).toHaveLength(1);
  });

  it(
    'logs that are cut too early are made good by a full copy',
    async () => {
      let copies = 0;
      for (const seed of seeds(8)) {
        const { rig } = await check(2000 + seed, ['isolated for long', 'stale disk', 'isolated'], {
          outboxMax: 20,
          keepMs: 100,
        });
        copies += rig.log.filter((l) => l.includes('close for a full copy')).length;
      }
      expect(copies).toBeGreaterThan(2);
    },
    LIMIT_MS,
  );
});
