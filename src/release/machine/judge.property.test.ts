import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Counters } from '../model.ts';
import { type JudgeSample, type JudgeState, judgeStart, judgeStep, verdictOf } from './judge.ts';
import { BOUNDS, Gateway, type Rate, TERMS } from './judge-fixtures.ts';
import { growth, NOTHING, plus, slowerThan, tallyOf, wilson } from './tally.ts';

const rate: fc.Arbitrary<Rate> = fc
  .record({
    requests: fc.integer({ min: 0, max: 200 }),
    bad: fc.double({ min: 0, max: 1, noNaN: true }),
    seconds: fc.constantFrom(0.01, 0.04, 0.07, 0.15, 0.4, 2),
    slow: fc.integer({ min: 0, max: 100 }),
    slowSeconds: fc.constantFrom(0.15, 0.4, 2, 9),
  })
  .map(({ bad, ...r }) => ({ ...r, errors: Math.floor(bad * r.requests) }));

const step = fc.record({
  pass: fc.integer({ min: 0, max: 15 }),
  stage: fc.constantFrom<JudgeSample['stage'][]>('before', 'settle', 'soak', 'soak', 'soak'),
  blue: rate,
  green: rate,
  other: rate,
  see: fc.record({ blue: fc.boolean(), green: fc.boolean(), other: fc.boolean() }),
  restart: fc.boolean(),
  restarts: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
  masked: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Anything a shell may see, in any order: gaps, restarts of the gateway, stages that go back. */
function samplesOf(steps: readonly Step[]): JudgeSample[] {
  const [blue, green, other] = [new Gateway(), new Gateway(), new Gateway()];
  let at = 0;
  return steps.map((s) => {
    at += s.pass * 1000;
    if (s.restart) green.restart();
    blue.add(s.blue, s.pass);
    green.add(s.green, s.pass);
    other.add(s.other, s.pass);
    return {
      at,
      stage: s.stage,
      blue: s.see.blue ? blue.read(at) : undefined,
      green: s.see.green ? green.read(at) : undefined,
      others: s.see.other ? { syd: other.read(at) } : {},
      restarts: s.restarts,
      masked: s.masked,
    };
  });
}
const fold = (samples: readonly JudgeSample[]): JudgeState => samples.reduce(judgeStep, judgeStart('mtl', TERMS));
const anything = fc.array(step, { maxLength: 40 }).map(samplesOf);

function everyNumber(of: unknown, ok: (n: number) => boolean): boolean {
  if (typeof of === 'number') return ok(of);
  return of === null || typeof of !== 'object' || Object.values(of).every((v) => everyNumber(v, ok));
}

describe('whatever is seen', () => {
  it('the state is plain JSON without a negative number, and gives the same verdicts after a round trip', () => {
    fc.assert(
      fc.property(anything, anything, (first, more) => {
        const state = fold(first);
        expect(everyNumber(state, (n) => Number.isFinite(n) && n >= 0)).toBe(true);
        const later = more.map((s) => ({ ...s, at: s.at + (state.last?.at ?? 0) }));
        const again = JSON.parse(JSON.stringify(state)) as JudgeState;
        const [a, b] = [later.reduce(judgeStep, state), later.reduce(judgeStep, again)];
        expect(verdictOf(b, 1e6)).toEqual(verdictOf(a, 1e6));
      }),
    );
  });
  it('a fail stays, and every reason has code and cluster and no number that is none', () => {
    fc.assert(
      fc.property(anything, (samples) => {
        let [state, failed] = [judgeStart('mtl', TERMS), false];
        for (const s of samples) {
          state = judgeStep(state, s);
          const v = verdictOf(state, s.at);
          expect(failed && v.is !== 'fail').toBe(false);
          failed = v.is === 'fail';
          expect(v.why).toHaveLength(1);
          for (const r of v.why) {
            expect(r).toMatchObject({ code: 'TW7030', cluster: 'mtl' });
            expect(r.say).toMatch(/ on mtl/);
            expect(r.say).not.toMatch(/NaN|Infinity|undefined|-\d/);
          }
        }
      }),
    );
  });
  it('never passes below the wanted requests, never fails a green without errors, restarts and slow answers', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const calm = { requests: 0, errors: 0, seconds: 0.01, slow: 0, slowSeconds: 0.15 };
        const good = steps.map((s) => ({ ...s, restarts: 0, green: { ...calm, requests: s.green.requests } }));
        const state = fold(samplesOf(good));
        const v = verdictOf(state, state.last?.at ?? 0);
        expect(v.is).not.toBe('fail');
        if (v.is === 'pass') expect(state.total?.green.requests).toBeGreaterThanOrEqual(TERMS.requests);
      }),
    );
  });
  it('more errors of green never save it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 50 }), (steps, extra) => {
        const one = steps.map((s) => ({ ...s, restart: false }));
        const worse = one.map((s) => ({
          ...s,
          green: { ...s.green, errors: Math.min(s.green.requests, (s.green.errors ?? 0) + extra) },
        }));
        const failed = (all: readonly Step[]): boolean => fold(samplesOf(all)).failed !== undefined;
        expect(failed(one) && !failed(worse)).toBe(false);
      }),
    );
  });
  it('the same readings more often are the same sum', () => {
    const plain = { pass: 2, stage: 'soak', restart: false, restarts: 0, masked: false } as const;
    const seen = { see: { blue: true, green: true, other: true } };
    const even = fc.array(fc.record({ blue: rate, green: rate, other: rate }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(even, (rates) => {
        const samples = samplesOf(rates.map((r) => ({ ...plain, ...seen, ...r })));
        const ends = [samples[0], samples.at(-1)].filter((s) => s !== undefined);
        const [often, seldom] = [fold(samples).total, fold(ends).total];
        expect(often?.green).toEqual(seldom?.green);
        expect(often?.others).toEqual(seldom?.others);
      }),
    );
  });
  it('no alarm inside one bucket', () => {
    const i = fc.integer({ min: 0, max: BOUNDS.length - 1 });
    const spread = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(i, spread, spread, (bucket, a, b) => {
        const [low, high] = [BOUNDS[bucket - 1] ?? 0, BOUNDS[bucket] ?? 0];
        const at = (x: number): Rate => ({ requests: 50, errors: 0, seconds: low + x * (high - low) });
        const one = { restart: false, restarts: 0, masked: false, see: { blue: true, green: true, other: false } };
        const steps = Array.from({ length: 90 }, (_, n) => {
          const stage = n < 30 ? ('before' as const) : ('soak' as const);
          return { ...one, pass: 2, stage, blue: at(a), green: at(b), other: at(a) };
        });
        const state = fold(samplesOf(steps));
        expect(verdictOf(state, state.last?.at ?? 0).is).toBe('pass');
      }),
      { numRuns: 50 },
    );
  });
});

describe('tally', () => {
  it('growths add up to all that was counted, whenever the gateway is started anew right after a reading', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ rate, restart: fc.boolean() }), { maxLength: 30 }), (parts) => {
        const gateway = new Gateway();
        let [sum, last, asked, bad] = [NOTHING, tallyOf(gateway.read(0)), 0, 0];
        for (const p of parts) {
          // Seen as a restart only if it counts less than before.
          if (p.restart && p.rate.requests < last.requests) gateway.restart();
          gateway.add(p.rate, 1);
          const now = tallyOf(gateway.read(0));
          sum = plus(sum, growth(now, last));
          [last, asked, bad] = [now, asked + p.rate.requests, bad + (p.rate.errors ?? 0)];
        }
        expect([sum.requests, sum.errors, sum.timed]).toEqual([asked, bad, asked]);
      }),
    );
  });
  it('other bounds are another gateway; of two gateways the common bounds count', () => {
    const c = (...bounds: number[]): Counters => ({
      at: 0,
      requests: 10,
      errors: 1,
      latency: [...bounds.map((le) => ({ le, count: 4 })), { le: Infinity, count: 10 }],
    });
    expect(growth(tallyOf(c(1, 2)), tallyOf(c(1, 3)))).toEqual(tallyOf(c(1, 2)));
    expect(plus(tallyOf(c(1, 2)), tallyOf(c(2, 3)))).toMatchObject({ le: [2], within: [8], timed: 20, requests: 20 });
  });
  it('counts what is slower by the next bound', () => {
    const t = { ...NOTHING, le: [0.1, 0.3, 1], within: [50, 90, 99], timed: 100 };
    expect(slowerThan(t, 0.1)).toEqual({ count: 50, bound: 0.1 });
    expect(slowerThan(t, 1.5 * 0.2)).toEqual({ count: 10, bound: 0.3 });
    expect(slowerThan(t, 0.31)).toEqual({ count: 1, bound: 1 });
    expect(slowerThan(t, 1.01)).toBeUndefined();
  });
});

describe('wilson', () => {
  it('as in the books', () => {
    // Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    expect(wilson(81, 263, 1.959964)).toEqual({ lower: expect.closeTo(0.2553, 4), upper: expect.closeTo(0.3662, 4) });
    expect(wilson(15, 148, 1.959964)).toEqual({ lower: expect.closeTo(0.0624, 4), upper: expect.closeTo(0.1605, 4) });
    expect(wilson(0, 20, 1.959964)).toEqual({ lower: 0, upper: expect.closeTo(0.1611, 4) });
    expect(wilson(1, 29, 1.959964)).toEqual({ lower: expect.closeTo(0.0061, 4), upper: expect.closeTo(0.1718, 4) });
  });
  it('holds the share, and narrows with the sample', () => {
    const n = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(n, fc.double({ min: 0, max: 1, noNaN: true }), (size, p) => {
        const hits = Math.floor(p * size);
        const { lower, upper } = wilson(hits, size, 3);
        expect(0 <= lower && lower <= hits / size && hits / size <= upper && upper <= 1).toBe(true);
        const more = wilson(hits * 10, size * 10, 3);
        expect(more.lower >= lower && more.upper <= upper).toBe(true);
      }),
    );
    expect(wilson(0, 0, 3)).toEqual({ lower: 0, upper: 1 });
  });
});
