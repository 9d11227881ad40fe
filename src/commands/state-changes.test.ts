import { expect, it } from 'vitest';
import { manualClock, memoryJournal } from '../kernel/index.ts';
import type { HomeChange } from '../state/index.ts';
import { newChanges } from './state-changes.ts';

const FAILOVER: HomeChange = {
  ...{ epoch: 9, from: 'ca', to: 'sa', why: 'ca is gone for au, sa', by: 'sa' },
  ...{ planned: false, at: 1000, tookMs: 3900 },
};

function rig() {
  const clock = manualClock();
  const journal = memoryJournal(clock);
  const now: { last?: HomeChange } = {};
  const tell = (told: Map<string, number>) => newChanges(journal, [{ app: 'book', ...now }, { app: 'shop' }], told);
  return { tell, now, facts: () => journal.read().map((f) => ({ kind: f.kind, cluster: f.cluster, data: f.data })) };
}

it('a failover is a fact of the journal, once, also for the next server', () => {
  const r = rig();
  expect(r.tell(new Map())).toEqual([]);
  r.now.last = FAILOVER;
  const told = new Map<string, number>();
  expect(r.tell(told)).toEqual(['book: failover ca → sa, epoch 9, 3.9 s: ca is gone for au, sa']);
  expect(r.tell(told)).toEqual([]);
  expect(r.tell(new Map())).toEqual([]);
  expect(r.facts()).toEqual([{ kind: 'state.failover', cluster: 'sa', data: { app: 'book', ...FAILOVER } }]);
});

it('a move is told as one; a first home and a home that stays as was wished are no change', () => {
  const r = rig();
  const told = new Map<string, number>();
  r.now.last = { ...FAILOVER, from: null };
  r.tell(told);
  r.now.last = { ...FAILOVER, epoch: 11, from: 'sa', planned: true };
  r.tell(told);
  expect(r.facts()).toEqual([]);
  // Home was fenced and came back by itself: that was an outage.
  r.now.last = { ...FAILOVER, epoch: 13, from: 'sa' };
  r.tell(told);
  r.now.last = { ...FAILOVER, epoch: 15, from: 'sa', to: 'ca', planned: true };
  r.tell(told);
  expect(r.facts().map((f) => f.kind)).toEqual(['state.failover', 'state.moved']);
});
