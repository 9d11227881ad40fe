import { expect, it } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import type { Context } from './context.ts';
import type { StateFacts } from './ports.ts';
import { stateStatus } from './state.ts';

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
