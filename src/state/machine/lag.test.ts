import { describe, expect, it } from 'vitest';
import { type Heard, heard, lagMs } from './lag.ts';

describe('lag', () => {
  const log: readonly Heard[] = [
    { at: 0, offset: 10 },
    { at: 100, offset: 10 },
    { at: 200, offset: 30 },
    { at: 300, offset: 50 },
  ].reduce<readonly Heard[]>(heard, []);

  it('is the age of the first thing that is missing', () => {
    expect(lagMs(log, 50, 1000)).toBe(0);
    expect(lagMs(log, 30, 1000)).toBe(700);
    expect(lagMs(log, 29, 1000)).toBe(800);
    expect(lagMs(log, 5, 1000)).toBe(1000);
    expect(lagMs([], 5, 1000)).toBe(0);
  });

  it('a log that begins anew forgets the old one', () => {
    expect(heard(log, { at: 400, offset: 3 })).toEqual([{ at: 400, offset: 3 }]);
  });
});
