import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { divide, type Member } from './division.ts';

describe('division', () => {
  test('the vector of the design page', () => {
    const members = [
      { name: 'A', weight: 1, min: 4, max: 6 },
      { name: 'B', weight: 2, min: 4, max: 8 },
    ];
    expect(divide(9, members)).toEqual({ ok: true, counts: { A: 4, B: 5 } });
    expect(divide(7, members)).toMatchObject({ ok: false, why: expect.stringContaining('minimums') });
    expect(divide(15, members)).toMatchObject({ ok: false, why: expect.stringContaining('maximums') });
  });

  const member = fc
    .record({
      weight: fc.integer({ min: 0, max: 5 }),
      min: fc.integer({ min: 0, max: 4 }),
      room: fc.integer({ min: 0, max: 8 }),
    })
    .map(({ weight, min, room }) => ({ weight, min, max: min + room }));
  const members = fc
    .array(member, { minLength: 1, maxLength: 6 })
    .map((list) => list.map((m, i): Member => ({ name: `c${i}`, ...m })));

  test('sum and bounds hold, the order of clusters does not matter', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 0, max: 40 }), (ms, total) => {
        const d = divide(total, ms);
        if (!d.ok) return;
        const counts = ms.map((m) => d.counts[m.name] ?? -1);
        expect(counts.reduce((a, b) => a + b, 0)).toBe(total);
        ms.forEach((m, i) => {
          expect(counts[i]).toBeGreaterThanOrEqual(m.min ?? 0);
          expect(counts[i]).toBeLessThanOrEqual(m.weight > 0 ? (m.max ?? 1e9) : (m.min ?? 0));
        });
        expect(divide(total, ms.toReversed())).toEqual(d);
      }),
      { numRuns: 500 },
    );
  });

  test('growing never lowers a cluster, shrinking never raises one', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 }), (ms, a, b) => {
        const first = divide(a, ms);
        if (!first.ok) return;
        const now = ms.map((m) => ({ ...m, current: first.counts[m.name] ?? 0 }));
        const next = divide(b, now, true);
        if (!next.ok) return;
        for (const m of now) {
          const n = next.counts[m.name] ?? 0;
          expect(b >= a ? n - m.current : m.current - n).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  /** Best of all divisions: the one whose shares are nearest to the weights (least squares of n²/w, as largest remainder is). */
  function bruteDeviation(total: number, ms: readonly Member[]): number {
    let best = Number.POSITIVE_INFINITY;
    const walk = (i: number, left: number, counts: number[]): void => {
      const m = ms[i];
      if (m === undefined) {
        if (left === 0) best = Math.min(best, deviation(total, ms, counts));
        return;
      }
      for (let n = m.min ?? 0; n <= Math.min(left, m.max ?? left); n++) walk(i + 1, left - n, [...counts, n]);
    };
    walk(0, total, []);
    return best;
  }
  function deviation(total: number, ms: readonly Member[], counts: readonly number[]): number {
    const weights = ms.reduce((s, m) => s + m.weight, 0);
    return Math.max(...ms.map((m, i) => Math.abs((counts[i] ?? 0) - (total * m.weight) / weights)));
  }

  test('without binding bounds no other division is nearer to the weights', () => {
    const free = fc
      .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
      .map((ws) => ws.map((weight, i) => ({ name: `c${i}`, weight })));
    fc.assert(
      fc.property(free, fc.integer({ min: 0, max: 10 }), (ms, total) => {
        const d = divide(total, ms);
        if (!d.ok) throw new Error(d.why);
        const counts = ms.map((m) => d.counts[m.name] ?? 0);
        expect(deviation(total, ms, counts)).toBeLessThanOrEqual(bruteDeviation(total, ms) + 1e-9);
      }),
      { numRuns: 150 },
    );
  });
});
