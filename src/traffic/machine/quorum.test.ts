import { describe, expect, it } from 'vitest';
import type { Probe, Verdict, Vote } from '../model.ts';
import { FIRST_WATCH, judge, NO_VERDICT, needOf, riseOf, type Watch, watched } from './quorum.ts';

const up: Verdict = { ...NO_VERDICT, state: 'up' };
const vote = (voter: string, state: 'up' | 'down', at = 0): Vote => ({
  voter,
  state,
  at,
  cause: state === 'up' ? 'ok' : 'timeout',
});
const verdict = (votes: Vote[], over: { last?: Verdict; now?: number; voters?: string[]; target?: string } = {}) =>
  judge({
    target: over.target ?? 'sao',
    voters: over.voters ?? ['sao', 'mtl', 'syd'],
    votes,
    last: over.last ?? up,
    now: over.now ?? 0,
    wall: 777,
    intervalMs: 1000,
  });

describe('judge', () => {
  it('needs a majority of all configured outside voters, two at least', () => {
    expect([0, 1, 2, 3, 4, 5].map(needOf)).toEqual([2, 2, 2, 2, 3, 3]);
    expect(verdict([vote('mtl', 'down')])).toMatchObject({ state: 'up', unsure: true });
    expect(verdict([vote('mtl', 'down'), vote('syd', 'down')])).toMatchObject({
      state: 'down',
      since: 777,
      unsure: false,
    });
    expect(verdict([vote('mtl', 'down'), vote('syd', 'up')])).toMatchObject({ state: 'up', unsure: true });
  });
  it('never counts the target itself, nor strangers', () => {
    expect(verdict([vote('mtl', 'down'), vote('sao', 'down'), vote('eve', 'down')])).toMatchObject({ state: 'up' });
  });
  it('takes silence for no vote: three intervals, then the last verdict stays', () => {
    const votes = [vote('mtl', 'down'), vote('syd', 'down')];
    expect(verdict(votes, { now: 3000 }).state).toBe('down');
    expect(verdict(votes, { now: 3001 })).toMatchObject({ state: 'up', unsure: true });
  });
  it('with two clusters never fails over by itself', () => {
    expect(verdict([vote('mtl', 'down')], { voters: ['sao', 'mtl'] })).toMatchObject({ state: 'up', unsure: true });
  });
  it('lets a held of the target itself count alone, and only its own', () => {
    expect(verdict([{ ...vote('sao', 'up'), held: true }]).held).toBe(true);
    expect(verdict([{ ...vote('mtl', 'up'), held: true }]).held).toBe(false);
  });
});

describe('watched', () => {
  const ok: Probe = { ok: true, cause: 'ok', detail: '200', ms: 3 };
  const bad: Probe = { ok: false, cause: 'timeout', detail: '', ms: 1000 };
  const settings = { intervalMs: 1000, timeoutMs: 1000, fall: 2, rise: 5 };
  const run = (probes: Probe[], from: Watch = FIRST_WATCH): Watch =>
    probes.reduce((w, p, i) => watched(w, p, settings, i * 1000), from);
  it('takes the first good probe at once, falls after 2, returns after 5', () => {
    expect(run([ok]).state).toBe('up');
    expect(run([ok, bad]).state).toBe('up');
    expect(run([ok, bad, bad])).toMatchObject({ state: 'down', cause: 'timeout' });
    expect(run([ok, bad, bad, ok, ok, ok, ok]).state).toBe('down');
    expect(run([ok, bad, bad, ok, ok, ok, ok, ok]).state).toBe('up');
    expect(run([ok, bad, ok, bad, ok, bad]).state).toBe('up');
    expect(run([bad]).state).toBeUndefined();
    expect(run([bad, bad]).state).toBe('down');
  });
  it('doubles the rise for every three flips in ten minutes, 60 at most', () => {
    expect([0, 2, 3, 6, 30].map((n) => riseOf(settings, Array(n).fill(0), 1000))).toEqual([5, 5, 10, 20, 60]);
    expect(riseOf(settings, [0, 0, 0], 600_001)).toBe(5);
  });
});
