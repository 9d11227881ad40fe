import { describe, expect, it } from 'vitest';
import { manifestOf as made } from '../testing/manifest.ts';
import type { Counted } from './model.ts';
import { chooseCopy, givenUp, idOf, isDue, keysBetween, lastVerified, misfit, outdated, tooOld } from './plan.ts';

const counted = (keys: number, offset: number): Counted => ({
  engine: '7.0.15',
  role: 'replica',
  link: true,
  keys,
  offset,
  epoch: 3,
});

describe('which copy is read', () => {
  it('the nearest that is in step; never home', () => {
    const all = [
      { name: 'au', role: 'home' },
      { name: 'ca', role: 'copy', lagMs: 10, rttMs: 200 },
      { name: 'sa', role: 'copy', lagMs: 10, rttMs: 120 },
      { name: 'zz', role: 'copy', lagMs: 9000, rttMs: 1 },
    ];
    expect(chooseCopy(all)).toEqual({ name: 'sa' });
  });
  it('none: says why', () => {
    expect(
      chooseCopy([
        { name: 'au', role: 'home' },
        { name: 'ca', role: 'catching up' },
      ]),
    ).toEqual({
      why: ['au is home', 'ca is catching up'],
    });
  });
});

describe('what a snapshot must show', () => {
  it('keys between the counts; as much wider as the log moved', () => {
    expect(keysBetween(counted(10, 500), counted(12, 500))).toEqual({ least: 10, most: 12 });
    expect(keysBetween(counted(10, 500), counted(12, 570))).toEqual({ least: 0, most: 22 });
  });
  const wanted = { engine: '7.0.15', epoch: 3, canary: 'c', keys: { least: 2, most: 4 } };
  it.each([
    [{ engine: '7.0.15', epoch: 3, keys: 3, canary: 'c' }, undefined],
    [{ engine: '7.2.1', epoch: 3, keys: 3, canary: 'c' }, 'engine'],
    [{ engine: '7.0.15', epoch: 2, keys: 3, canary: 'c' }, 'marker'],
    [{ engine: '7.0.15', epoch: 3, keys: 3, canary: null }, 'canary'],
    [{ engine: '7.0.15', epoch: 3, keys: 5, canary: 'c' }, 'keys'],
    [{ engine: '7.0.15', epoch: 3, keys: 1, canary: 'c' }, 'keys'],
  ])('%j: %s', (loaded, step) => expect(misfit(loaded, wanted)?.step).toBe(step));
});

describe('which stay', () => {
  const failed = { is: 'failed' } as const;
  it('the newest that count; the last verified never goes', () => {
    const all = [made(1), made(2), made(3, failed), made(4), made(5, failed), made(6, { kind: 'salvage' })];
    expect(outdated(all, 2).map((m) => m.at)).toEqual([1, 3]);
    expect(outdated(all, 0).map((m) => m.at)).toEqual([2, 1, 3]);
    expect(outdated([made(1), made(2, failed)], 1)).toEqual([]);
  });
  it('a salvage is no backup', () => {
    expect(lastVerified([made(9, { kind: 'salvage' }), made(3), made(4, failed)])?.at).toBe(3);
  });
});

describe('when', () => {
  const hour = 3_600_000;
  it('after `every`; what failed sooner', () => {
    expect(isDue([], hour, 0)).toBe(true);
    expect(isDue([made(0)], hour, hour - 1)).toBe(false);
    expect(isDue([made(0)], hour, hour)).toBe(true);
    expect(isDue([made(0), made(1000, { is: 'failed' })], hour, 361_000)).toBe(true);
    expect(isDue([made(0), made(1000, { is: 'failed' })], hour, 300_000)).toBe(false);
  });
  it('a release waits for one that is young enough', () => {
    expect(tooOld(undefined, hour, 0)).toBe('state: no verified snapshot');
    expect(tooOld(made(0), hour, hour)).toBeUndefined();
    expect(tooOld(made(0), hour, 2 * hour)).toBe('state: the last verified snapshot is 2 h 0 min old, limit 1 h 0 min');
  });
});

it('says what a restore gives up', () => {
  const m = made(0);
  expect(givenUp(m, { log: { epoch: 3, replid: 'r', offset: 175 }, keys: 7 }, 60_000)).toEqual([
    'the snapshot is of 1970-01-01T00:00:00.000Z, 1 min ago',
    '75 bytes of log were written since',
    'keys: 5 in the snapshot, 7 now',
  ]);
  expect(givenUp(m, { log: { epoch: 4, replid: 'q', offset: 7 }, keys: 7 }, 0)[1]).toMatch(/home changed since/);
  expect(givenUp(m, undefined, 0)[1]).toMatch(/nobody can say/);
  expect(idOf('b', 0, 'ab')).toBe('b-19700101T000000Z-ab');
});
