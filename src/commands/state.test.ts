import { expect, it } from 'vitest';
import { manualClock, memoryJournal } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import type { StateFacts } from './ports.ts';
import { statePromote, stateStatus } from './state.ts';

const BALLOT = { n: 9, by: 'ca', why: 'sa is gone for au, ca' };
const facts = (more: Partial<StateFacts> = {}): StateFacts => ({
  app: 'book',
  mode: 'single-writer',
  home: null,
  copies: 0,
  epoch: 7,
  clusters: [
    { name: 'au', role: 'unknown', why: 'its Redis does not answer' },
    { name: 'ca', role: 'fenced' },
    { name: 'sa', role: 'unknown', why: 'no answer' },
  ],
  ballot: { ...BALLOT, waits: { clusters: ['au', 'sa'], enough: 1, best: 'ca' } },
  story: [],
  ...more,
});
async function status(f: StateFacts) {
  const config = { fleet: 'f', apps: [{ name: 'book', state: { mode: 'single-writer' } }] };
  const state = { shared: true, look: async () => [f], backups: async () => ({ all: [], where: '' }) };
  const clock = manualClock();
  const c = {
    clock,
    config: async () => config,
    engine: async () => ({ config, state, outputs: async () => ({}) }),
  } as unknown as Context;
  const done = await stateStatus(c, {});
  const [row] = done.view.rows;
  return { ...done, why: (row?.why ?? []).map((s) => ('s' in s ? s.s : '')).join(''), tone: row?.tone };
}

it('TW5110: two faults at once: who is missing, what is enough, and the two ways on', async () => {
  const { problem, why, tone, data } = await status(facts());
  expect([tone, why]).toEqual([
    'bad',
    'TW5110 waits for au, sa; 1 of them is enough; au is unknown, ca is fenced, sa is unknown',
  ]);
  expect(data).toMatchObject({ ballot: { waits: { clusters: ['au', 'sa'], enough: 1, best: 'ca' } } });
  expect(problem).toMatchObject({ code: 'TW5110', value: 'book', exit: 4 });
  expect(problem?.why.slice(0, 2)).toEqual([
    'waits for au, sa; 1 of them is enough',
    'ballot 9 by ca: sa is gone for au, ca',
  ]);
  expect(problem?.fix.map((f) => f.command)).toEqual([undefined, 'tw state promote book --to ca --accept-loss']);
});

it('nobody is asked to give up writes while a failover goes on by itself, or before there was a home', async () => {
  const usual = await status(facts({ ballot: BALLOT }));
  expect(usual.problem?.code).toBe('TW5114');
  expect(usual.why).not.toContain('waits for');
  const first = await status(facts({ epoch: null }));
  expect(first.problem?.code).toBe('TW5114');
  expect(first.problem?.why[1]).toBe('waits for au, sa; 1 of them is enough');
  expect(first.problem?.fix.map((f) => f.command).join()).not.toContain('accept-loss');
});

it('TW5113: a home without room: how much of what, in the table, the data and the error', async () => {
  const short = [{ of: 'memory' as const, used: 603979776, limit: 536870912 }];
  const clusters = [
    { name: 'ca', role: 'home' as const, short },
    { name: 'sa', role: 'copy' as const },
  ];
  const { ballot: _, ...one } = facts({ home: 'ca', copies: 2, clusters });
  const { problem, why, tone, data, view } = await status(one);
  expect([tone, why]).toEqual(['bad', 'TW5113 ca: the memory is full: 576.0 of 512.0 MiB']);
  expect(view.rows[0]?.kids.map((r) => r.tone)).toEqual(['bad', 'ok']);
  expect(data).toMatchObject({ clusters: [{ short }, {}] });
  expect(problem).toMatchObject({ code: 'TW5113', why: ['ca (home): the memory is full: 576.0 of 512.0 MiB'] });
  // A copy alone stops no write; it would, as home.
  const copy = await status({
    ...one,
    clusters: [
      { name: 'ca', role: 'home' },
      { name: 'sa', role: 'copy', short },
    ],
  });
  expect([copy.tone, copy.problem]).toEqual(['warn', undefined]);
});

it('what each copy was fenced for, and the last change of home, are in the table and in the data', async () => {
  const { ballot: _, ...one } = facts({ home: 'sa', copies: 3 });
  const last = {
    ...{ epoch: 7, from: 'ca', to: 'sa', why: 'ca is gone for au, sa', by: 'au' },
    ...{ planned: false, at: 0, tookMs: 3900 },
  };
  const clusters = [
    { name: 'au', role: 'copy' as const, fence: { ballot: 7, at: { epoch: 5, offset: 120, run: 'r' } } },
    { name: 'ca', role: 'copy' as const, fence: { ballot: 7, at: 'none' as const } },
    { name: 'sa', role: 'home' as const },
  ];
  const { view, data } = await status({ ...one, clusters, last });
  const kids = view.rows[0]?.kids ?? [];
  const cell = (i: number, name: string) => (kids[i]?.cells[name] ?? []).map((s) => ('s' in s ? s.s : '')).join('');
  expect([0, 1, 2].map((i) => cell(i, 'fence'))).toEqual([
    'fenced for 7 at 5:120',
    'fenced for 7 at nothing provable',
    '',
  ]);
  expect([kids[3]?.key, kids[3]?.label[0], cell(3, 'took')]).toEqual([
    'last',
    { t: 'text', s: 'failover: home ca → sa' },
    '3.9 s',
  ]);
  expect(data).toMatchObject({ last, clusters: [{ fence: { ballot: 7 } }, { fence: { at: 'none' } }, {}] });
});

it('a promotion that gives writes up wants the flag and the name of the fleet, and is in the journal', async () => {
  const clock = manualClock();
  const journal = memoryJournal(clock);
  const known = ['ca: was in step in epoch 7', 'sa: epoch 7, offset 40'];
  let promoted = 0;
  const state = {
    shared: true,
    look: async () => [facts()],
    promote: async (x: { sure(known: readonly string[]): Promise<void> }) => {
      await x.sure(known);
      promoted += 1;
      return { epoch: 9, known };
    },
  };
  const config = { fleet: 'demo', apps: [] };
  const engine = async () => ({ config, state, outputs: async () => ({}) });
  const c = { clock, journal: () => journal, config: async () => config, engine } as unknown as Context;
  const asked: string[] = [];
  const io = (answer: string): Io =>
    ({ ask: async (q: { text: string }) => (asked.push(q.text), answer) }) as unknown as Io;
  await expect(statePromote(c, { to: 'sa' }, io('demo'))).rejects.toMatchObject({ problem: { code: 'TW6002' } });
  await expect(statePromote(c, { to: 'sa', acceptLoss: true }, io('dem'))).rejects.toThrow(/TW6005.*dem/);
  expect([promoted, journal.read()]).toEqual([0, []]);
  expect(asked[0]).toBe(`${known.join('; ')}. What sa lacks is lost. Type the name of the fleet (demo):`);
  const done = await statePromote(c, { to: 'sa', acceptLoss: true, confirm: 'demo' }, io(''));
  expect(done.data).toEqual({ app: 'book', to: 'sa', epoch: 9, known });
  expect(journal.read()).toMatchObject([{ kind: 'state.promoted', cluster: 'sa', data: { app: 'book', known } }]);
});
