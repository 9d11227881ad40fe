import { describe, expect, it } from 'vitest';
import { fault, type Journal, manualClock, memoryJournal } from '../kernel/index.ts';
import type { SnapshotManifest } from '../state/index.ts';
import { manifestOf as made } from '../state/testing/manifest.ts';
import type { Context, Io } from './context.ts';
import { stateStatus } from './state.ts';
import { stateBackup, stateBackups, stateRestore } from './state-backup.ts';
import { dueBackups } from './state-schedule.ts';

const HOUR = 3_600_000;

interface Rig {
  c: Context;
  clock: ReturnType<typeof manualClock>;
  journal: Journal;
  all: SnapshotManifest[];
  next: { snapshot: SnapshotManifest } | { fails: Error };
  asked: string[];
  sure: boolean;
}

function rig(): Rig {
  const clock = manualClock();
  const journal = memoryJournal(clock);
  const r: Rig = {
    c: undefined as never,
    clock,
    journal,
    all: [],
    next: { fails: new Error() },
    asked: [],
    sure: false,
  };
  const config = {
    fleet: 'f',
    apps: [
      { name: 'book', state: { mode: 'single-writer', backup: { every: HOUR, to: 'file:b', keep: 3 } } },
      { name: 'other', state: { mode: 'isolated' } },
    ],
  };
  const state = {
    shared: true,
    look: async () => [
      { app: 'book', mode: 'single-writer', home: 'au', copies: 3, epoch: 3, clusters: [], story: [] },
    ],
    backup: async () => {
      if ('fails' in r.next) throw r.next.fails;
      r.all.unshift(r.next.snapshot);
      const bad = r.next.snapshot.is === 'failed';
      return { ...r.next, where: '/b', ...(bad ? { problem: fault('TW5130', { value: 'book' }).problem } : {}) };
    },
    backups: async () => ({ all: r.all, where: '/b' }),
    restore: async (x: { sure(known: readonly string[]): Promise<void> }) => {
      await x.sure(['75 bytes of log were written since']);
      r.sure = true;
      return { home: 'au', epoch: 9, salvage: 'book-9-salvage', known: [] };
    },
  };
  r.c = {
    clock,
    journal: () => journal,
    config: async () => config,
    engine: async () => ({ config, state, outputs: async () => ({}) }),
  } as unknown as Context;
  return r;
}
const io = (r: Rig, answer = 'f'): Io =>
  ({
    signal: new AbortController().signal,
    show: () => undefined,
    ask: async (q: { text: string }) => {
      r.asked.push(q.text);
      return answer;
    },
  }) as unknown as Io;
const kinds = (r: Rig): string[] => r.journal.read().map((f) => f.kind);

describe('tw state backup', () => {
  it('says what was made, and writes it down', async () => {
    const r = rig();
    r.next = { snapshot: made(0) };
    const o = await stateBackup(r.c, {}, io(r));
    expect(o.data).toMatchObject({ id: 'book-0', is: 'verified', where: '/b' });
    expect(o.problem).toBeUndefined();
    expect(kinds(r)).toEqual(['state.backup']);
  });
  it('one that does not count is a failure with a result', async () => {
    const r = rig();
    r.next = { snapshot: made(0, { is: 'failed', step: 'digest', why: 'other bytes' }) };
    const o = await stateBackup(r.c, {}, io(r));
    expect(o.problem?.code).toBe('TW5130');
    expect(kinds(r)).toEqual(['state.backup-failed']);
  });
  it('backups: newest first, or that there is none', async () => {
    const r = rig();
    expect((await stateBackups(r.c, {})).view.rows[0]?.key).toBe('none');
    r.all = [made(5), made(2)];
    expect((await stateBackups(r.c, {})).view.rows.map((x) => x.key)).toEqual(['book-5', 'book-2']);
  });
});

describe('tw state restore', () => {
  it('wants the name of the fleet, and says what is given up', async () => {
    const r = rig();
    await expect(stateRestore(r.c, { snapshot: 'book-0' }, io(r, 'yes'))).rejects.toThrow(/TW6005/);
    expect(r.sure).toBe(false);
    expect(r.asked[0]).toContain('75 bytes of log were written since');
    const o = await stateRestore(r.c, { snapshot: 'book-0', confirm: 'f' }, io(r));
    expect(o.data).toMatchObject({ home: 'au', salvage: 'book-9-salvage' });
    expect(kinds(r)).toEqual(['state.restored']);
  });
});

describe('the schedule', () => {
  const signal = new AbortController().signal;
  it('makes one when it is due, and not before', async () => {
    const r = rig();
    r.next = { snapshot: made(0) };
    expect(await dueBackups(r.c, new Map(), signal)).toEqual(['backup of book: book-0 verified']);
    expect(await dueBackups(r.c, new Map(), signal)).toEqual([]);
    r.clock.advance(HOUR);
    r.next = { snapshot: made(HOUR) };
    expect(await dueBackups(r.c, new Map(), signal)).toHaveLength(1);
  });
  it('what cannot begin is told once in ten minutes', async () => {
    const r = rig();
    r.next = { fails: fault('TW5114', { value: 'book' }) };
    const tried = new Map<string, number>();
    expect((await dueBackups(r.c, tried, signal))[0]).toContain('TW5114');
    expect(await dueBackups(r.c, tried, signal)).toEqual([]);
    expect(kinds(r)).toEqual(['state.backup-failed']);
    r.clock.advance(600_000);
    expect(await dueBackups(r.c, tried, signal)).toHaveLength(1);
  });
});

it('tw state status shows how old the last verified snapshot is', async () => {
  const r = rig();
  const row = async () => (await stateStatus(r.c, {})).view.rows.find((x) => x.key === 'snapshot book');
  expect(await row()).toMatchObject({ tone: 'warn', label: [{ s: 'book: no verified snapshot' }] });
  r.all = [made(0)];
  r.clock.advance(HOUR);
  expect(await row()).toMatchObject({ tone: 'ok', label: [{ s: 'book: last verified snapshot 1 h 0 min old' }] });
  r.clock.advance(2 * HOUR);
  expect(await row()).toMatchObject({ tone: 'warn' });
});
