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
type Over = { me?: string; last?: Verdict; now?: number; voters?: string[]; target?: string };
const verdict = (votes: Vote[], over: Over = {}) =>
  judge({
    me: over.me ?? 'mtl',
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
  it('never counts the target for itself, nor strangers', () => {
    const last: Verdict = { ...up, state: 'down' };
    expect(verdict([vote('mtl', 'up'), vote('sao', 'up'), vote('eve', 'up')], { last })).toMatchObject({
      state: 'down',
    });
    expect(verdict([vote('mtl', 'down'), vote('eve', 'down')])).toMatchObject({ state: 'up' });
  });
  it('takes silence for no vote: three intervals, then the last verdict stays', () => {
    const votes = [vote('mtl', 'down'), vote('syd', 'down')];
    expect(verdict(votes, { now: 3000 }).state).toBe('down');
    expect(verdict(votes, { now: 3001 })).toMatchObject({ state: 'up', unsure: true });
  });
  it('counts the word of a target against itself where outside voters are too few to decide, never for itself', () => {
    const votes = [vote('mtl', 'down'), vote('sao', 'down')];
    expect(verdict(votes)).toMatchObject({ state: 'down', unsure: false, lone: false });
    expect(verdict(votes, { voters: ['sao', 'mtl'] })).toMatchObject({ state: 'down', unsure: false });
    // Enough voters outside: they alone decide.
    expect(verdict([...votes, vote('syd', 'up')])).toMatchObject({ state: 'up', unsure: true });
    expect(verdict([vote('sao', 'down')])).toMatchObject({ state: 'up', unsure: true });
  });
  it('of two clusters the other one is enough to say up, never to say down', () => {
    const two = { voters: ['sao', 'mtl'] };
    expect(verdict([vote('mtl', 'up')], { ...two, last: NO_VERDICT })).toMatchObject({ state: 'up', unsure: false });
    expect(verdict([vote('mtl', 'down')], two)).toMatchObject({ state: 'up', unsure: true });
    expect(verdict([vote('mtl', 'down'), vote('sao', 'up')], two)).toMatchObject({ state: 'up', lone: false });
    expect(verdict([], { ...two, voters: ['sao'] })).toMatchObject({ state: 'up', unsure: true, lone: false });
  });
  it('an observer that hears no other says for itself alone what it does not reach', () => {
    for (const voters of [
      ['sao', 'mtl'],
      ['sao', 'mtl', 'syd'],
    ]) {
      const cut = verdict([vote('mtl', 'down', 9000)], { voters, now: 9000 });
      expect(cut).toMatchObject({ state: 'up', unsure: true, lone: true, cause: 'timeout' });
      // Heard of again, but not whether it serves: it waits for that.
      const back = { voters, now: 10_000, last: cut };
      const mine = vote('mtl', 'down', 10_000);
      expect(verdict([mine, vote('syd', 'up', 5000)], back).lone).toBe(true);
      expect(verdict([mine, vote('sao', 'up', 10_000)], back).lone).toBe(false);
      expect(verdict([vote('mtl', 'up', 10_000)], back).lone).toBe(false);
    }
    const heard = [vote('mtl', 'down'), vote('syd', 'up')];
    expect(verdict(heard).lone).toBe(false);
    expect(verdict([vote('mtl', 'down')], { me: 'syd' }).lone).toBe(false);
    // Not about itself: whoever asks it reaches it.
    expect(verdict([vote('sao', 'down')], { me: 'sao' }).lone).toBe(false);
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
