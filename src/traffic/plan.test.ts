import { describe, expect, it } from 'vitest';
import type { Config } from '../config/index.ts';
import { TwError } from '../kernel/index.ts';
import { configOf } from './fixtures.ts';
import { evaluate } from './machine/evaluate.ts';
import { buildMap } from './machine/map.ts';
import { worldOf } from './machine/world.ts';
import { trafficPlan } from './plan.ts';
import { type Discovered, snapshotOf } from './snapshot.ts';

const found: Discovered[] = [
  {
    cluster: 'sao',
    apps: ['guestbook'],
    edges: { guestbook: { ips: [], name: 'A-1.elb.sa-east-1.amazonaws.com' } },
    nameserver: '198.18.1.101',
  },
  { cluster: 'mtl', apps: ['guestbook'], edges: { guestbook: { ips: ['198.18.2.100'] } }, nameserver: '198.18.2.101' },
  { cluster: 'syd', apps: ['guestbook'], edges: { guestbook: { ips: ['198.18.3.100'] } }, nameserver: '198.18.3.101' },
];
const map = buildMap({});
const faultOf = (run: () => unknown): { code: string; path: string | undefined; why: string | undefined } => {
  try {
    run();
  } catch (e) {
    if (e instanceof TwError) return { code: e.code, path: e.problem.where[0]?.path, why: e.problem.why[0] };
  }
  return { code: 'none', path: undefined, why: undefined };
};
const planFault = (over: Record<string, unknown>) => faultOf(() => trafficPlan({ config: configOf(over) }));

describe('trafficPlan', () => {
  it('lists what comes, with every promise exact, approximate or refused', () => {
    const plan = trafficPlan({ config: configOf() });
    expect(plan.changes.map((c) => `${c.kind} ${c.what}`)).toEqual([
      'create name guestbook.demo.tradewind.example',
      'create nameserver in sao',
      'create nameserver in mtl',
      'create nameserver in syd',
    ]);
    expect(plan.gaps.map((g) => `${g.promise}: ${g.kept}`)).toEqual(['serve fastest: approximate', 'failover: exact']);
    const measured = buildMap({ rtt: { '198.19.101.0/24': { sao: 10 } } });
    expect(trafficPlan({ config: configOf(), map: measured }).gaps[0]?.kept).toBe('exact');
  });
  it('has nothing to do when the current snapshot is the plan, and sees what differs', () => {
    const current = snapshotOf({ config: configOf(), discovered: found, map });
    expect(trafficPlan({ config: configOf(), current }).changes).toEqual([]);
    const changed = trafficPlan({ config: configOf({ ttl: 60 }), current });
    expect(changed.changes.map((c) => c.kind)).toEqual(['change']);
    expect(changed.digest).not.toBe(trafficPlan({ config: configOf(), current }).digest);
  });
  it('promises of failover what the clusters that stand can keep, and says how to get more', () => {
    const promise = (n: number, over: Record<string, unknown> = {}, standing?: string[]) => {
      const config: Config = { ...configOf(over), clusters: configOf().clusters.slice(0, n) };
      return trafficPlan({ config, ...(standing === undefined ? {} : { standing }) }).gaps.at(-1);
    };
    const order = { serve: { by: 'order', order: [['sao'], ['mtl']] } };
    expect(promise(3, {}, [])).toMatchObject({ kept: 'exact', say: '2 of 2 observers decide, within 5 s' });
    expect(promise(3, order)).toMatchObject({ kept: 'exact' });
    expect(promise(2)).toMatchObject({
      kept: 'approximate',
      say: expect.stringContaining('after a cut each side serves whom it reaches'),
      fix: { say: expect.stringContaining('third cluster') },
    });
    expect(promise(2, order)).toMatchObject({ kept: 'refused', code: 'TW4020', fix: { say: expect.any(String) } });
    expect(promise(1)).toMatchObject({ kept: 'refused', code: 'TW4020', say: 'there is no other cluster to go to' });
    expect(promise(3, {}, ['sao', 'mtl'])).toMatchObject({
      kept: 'approximate',
      say: expect.stringContaining('(2 of 3 clusters stand now)'),
      fix: { say: expect.stringContaining('tw up') },
    });
  });
  it('TW4001 with path and nearest name', () => {
    expect(planFault({ serve: { by: 'weights', weights: { soa: 1 } } })).toEqual({
      code: 'TW4001',
      path: 'apps.guestbook.traffic.serve.weights',
      why: 'no such cluster; did you mean "sao"?',
    });
    expect(planFault({ serve: { by: 'weights', weights: { sao: 0 } } }).why).toBe('all weights are 0');
    expect(planFault({ serve: { by: 'weights', weights: { sao: -1 } } }).why).toBe('a weight is negative');
    expect(planFault({ residency: [{ from: ['10.0.0.0/25'], to: ['sao'], strict: true }] }).why).toContain(
      'longer than /24',
    );
    expect(planFault({ residency: [{ from: ['Europe'], to: ['sao'], strict: true }] }).why).toContain(
      'neither a prefix',
    );
    expect(planFault({ host: 'guestbook.example.org' }).why).toContain('not inside the zone');
  });
});

describe('snapshotOf', () => {
  it('starts at 1.1, stays the same value when nothing differs, and counts up when it does', () => {
    const first = snapshotOf({ config: configOf(), discovered: found, map });
    expect([first.term, first.seq]).toEqual([1, 1]);
    expect(first.sites[0]?.edges.guestbook).toEqual({ v4: [], v6: [], name: 'a-1.elb.sa-east-1.amazonaws.com' });
    expect(first.sites[0]?.nameserver?.name).toBe('ns-sao.demo.tradewind.example');
    expect(snapshotOf({ config: configOf(), discovered: found, map, current: first })).toBe(first);
    expect(snapshotOf({ config: configOf({ ttl: 60 }), discovered: found, map, current: first }).seq).toBe(2);
  });
  it('counts as observers only clusters that are built', () => {
    const some = snapshotOf({ config: configOf(), discovered: found.slice(0, 2), map, standing: ['sao', 'mtl'] });
    expect(some.voters).toEqual(['sao', 'mtl']);
    const all = snapshotOf({
      config: configOf(),
      discovered: found,
      map,
      current: some,
      standing: ['sao', 'mtl', 'syd'],
    });
    expect([all.voters, all.seq]).toEqual([['sao', 'mtl', 'syd'], 2]);
  });
  it('keeps what was not found now', () => {
    const first = snapshotOf({ config: configOf(), discovered: found, map });
    expect(snapshotOf({ config: configOf(), discovered: [], map, current: first })).toBe(first);
    const half = found.map((d) => ({ ...d, edges: {} }));
    expect(snapshotOf({ config: configOf(), discovered: half, map, current: first })).toBe(first);
  });
  it('refuses to leave a name no cluster, and addresses nobody can reach', () => {
    const first = snapshotOf({ config: configOf(), discovered: found, map });
    const none = found.map((d) => ({ ...d, apps: [], edges: {} }));
    expect(faultOf(() => snapshotOf({ config: configOf(), discovered: none, map, current: first })).code).toBe(
      'TW4041',
    );
    const hidden: Discovered[] = [{ cluster: 'sao', apps: ['guestbook'], edges: { guestbook: { ips: ['10.0.0.4'] } } }];
    expect(faultOf(() => snapshotOf({ config: configOf(), discovered: hidden, map })).code).toBe('TW4002');
  });
  it('gives a world that answers each region its own cluster', () => {
    const places = {
      '198.19.101.0/24': { place: { lat: -23.5, lon: -46.6 } },
      '198.19.103.0/24': { place: { lat: -33.9, lon: 151.2 } },
    };
    const s = snapshotOf({ config: configOf(), discovered: found, map: buildMap({ places }) });
    const names = { 'a-1.elb.sa-east-1.amazonaws.com': { v4: ['198.18.1.100'], v6: [] } };
    const w = worldOf(s, { health: {}, names, load: {}, now: 0 });
    const name = s.intents[0]?.host ?? '';
    expect(evaluate(w, { name, type: 'A', source: '198.19.101.2' }).answer.data).toEqual(['198.18.1.100']);
    expect(evaluate(w, { name, type: 'A', source: '198.19.103.2' }).answer.data).toEqual(['198.18.3.100']);
  });
});
