import { describe, expect, it } from 'vitest';
import type { StatePlan } from '../plan.ts';
import type { ActiveReport } from './ports.ts';
import { type ActiveHeard, activeFacts, activeGate, activeSettled } from './view.ts';

const NAMES = ['sao', 'mtl', 'syd'];
const plan = { app: 'shop', mode: 'active-active' } as StatePlan;
const peer = (lagMs = 0, more: object = {}) => ({ up: true, lagMs, unsent: 0, ...more });
const report = (cluster: string, more: Partial<ActiveReport> = {}): ActiveHeard => ({
  cluster,
  report: {
    mode: 'active-active',
    cluster,
    open: true,
    vector: {},
    peers: Object.fromEntries(NAMES.filter((n) => n !== cluster).map((n) => [n, peer()])),
    rtts: {},
    events: [],
    ...more,
  },
});
const all = NAMES.map((n) => report(n));
const closed = report('syd', {
  open: false,
  waitsFor: { what: 'clusters', clusters: ['mtl'], why: 'it has no data, and who may have some does not answer' },
});

describe('clusters that all write', () => {
  it('are open, and how far one is behind only the others know', () => {
    const late = report('sao', { peers: { mtl: peer(), syd: peer(700, { via: 'mtl' }) } });
    const facts = activeFacts(plan, [late, ...all.slice(1)]);
    expect(facts).toMatchObject({ home: null, copies: 3, epoch: null });
    expect(facts.clusters).toEqual([
      { name: 'sao', role: 'open', lagMs: 0, via: 'mtl to syd' },
      { name: 'mtl', role: 'open', lagMs: 0 },
      { name: 'syd', role: 'open', lagMs: 700 },
    ]);
  });

  it('TW5113: one without room says so, and no release commits there', () => {
    const full = report('mtl', { short: [{ of: 'disk', used: 2 << 20, limit: 2 << 20 }] });
    expect(activeFacts(plan, [...all.slice(0, 1), full]).clusters[1]).toMatchObject({
      role: 'open',
      why: 'TW5113 the disk is full: 2.0 of 2.0 MiB',
      short: [{ of: 'disk' }],
    });
    expect(activeGate('mtl', [full], 5000)).toEqual(['state: mtl: TW5113 the disk is full: 2.0 of 2.0 MiB']);
  });

  it('TW5120: whose clock is off, as most of the others see it', () => {
    const off = (mtl: number, syd?: number) => ({
      peers: { mtl: peer(0, { aheadMs: mtl }), syd: peer(0, syd === undefined ? {} : { aheadMs: syd }) },
    });
    const sao = report('sao', off(4800));
    const syd = report('syd', { peers: { sao: peer(), mtl: peer(0, { aheadMs: 5100 }) } });
    const mtl = report('mtl', { peers: { sao: peer(0, { aheadMs: -4900 }), syd: peer(0, { aheadMs: -5000 }) } });
    const whys = activeFacts(plan, [sao, mtl, syd]).clusters.map((c) => c.why);
    expect(whys).toEqual([
      undefined,
      'TW5120 its clock is 4.8 s ahead: what is written at once may be ordered otherwise; all end equal',
      undefined,
    ]);
  });

  it('one that is closed says for whom it waits, one that is silent is unknown', () => {
    const facts = activeFacts(plan, [all[0] as ActiveHeard, { cluster: 'mtl', why: 'no answer' }, closed]);
    expect(facts.copies).toBe(1);
    expect(facts.clusters.slice(1)).toEqual([
      { name: 'mtl', role: 'unknown', why: 'no answer' },
      { name: 'syd', role: 'closed', why: 'it has no data, and who may have some does not answer: mtl' },
    ]);
  });

  it('TW5120: a clock that differs is said where it is', () => {
    const ahead = report('sao', { peers: { mtl: peer(), syd: peer(0, { skewMs: 90_000 }) } });
    expect(activeFacts(plan, [ahead, ...all.slice(1)]).clusters[2]?.why).toContain('TW5120');
  });

  it('what the others cannot send to one is said there, and what an open one waits for', () => {
    const lacks = 'TW5121 it lacks entries that are not in the log here any more';
    const sao = report('sao', { peers: { mtl: peer(), syd: peer(0, { why: lacks }) } });
    const full = { what: 'data', clusters: ['sao'], why: 'a full copy is needed' } as const;
    const syd = report('syd', { waitsFor: full });
    const why = `sao to it: ${lacks}`;
    expect(activeFacts(plan, [sao, all[1] as ActiveHeard, syd]).clusters).toMatchObject([
      { name: 'sao', role: 'open' },
      { name: 'mtl', role: 'open' },
      { name: 'syd', role: 'open', why: `a full copy is needed: sao; ${why}` },
    ]);
    expect(activeFacts(plan, [sao, all[1] as ActiveHeard, closed]).clusters[2]?.why).toContain(`: mtl; ${why}`);
    expect(activeFacts(plan, [sao, ...all.slice(1)]).clusters[1]).not.toHaveProperty('why');
  });

  it('a release waits for one that is closed, silent or too far behind', () => {
    expect(activeGate('syd', all, 5000)).toEqual([]);
    expect(activeGate('syd', [...all.slice(0, 2), closed], 5000)[0]).toContain('takes no writes');
    expect(activeGate('mtl', [{ cluster: 'mtl', why: 'no answer' }], 5000)[0]).toContain('cannot be asked');
    const late = report('sao', { peers: { mtl: peer(), syd: peer(7000) } });
    expect(activeGate('syd', [late, ...all.slice(1)], 5000)[0]).toContain('7000 ms behind');
    expect(activeGate('mtl', [late, ...all.slice(1)], 5000)).toEqual([]);
  });

  it('are waited for as long as they may come', () => {
    const facts = activeFacts(plan, [...all.slice(0, 2), closed]);
    const x = { voters: 3, standing: 3, took: 10_000 };
    expect(activeSettled(activeFacts(plan, all), x)?.state).toBe('done');
    expect(activeSettled(facts, x)).toBeUndefined();
    expect(activeSettled(facts, { ...x, took: 121_000 })?.state).toBe('note');
    expect(activeSettled(facts, { ...x, standing: 2 })?.state).toBe('done');
    const none = activeFacts(plan, [closed]);
    expect(activeSettled(none, { voters: 1, standing: 1, took: 121_000 })?.state).toBe('failed');
  });
});
