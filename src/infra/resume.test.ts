import { describe, expect, it } from 'vitest';
import { type Journal, manualClock, memoryJournal } from '../kernel/index.ts';
import { mayHoldUsers, rootStates, unsettled } from './machine.ts';
import { infraForget, unfinished } from './resume.ts';

const journalOf = (...steps: [root: string, state: string, place?: string][]): Journal => {
  const journal = memoryJournal(manualClock(0));
  for (const [root, state, place] of steps)
    journal.append({ kind: 'infra.state', data: { root, state, ...(place === undefined ? {} : { place }) } });
  return journal;
};
const states = (j: Journal): ReturnType<Journal['read']> => j.read({ kind: 'infra.state' });

describe('roots whose end nobody saw', () => {
  it('are those that were interrupted or left while something was done to them, and what that was', () => {
    const journal = journalOf(
      ['cluster:sao', 'applying'],
      ['cluster:sao', 'ready'],
      ['cluster:mtl', 'destroying'],
      ['cluster:mtl', 'interrupted'],
      ['cluster:syd', 'applying'],
      ['zone:x', 'planning'],
    );
    expect(unsettled(states(journal))).toEqual([
      { root: 'cluster:mtl', destroying: true },
      { root: 'cluster:syd', destroying: false },
    ]);
  });
});

describe('the plug of a place is pulled', () => {
  it('what was there is gone, its runs have an end; other places are as they were', () => {
    const journal = journalOf(
      ['cluster:sao', 'applying', 'sandbox'],
      ['cluster:sao', 'ready', 'sandbox'],
      ['cluster:mtl', 'ready', 'real'],
    );
    journal.append({ kind: 'infra.run', data: { state: 'intent', key: 'r/cluster-sao/apply-1' } });
    expect(mayHoldUsers(states(journal), 'cluster:sao')).toBe(true);
    infraForget(journal, 'sandbox');
    expect(rootStates(states(journal)).get('cluster:sao')).toMatchObject({ state: 'gone', everReady: false });
    expect(rootStates(states(journal)).get('cluster:mtl')).toMatchObject({ state: 'ready', everReady: true });
    expect(unfinished({ journal })).toEqual({ open: [], intents: [] });
    const gone = states(journal).filter((f) => (f.data as { state: string }).state === 'gone');
    expect(gone.map((f) => f.cluster)).toEqual(['sao']);
    infraForget(journal, 'sandbox');
    expect(states(journal)).toHaveLength(4);
  });
});
