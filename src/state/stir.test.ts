import { describe, expect, it } from 'vitest';
import { isStirred, type Stir, stirred } from './stir.ts';
import type { Heard } from './view.ts';

/** Agents that know of an epoch, and of an open ballot or none. */
const says = (...of: [epoch: number, ballot?: number][]): Heard[] =>
  of.map(([epoch, n], i) => ({
    cluster: `c${i}`,
    report: {
      ...{ cluster: `c${i}`, applied: epoch, lagMs: 0, fences: {}, gone: [], rtts: {}, events: [] },
      epoch: { epoch, primary: 'c0', from: { epoch: 0, offset: 0, run: 'r' }, copies: [], w: 1 },
      ...(n === undefined ? {} : { ballot: { n, by: 'c0', why: 'w' } }),
    },
  }));
/** A look each second. */
function looks(...rounds: Heard[][]): boolean[] {
  let seen: Stir | undefined;
  return rounds.map((heard, s) => {
    seen = stirred(seen, heard, s * 1000);
    return isStirred(seen, s * 1000);
  });
}
const SILENT: Heard[] = [{ cluster: 'c0', why: 'no answer' }];

describe('a failover', () => {
  it('is from the ballot until 5 s after it was decided', () => {
    expect(looks(says([3]), says([3], [3, 9]), says([3, 9]), says([9], [3, 9]), says([9]))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
    const rest = [...Array(6).keys()].map(() => says([9]));
    expect(looks(says([3]), says([3, 9]), ...rest)).toEqual([false, true, true, true, true, true, true, false]);
  });

  it('that was over between two looks is seen by its epoch; a home that is there at the first look is none', () => {
    expect(looks(says([9]), says([9]), says([12]))).toEqual([false, false, true]);
    expect(looks(says([3, 9]))).toEqual([true]);
  });

  it('is not begun anew by those who lag behind, nor ended or begun by silence', () => {
    const late = [...Array(6).keys()].map(() => says([3, 9]));
    expect(looks(says([3]), says([9]), ...late).at(-1)).toBe(false);
    expect(looks(SILENT, says([3, 9]), SILENT)).toEqual([false, true, true]);
  });

  it('that nobody decides is no excuse after 30 s', () => {
    const all = looks(...[...Array(40).keys()].map(() => says([3, 9])));
    expect([all[29], all[30], all[39]]).toEqual([true, false, false]);
  });
});
