import { describe, expect, it } from 'vitest';
import type { Hold, Query, Snapshot, World } from '../model.ts';
import { evaluate } from './evaluate.ts';
import { explain } from './explain.ts';
import { down, edge, HOST, intent, SITES, snapshot } from './fixtures.ts';
import { buildMap } from './map.ts';
import { NO_VERDICT } from './quorum.ts';
import { worldOf } from './world.ts';

const world = (over: Partial<Snapshot> = {}, live: Partial<World> = {}): World => ({
  ...worldOf(snapshot(over), { health: {}, names: {}, load: {}, now: 1_000_000 }),
  ...live,
});
const ask = (source: string, over: Partial<Query> = {}): Query => ({ name: HOST, type: 'A', source, ...over });
const BR = '198.19.101.2';
const AU = '198.19.103.2';
const hold = (kind: Hold['kind'], cluster: string, until?: number): Hold => ({
  id: `${kind}-${cluster}`,
  kind,
  cluster,
  by: 'ana',
  why: 'kernel update',
  since: 400_000,
  ...(until === undefined ? {} : { until }),
});
const chosen = (w: World, q: Query) => evaluate(w, q).chosen;
const outOf = (w: World, q: Query, cluster: string) =>
  evaluate(w, q).candidates.find((c) => c.cluster === cluster)?.out;

describe('fastest and nearest', () => {
  it('sends each region to its own cluster by the geo prior', () => {
    expect(['198.19.101.2', '198.19.102.9', '198.19.103.1'].map((s) => chosen(world(), ask(s)))).toEqual([
      'sao',
      'mtl',
      'syd',
    ]);
  });
  it('lets a measured round trip win over distance', () => {
    const map = buildMap({
      places: { '198.19.101.0/24': { place: { lat: -23.5, lon: -46.6 } } },
      rtt: { '198.19.101.0/24': { sao: 400, mtl: 120 } },
    });
    const d = evaluate(world({ map }), ask(BR));
    expect(d.chosen).toBe('mtl');
    expect(d.candidates.map((c) => c.rtt?.from)).toEqual(['prefix', 'prefix', 'geo']);
    expect(chosen(world({ map, intents: [intent({ serve: { by: 'nearest' } })] }), ask(BR))).toBe('sao');
  });
  it('falls back to the configured order for a client nothing is known of', () => {
    expect(chosen(world(), ask('192.0.2.1'))).toBe('sao');
  });
  it('uses the ECS prefix before the source, and an ECS of length 0 not at all', () => {
    expect(evaluate(world(), ask(BR, { ecs: '198.19.103.0/24' }))).toMatchObject({ chosen: 'syd', scope: 24 });
    expect(evaluate(world(), ask(BR, { ecs: '0.0.0.0/0' }))).toMatchObject({ chosen: 'sao', scope: 0 });
  });
});

describe('a cluster that the only observer left does not reach', () => {
  const lone = { ...NO_VERDICT, state: 'up' as const, unsure: true, lone: true, cause: 'timeout', since: 970_000 };
  const health = { 'sao/guestbook': lone };
  it('gets no users from there, except where it has the first place of an order', () => {
    expect(chosen(world({}, { health }), ask(BR))).toBe('mtl');
    const order = intent({ serve: { by: 'order', order: [['sao'], ['mtl']] } });
    expect(chosen(world({ intents: [order] }, { health }), ask(BR))).toBe('sao');
    expect(outOf(world({}, { health }), ask(BR), 'sao')).toEqual({
      stage: 'health',
      say: 'not reached from here, and no other observer is heard: timeout',
      since: 970_000,
    });
  });
  it('is better than nothing, and never worse than a drained one that serves', () => {
    const all = Object.fromEntries(SITES.map((s) => [`${s.cluster}/guestbook`, lone]));
    expect(evaluate(world({}, { health: all }), ask(BR))).toMatchObject({ chosen: 'sao', relaxed: ['health'] });
    const { 'mtl/guestbook': _, ...rest } = all;
    expect(chosen(world({ holds: [hold('drain', 'mtl')] }, { health: rest }), ask(BR))).toBe('mtl');
    const fence = intent({ residency: [{ from: ['BR'], to: ['sao'], strict: true }] });
    expect(chosen(world({ intents: [fence] }, { health }), ask(BR))).toBe('sao');
  });
});

describe('weights and order', () => {
  it('is within one point of the weights over many resolvers, and repeatable', () => {
    const w = world({ intents: [intent({ serve: { by: 'weights', weights: { sao: 70, mtl: 20, syd: 10 } } })] });
    const count: Record<string, number> = {};
    const picks = Array.from({ length: 20_000 }, (_, i) => chosen(w, ask(`10.${i >> 8}.${i & 255}.7`)) ?? '');
    for (const p of picks) count[p] = (count[p] ?? 0) + 1 / 200;
    expect(Math.abs((count.sao ?? 0) - 70)).toBeLessThan(1);
    expect(Math.abs((count.mtl ?? 0) - 20)).toBeLessThan(1);
    expect(chosen(w, ask('10.0.0.7'))).toBe(picks[0]);
  });
  it('gives one cluster for A and AAAA, and NODATA where it has no address of the family', () => {
    const sites = SITES.map((s, i) => (i === 1 ? { ...s, edges: { guestbook: edge({ v6: ['2001:db8::1'] }) } } : s));
    const w = world({ sites, intents: [intent({ serve: { by: 'weights', weights: { sao: 1, mtl: 1 } } })] });
    for (let i = 0; i < 50; i++) {
      const source = `10.1.1.${i}`;
      const a = evaluate(w, ask(source));
      const aaaa = evaluate(w, ask(source, { type: 'AAAA' }));
      expect(aaaa.chosen).toBe(a.chosen);
      expect(a.answer.data.length + aaaa.answer.data.length).toBe(1);
    }
  });
  it('serves the first group of an order that has anyone left', () => {
    const w = world({ intents: [intent({ serve: { by: 'order', order: [['mtl'], ['sao', 'syd']] } })] });
    expect(chosen(w, ask(BR))).toBe('mtl');
    const d = evaluate({ ...w, health: { 'mtl/guestbook': down() } }, ask(BR));
    expect(d.candidates.map((c) => c.share)).toEqual([0.5, 0, 0.5]);
  });
  it('answers a cluster of weight 0 when it is the only one left', () => {
    const w = world({ intents: [intent({ serve: { by: 'weights', weights: { sao: 1 } } })] });
    const health = { 'sao/guestbook': down(), 'mtl/guestbook': down() };
    expect(chosen({ ...w, health }, ask(BR))).toBe('syd');
  });
});

describe('filters give their reason', () => {
  it('placed: the app is not there, or has no address yet', () => {
    const sites = SITES.map(
      (s, i) => [{ ...s, edges: {} }, { ...s, edges: { guestbook: edge({ name: 'x.elb' }) } }, s][i] ?? s,
    );
    const w = world({ sites });
    expect(outOf(w, ask(BR), 'sao')).toMatchObject({ stage: 'placed', say: 'guestbook does not run here' });
    expect(outOf(w, ask(BR), 'mtl')?.say).toContain('x.elb has not resolved');
    expect(chosen(w, ask(BR))).toBe('syd');
  });
  it('brake, drain, health, capacity, residency', () => {
    const BRonly = [{ from: ['BR'], to: ['sao', 'mtl'], strict: true }];
    expect(outOf(world({ holds: [hold('brake', 'sao')] }), ask(BR), 'sao')).toMatchObject({
      stage: 'brake',
      by: 'ana',
    });
    expect(outOf(world({ holds: [hold('drain', 'sao')] }), ask(BR), 'sao')).toMatchObject({ stage: 'drain' });
    expect(outOf(world({}, { health: { 'sao/guestbook': down() } }), ask(BR), 'sao')?.say).toBe(
      'down, 2 of 2 observers: timeout',
    );
    const full = world({ intents: [intent({ capacity: { sao: 100 } })] }, { load: { sao: 130 } });
    expect(outOf(full, ask(BR), 'sao')?.say).toBe('130/s of 100/s');
    expect(outOf(world({ intents: [intent({ residency: BRonly })] }), ask(BR), 'syd')?.stage).toBe('residency');
  });
  it('a hold ends by itself at its time', () => {
    expect(chosen(world({ holds: [hold('drain', 'sao', 999_999)] }), ask(BR))).toBe('sao');
    expect(chosen(world({ holds: [hold('drain', 'sao', 1_000_001)] }), ask(BR))).not.toBe('sao');
  });
  it('a cluster that asks for itself is drained', () => {
    const health = { 'sao/guestbook': { ...down(), state: 'up' as const, held: true } };
    expect(outOf(world({}, { health }), ask(BR), 'sao')?.stage).toBe('drain');
  });
});

describe('relaxation ladder', () => {
  const dead = { 'sao/guestbook': down(), 'mtl/guestbook': down(), 'syd/guestbook': down() };
  it('fails open when all are down, braked ones excluded', () => {
    const d = evaluate(world({ holds: [hold('brake', 'sao')] }, { health: dead }), ask(BR));
    expect(d).toMatchObject({ chosen: 'mtl', relaxed: ['health'] });
    expect(d.candidates[1]?.pardoned[0]?.stage).toBe('health');
  });
  it('prefers a drained cluster over dead ones', () => {
    const health = { 'mtl/guestbook': down(), 'syd/guestbook': down() };
    const d = evaluate(world({ holds: [hold('drain', 'sao')] }, { health }), ask(BR));
    expect(d).toMatchObject({ chosen: 'sao', relaxed: ['drain'] });
  });
  it('keeps strict residency although its clusters are down, and gives up a wish instead', () => {
    const residency = (strict: boolean) => [intent({ residency: [{ from: ['AU'], to: ['syd'], strict }] })];
    const health = { 'syd/guestbook': down() };
    expect(evaluate(world({ intents: residency(true) }, { health }), ask(AU))).toMatchObject({
      chosen: 'syd',
      relaxed: ['health'],
    });
    const wish = evaluate(world({ intents: residency(false) }, { health }), ask(AU));
    expect(wish.relaxed).toEqual(['residency']);
    expect(wish.chosen).not.toBe('syd');
  });
  it('answers SERVFAIL when every cluster is braked', () => {
    const holds = ['sao', 'mtl', 'syd'].map((c) => hold('brake', c));
    expect(evaluate(world({ holds }), ask(BR))).toMatchObject({ chosen: null, answer: { rcode: 'SERVFAIL' } });
  });
});

describe('other names', () => {
  it('NXDOMAIN below a host, REFUSED elsewhere, letter case ignored', () => {
    expect(evaluate(world(), ask(BR, { name: `x.${HOST}` })).answer.rcode).toBe('NXDOMAIN');
    expect(evaluate(world(), ask(BR, { name: 'example.org' })).answer.rcode).toBe('REFUSED');
    expect(chosen(world(), ask(BR, { name: HOST.toUpperCase() }))).toBe('sao');
  });
});

it('explains every candidate', () => {
  const w = world({ holds: [hold('drain', 'mtl')] }, { health: { 'sao/guestbook': down('refused', 940_000) } });
  expect(explain(evaluate(w, ask(BR)), w.now)).toMatchInlineSnapshot(`
    [
      "client 198.19.101.2 (map row 198.19.101.0/24, BR)",
      "sao: out: health: down, 2 of 2 observers: refused, for 1 min; 8 ms (by distance)",
      "mtl: out: drain: drain by ana: kernel update, for 10 min; 138.4 ms (by distance)",
      "syd: serves 100 %; 221.7 ms (by distance)",
      "answer syd: 198.18.3.100",
    ]
  `);
});
