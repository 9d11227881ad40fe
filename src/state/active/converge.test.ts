// Three real Redis that all take writes: whatever order their entries arrive in, they end equal, and equal to the model.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActiveRedis, Plain } from '../testing/active.ts';
import { operationsIn } from '../testing/entries.ts';
import { settle, three } from '../testing/exchange.ts';
import { type Chance, chanceOf, HABITS, pick, randomWrite } from '../testing/random-writes.ts';
import { programOf } from '../testing/redis-process.ts';
import { numberOf } from './ids.ts';
import { ActiveModel } from './model/merge.ts';

const missing = programOf('redis-server') === undefined;
const SEEDS = Number(process.env['TW_AA_SEEDS'] ?? 25);
const FIRST = Number(process.env['TW_AA_FIRST'] ?? 1);
const STEPS = 250;

/** Brings part of one log from one Redis to another: in batches of any size, again and again, past the origin itself. */
async function deliver(chance: Chance, from: ActiveRedis, to: ActiveRedis): Promise<void> {
  const [have, there] = await Promise.all([to.vector(), from.vector()]);
  const origin = pick(
    chance,
    Object.keys(there).filter((o) => o !== to.origin),
  );
  if (origin === undefined) return;
  const all = await from.tail(origin, '0-0');
  const known = all.findIndex((id, i) => i % 2 === 0 && numberOf(id.toString()) > numberOf(have[origin] ?? '0-0'));
  if (known < 0) return;
  // Some that are there already come once more.
  const start = Math.max(0, known / 2 - (chance(3) === 0 ? chance(6) : 0));
  const prev = start === 0 ? '0-0' : String(all[2 * start - 2]);
  const entries = all.slice(2 * start, 2 * (known / 2 + 1 + chance(8)));
  const said = await to.apply(origin, prev, entries);
  if (String(said).startsWith('-')) throw new Error(String(said));
}

/** What the model says that apps see, from all entries there are. */
async function expected(of: ActiveRedis): Promise<Record<string, Plain>> {
  const model = new ActiveModel();
  for (const origin of Object.keys(await of.vector())) {
    const log = await of.tail(origin, '0-0');
    for (let i = 0; i < log.length; i += 2) {
      model.take({ origin, n: numberOf(String(log[i])) }, operationsIn(log[i + 1] ?? Buffer.alloc(0)));
    }
  }
  const rows = model.keys().map((k): [string, Plain] => [k, [...shownAs(model, k), model.expiry(k) ?? -1]]);
  return Object.fromEntries(
    rows.toSorted((a, b) => Buffer.compare(Buffer.from(a[0], 'latin1'), Buffer.from(b[0], 'latin1'))),
  );
}
function shownAs(model: ActiveModel, key: string): Plain[] {
  const shown = model.read(key);
  if (shown === undefined) return [];
  if (shown.is === 'string') return ['string', shown.value];
  if (shown.is === 'hash') return ['hash', Object.entries(shown.fields).toSorted((a, b) => (a[0] < b[0] ? -1 : 1))];
  return [shown.is, [...(shown.is === 'set' ? shown.members : shown.values)]];
}

const SHORT = ['PX', 'PEXPIRE'];
/** Some keys end while the test runs. */
function shortLived(chance: Chance): (string | number)[] {
  const [key, ms] = [pick(chance, ['a', 'b', 'c']), 1 + chance(40)];
  return pick(chance, SHORT) === 'PX' ? ['SET', key, 'brief', 'PX', ms] : ['PEXPIRE', key, ms];
}

async function life(seed: number, all: readonly ActiveRedis[]): Promise<void> {
  const chance = chanceOf(seed);
  const habits = HABITS[seed % HABITS.length];
  // Some lives are mostly apart.
  const writes = pick(chance, [45, 60, 85]);
  const brief = pick(chance, [1, 1, 15]);
  for (let step = 0; step < STEPS; step++) {
    const one = pick(chance, all);
    const what = chance(100);
    if (chance(100) < brief) await one.write(...shortLived(chance));
    else if (what < writes) await one.writes(Array.from({ length: 1 + chance(4) }, () => randomWrite(chance, habits)));
    else if (what < 97)
      await deliver(
        chance,
        pick(
          chance,
          all.filter((r) => r !== one),
        ),
        one,
      );
    else if (what < 99) await one.sweep();
    else await one.become(`${one.origin.split('.')[0]}.${seed}${step}`);
  }
}

async function rest(all: readonly ActiveRedis[]): Promise<void> {
  await new Promise((done) => setTimeout(done, 45));
  // All hear of it, all say that nothing more comes, who set the time forgets.
  for (let round = 0; round < 3; round++) {
    for (const r of all) await r.sweep();
    await settle(all);
  }
}

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'three clusters that all take writes', () => {
  let all: ActiveRedis[] = [];
  beforeAll(async () => {
    all = await three();
  });
  afterAll(async () => void (await Promise.all(all.map((r) => r.close()))));

  it(`${SEEDS} seeded lives end equal: data, metadata, logs, and the model`, { timeout: 600_000 }, async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      for (const [i, r] of all.entries()) await r.reopen(`${'abc'[i]}.0`);
      await life(seed, all);
      await rest(all);
      const data = await Promise.all(all.map((r) => r.data()));
      const meta = await Promise.all(all.map((r) => r.metadata()));
      const logs = await Promise.all(all.map((r) => r.logs()));
      for (const i of [1, 2]) {
        expect(data[i], `seed ${seed}: data`).toEqual(data[0]);
        expect(meta[i], `seed ${seed}: metadata`).toEqual(meta[0]);
        expect(logs[i], `seed ${seed}: logs`).toEqual(logs[0]);
      }
      const first = all[0];
      if (first !== undefined) expect(data[0], `seed ${seed}: model`).toEqual(await expected(first));
      // Nothing is left of removals that came early.
      expect(Object.keys(meta[0] ?? {}).filter((k) => /^tw:(late|cut)/.test(k))).toEqual([]);
    }
  });
});
