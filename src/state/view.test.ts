import { describe, expect, it } from 'vitest';
import type { Look } from './model.ts';
import type { StatePlan } from './plan.ts';
import type { AgentReport } from './ports.ts';
import { factsOf, gateOf, type Heard, settled } from './view.ts';

const look = (role: Look['role'], link = true): Look => ({
  run: 'r',
  role,
  link,
  offset: 9,
  loading: false,
  syncing: false,
  replicas: 0,
  virgin: false,
});
const value = { epoch: 7, primary: 'ca', from: { epoch: 0, offset: 0, run: 'r' }, copies: ['au', 'ca', 'sa'], w: 1 };
const report = (cluster: string, over: Partial<AgentReport> = {}): Heard => ({
  cluster,
  report: {
    cluster,
    look: look(cluster === 'ca' ? 'primary' : 'replica'),
    applied: 7,
    lagMs: 12,
    epoch: value,
    fences: {},
    gone: [],
    rtts: {},
    via: 'direct',
    events: [],
    ...over,
  },
});
const plan = { app: 'g', mode: 'single-writer' } as StatePlan;

describe('facts', () => {
  it('TW5110: a ballot lacks what all who know of it say, and nothing while one of them says nothing', () => {
    const open = { n: 9, by: 'ca', why: 'sa is gone' };
    const says = (...clusters: string[]): Partial<AgentReport> => ({
      look: look('fenced'),
      ballot: { ...open, waits: { clusters, enough: clusters.length - 1, best: 'ca' } },
    });
    const sa: Heard = { cluster: 'sa', why: 'no answer' };
    // One has not heard of the other's proof yet; a ballot of before says nothing about this one.
    const all = [report('ca', says('au', 'sa')), report('au', says('au', 'ca', 'sa')), sa];
    const waits = { clusters: ['au', 'sa'], enough: 1, best: 'ca' };
    expect(factsOf(plan, all, [])).toMatchObject({ home: null, ballot: { n: 9, waits } });
    const old = report('au', { ballot: { ...open, n: 6 } });
    expect(factsOf(plan, [report('ca', says('au', 'sa')), old, sa], []).ballot?.waits).toEqual(waits);
    const knows = report('au', { look: look('fenced'), ballot: open });
    expect(factsOf(plan, [report('ca', says('au', 'sa')), knows, sa], []).ballot).toEqual(open);
  });

  it('name home, copies and those who are not in step, with the reason', () => {
    const all = [report('ca'), report('sa', { look: look('replica', false) }), { cluster: 'au', why: 'no answer' }];
    expect(factsOf(plan, all, ['fra'])).toMatchObject({
      home: 'ca',
      copies: 1,
      epoch: 7,
      clusters: [
        { name: 'ca', role: 'home', lagMs: 0 },
        { name: 'sa', role: 'catching up', why: 'its link to home is down' },
        { name: 'au', role: 'unknown', why: 'no answer' },
        { name: 'fra', role: 'gateway' },
      ],
    });
  });

  it('TW5113: who has no room left, value and limit, whatever its role is', () => {
    const short = [{ of: 'memory' as const, used: 603979776, limit: 536870912 }];
    const down = { ...look('replica', false), short: [{ of: 'disk' as const }] };
    const all = [report('ca', { look: { ...look('primary'), short } }), report('sa', { look: down })];
    expect(factsOf(plan, all, []).clusters).toMatchObject([
      { name: 'ca', role: 'home', why: 'TW5113 the memory is full: 576.0 of 512.0 MiB', short },
      { name: 'sa', role: 'catching up', why: 'its link to home is down; TW5113 the disk is full' },
    ]);
  });

  it('an old home is no home: its epoch is over', () => {
    const old = report('ca', { applied: 7, epoch: value });
    const next = report('sa', { epoch: { ...value, epoch: 9, primary: 'sa' }, applied: 9, look: look('primary') });
    expect(factsOf(plan, [old, next], [])).toMatchObject({ home: 'sa', epoch: 9, copies: 1 });
  });

  it('the story is what happened since the last ballot', () => {
    const event = (at: number, did: string) => ({ at, did, end: 'ok' });
    const last = { n: 7, by: 'ca', why: 'sa is gone for au, ca' };
    const all = [
      report('ca', { last, events: [event(1, 'txn ballot'), event(5, 'txn ballot'), event(8, 'promote')] }),
      report('au', { events: [event(6, 'fence'), event(7, 'txn opinion')] }),
    ];
    const { story } = factsOf(plan, all, []);
    expect(story[0]).toContain('sa is gone');
    expect(story.slice(1).map((l) => l.slice(13))).toEqual(['ca: ballot ok', 'au: fence ok', 'ca: promote ok']);
  });
});

describe('gate', () => {
  it('opens for a copy in step and for home', () => {
    expect(gateOf(report('ca'), 5000)).toEqual([]);
    expect(gateOf(report('sa'), 5000)).toEqual([]);
  });
  it.each([
    [{ cluster: 'au', why: 'no answer' }, /cannot be asked/],
    [report('sa', { lagMs: 9000 }), /9000 ms behind, limit 5000 ms/],
    [report('sa', { ballot: { n: 9, by: 'sa', why: 'ca is gone' } }), /home moves: ca is gone/],
    [report('sa', { look: look('fenced') }), /is fenced/],
    [report('sa', { look: { ...look('replica'), short: [{ of: 'disk', used: 9, limit: 9 }] } }), /sa: TW5113 the disk/],
    [report('sa', { look: look('replica', false) }), /link to home is down/],
  ] satisfies [Heard, RegExp][])('closes with the reason', (heard, say) => {
    expect(gateOf(heard, 5000)).toEqual([expect.stringMatching(say)]);
  });
});

describe('waiting for the copies', () => {
  const silent: Heard = { cluster: 'au', why: 'no answer' };
  const all = { voters: 3, standing: 3 };
  const facts = (...heard: Heard[]) => factsOf(plan, heard, []);

  it('ends when every copy that is built is in step', () => {
    const three = facts(report('ca'), report('sa'), report('au'));
    expect(settled(three, { ...all, took: 0 })).toEqual({ state: 'done', detail: 'ca, 3 of 3 copies' });
    const two = facts(report('ca'), report('sa'), silent);
    expect(settled(two, { voters: 3, standing: 2, took: 0 })).toMatchObject({ state: 'done' });
  });

  it('goes on without a copy that does not answer after half a minute, where there is a home', () => {
    const two = facts(report('ca'), report('sa'), silent);
    expect(settled(two, { ...all, took: 30_000 })).toBeUndefined();
    expect(settled(two, { ...all, took: 30_001 })).toMatchObject({ state: 'note' });
    // One that answers and is behind is waited for.
    const behind = facts(report('ca'), report('sa'), report('au', { look: look('fenced') }));
    expect(settled(behind, { ...all, took: 30_001 })).toBeUndefined();
    expect(settled(behind, { ...all, took: 120_001 })).toMatchObject({ state: 'note' });
  });

  it('no home is a failure, but where a cluster of a copy is not built', () => {
    const none = facts(report('sa', { look: look('fenced') }), silent, { cluster: 'ca', why: 'no answer' });
    expect(settled(none, { ...all, took: 120_000 })).toBeUndefined();
    expect(settled(none, { ...all, took: 120_001 })).toMatchObject({ state: 'failed' });
    expect(settled(none, { voters: 3, standing: 2, took: 15_001 })).toMatchObject({ state: 'note' });
  });
});
