// One cluster alone: every reply and every key is what Redis itself would give.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ActiveRedis, type Plain, plain } from '../testing/active.ts';
import { chanceOf, NAMES, randomWrite } from '../testing/random-writes.ts';
import { programOf } from '../testing/redis-process.ts';
import { CONVERGENT } from './commands.ts';

const missing = programOf('redis-server') === undefined;
const SEEDS = 60;

/** Relative expiries differ by the time between the two. */
function near(a: Record<string, Plain>, b: Record<string, Plain>): Record<string, Plain> {
  return Object.fromEntries(
    Object.entries(a).map(([key, row]) => {
      const [kind = null, value = null, ends] = row as Plain[];
      const other = (b[key] as Plain[] | undefined)?.[2];
      return [key, [kind, value, Math.abs(Number(ends) - Number(other)) < 5000 ? (other ?? null) : (ends ?? null)]];
    }),
  );
}

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'one cluster alone', () => {
  let [ours, theirs]: ActiveRedis[] = [];
  beforeAll(async () => {
    [ours, theirs] = await Promise.all([ActiveRedis.start('a.1'), ActiveRedis.start('b.1')]);
  });
  afterAll(async () => void (await Promise.all([ours?.close(), theirs?.close()])));

  it('the writes of the tests are all that converge', () => {
    expect(NAMES.toSorted()).toEqual(CONVERGENT.toSorted());
  });

  it(`${SEEDS} seeded sequences: the same replies and the same data as plain commands`, async () => {
    if (ours === undefined || theirs === undefined) throw new Error('no Redis');
    for (let seed = 1; seed <= SEEDS; seed++) {
      await Promise.all([ours.reopen(), theirs.client.ask('FLUSHALL')]);
      const chance = chanceOf(seed);
      const commands = Array.from({ length: 120 }, () => randomWrite(chance)).filter((c) => !beyond(c));
      const [said, should] = await Promise.all([ours.writes(commands), theirs.client.pipeline(commands)]);
      const both = commands.map((c, i) => [`seed ${seed}`, c.map(String), said[i] ?? null, plain(should[i] ?? null)]);
      expect(both.map((b) => [b[0], b[1], b[2]])).toEqual(both.map((b) => [b[0], b[1], b[3]]));
      const [mine, real] = [await ours.data(), await theirs.data()];
      expect(near(mine, real), `seed ${seed}`).toEqual(real);
    }
  });
});

/** Numbers that a double does not hold are refused sooner than Redis does; another test says so. */
const beyond = (c: readonly unknown[]): boolean => c.slice(1).some((a) => /^90071992547409\d\d$/.test(String(a)));
