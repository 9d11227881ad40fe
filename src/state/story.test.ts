import { describe, expect, it } from 'vitest';
import type { EpochValue, FenceReport } from './model.ts';
import type { AgentReport } from './ports.ts';
import { fencesOf, homesOf, lastChange } from './story.ts';

const value = (epoch: number, primary: string): EpochValue => ({
  epoch,
  primary,
  from: { epoch: 0, offset: 0, run: 'r' },
  copies: ['au', 'ca', 'sa'],
  w: 1,
});
const view = (v?: EpochValue) => ({
  revision: 1,
  fresh: false,
  fences: {},
  opinions: {},
  runs: {},
  ...(v === undefined ? {} : { epoch: { value: v, revision: v.epoch } }),
});
const event = (at: number, did: string, end = 'done') => ({ at, did, end });
const last = { n: 9, by: 'sa', why: 'ca is gone for au, sa' };
const report = (cluster: string, more: Partial<AgentReport> = {}): AgentReport => ({
  cluster,
  applied: 9,
  lagMs: 0,
  last,
  epoch: value(9, 'sa'),
  before: 'ca',
  fences: {},
  gone: [],
  rtts: {},
  events: [],
  ...more,
});
const sa = report('sa', {
  events: [
    event(1000, 'txn ballot', 'ok'),
    event(1100, 'fence', 'fenced'),
    event(1900, 'txn decide', 'ok'),
    event(2300, 'promote'),
  ],
});

describe('the last change of home', () => {
  it('says who was home, who is, why, in which epoch and how long it took', () => {
    expect(lastChange([report('au'), sa])).toEqual({
      ...{ epoch: 9, from: 'ca', to: 'sa', why: 'ca is gone for au, sa', by: 'sa' },
      ...{ planned: false, at: 1000, tookMs: 1300 },
    });
    const move = { ...last, prefer: 'sa' };
    expect(lastChange([report('au', { last: move }), { ...sa, last: move }])?.planned).toBe(true);
  });
  it('is not told before home takes writes, nor with the reason of another ballot', () => {
    expect(lastChange([report('au'), { ...sa, applied: 0 }])).toBeUndefined();
    expect(lastChange([report('au')])).toBeUndefined();
    const next = { ...last, n: 11, why: 'sa is gone' };
    expect(lastChange([report('au', { last: next }), sa])).toBeUndefined();
    expect(lastChange([])).toBeUndefined();
  });
  it('what nobody remembers is null', () => {
    const { before: _, ...one } = report('sa');
    expect(lastChange([one])).toMatchObject({ from: null, at: null, tookMs: null });
  });
});

it('an agent remembers who was home before, and a view that is older changes nothing', () => {
  const first = homesOf(undefined, view(value(5, 'ca')));
  expect(first).toEqual({ epoch: 5, home: 'ca' });
  const second = homesOf(first, view(value(9, 'sa')));
  expect(second).toEqual({ epoch: 9, home: 'sa', before: 'ca' });
  expect(homesOf(second, view(value(5, 'ca')))).toBe(second);
  expect(homesOf(second, view())).toBe(second);
});

it('of each cluster the newest fence counts, and of one ballot the proof that came later', () => {
  const at = { epoch: 5, offset: 7, run: 'r' };
  const fences = (ca: FenceReport) => report('au', { fences: { ca } });
  expect(fencesOf([fences({ ballot: 9, at: 'none' }), fences({ ballot: 9, at })])).toEqual({ ca: { ballot: 9, at } });
  expect(fencesOf([fences({ ballot: 9, at }), fences({ ballot: 9, at: 'none' })])).toEqual({ ca: { ballot: 9, at } });
  expect(fencesOf([fences({ ballot: 9, at: 'none' }), fences({ ballot: 5, at })])).toMatchObject({ ca: { ballot: 9 } });
});
