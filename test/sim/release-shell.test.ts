/**
 * The real shell over faulty ports, in simulated time. `TW_RUNS=10000` runs more; a failing seed prints its story,
 * which is kept under test/transcripts/release.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { play } from './release-shell/play.ts';
import type { Scenario } from './release-shell/rig.ts';

const runs = Number(process.env.TW_RUNS ?? '200');
const cluster = fc.nat(2);
const time = fc.integer({ min: 1, max: 50_000 });
const maybe = <T>(a: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(a, { nil: undefined, freq: 2 });
const stop = { at: fc.integer({ min: 1, max: 300 }), after: fc.boolean() };

const base = {
  seed: fc.integer(),
  waves: fc.boolean(),
  rollbackAt: maybe(time),
  cut: maybe(fc.record({ cluster, from: time, ms: fc.integer({ min: 1, max: 60_000 }) })),
  bad: maybe(fc.record({ cluster, from: fc.oneof(fc.constant(0), time) })),
};
const storm = fc.record({
  ...base,
  rate: fc.constantFrom(0, 0.02, 0.1, 0.3),
  fate: maybe(fc.oneof(fc.record(stop), fc.record({ ...stop, stopMs: fc.integer({ min: 1000, max: 70_000 }) }))),
  takeoverAt: maybe(time),
  giveUpAt: maybe(time),
});
const calm = fc.record({ ...base, rate: fc.constant(0) });
const clean = (x: object): Scenario =>
  Object.fromEntries(Object.entries(x).filter(([, v]) => v !== undefined)) as unknown as Scenario;

it('I1-I6 hold under delay, loss, doubt, crash, pause and takeover; healed, it ends', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(storm, async (x) => {
      await play(clean(x));
    }),
    { numRuns: runs },
  );
});

it('a living shell keeps the skew or brakes', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(calm, async (x) => {
      await play(clean(x));
    }),
    { numRuns: Math.ceil(runs / 4) },
  );
});

/** Stories that once broke a law: the line with braces in `fault-*.txt`. */
const transcripts = fileURLToPath(new URL('../transcripts/release/', import.meta.url));
const kept = readdirSync(transcripts).flatMap((file) => {
  const line = /^# (\{.*\})$/m.exec(readFileSync(join(transcripts, file), 'utf8'))?.[1];
  return line === undefined ? [] : [{ file, x: JSON.parse(line) as Scenario }];
});
it.each(kept)('$file does not come back', async ({ x }) => {
  await expect(play(x)).resolves.toBeDefined();
});

it('one seed is one story', async () => {
  const x: Scenario = {
    seed: 7,
    rate: 0.1,
    waves: true,
    takeoverAt: 3000,
    fate: { at: 40, stopMs: 9000, after: true },
  };
  expect((await play(x)).log).toEqual((await play(x)).log);
});

it('a driver without a fence is found out', { timeout: 300_000 }, async () => {
  const shape = fc.record({
    seed: fc.integer(),
    waves: fc.constant(false),
    rate: fc.constant(0.1),
    rollbackAt: fc.integer({ min: 1500, max: 6000 }),
    loose: fc.constant(true),
  });
  const found = await fc.check(
    fc.asyncProperty(shape, async (x) => {
      await play(x);
    }),
    { numRuns: 400, endOnFailure: true, seed: 1 },
  );
  expect(String(found.errorInstance)).toMatch(/I[1-5] /);
});
