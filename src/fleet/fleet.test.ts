import { describe, expect, test } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import { fleetApply } from './applier.ts';
import { CONFIG, collect, configMap, deployment, liveTwin, ports, service, webApp } from './fixtures.ts';
import type { FleetApp, FleetPlan, Op } from './model.ts';
import { dictOf, keyOf } from './plan/objects.ts';
import { fleetPlan, type PlanInput } from './planner.ts';
import { fleetStatus, loadBalancers } from './status.ts';

const NAMES = ['sao', 'mtl', 'syd'] as const;

function world(sick: readonly string[] = []) {
  const twins = Object.fromEntries(NAMES.map((n) => [n, liveTwin(n, {}, n === 'syd' ? sick : [])])) as Record<
    (typeof NAMES)[number],
    ReturnType<typeof liveTwin>
  >;
  const clock = manualClock(1_700_000_000_000);
  const input = (apps: readonly FleetApp[], more: Partial<PlanInput> = {}): PlanInput => ({
    config: CONFIG,
    apps,
    clusters: NAMES.map((name) => ({ name, presence: 'present', api: twins[name] })),
    ...more,
  });
  const plan = (apps: readonly FleetApp[], more: Partial<PlanInput> = {}) => fleetPlan(input(apps, more), ports(clock));
  const apply = (p: FleetPlan, gateMs = 5000) =>
    collect(fleetApply(p, { api: async (c) => twins[c as 'sao'], clock, gateMs }, new AbortController().signal));
  return { twins, clock, plan, apply, input };
}
const ops = (p: FleetPlan, cluster: string): readonly Op[] =>
  p.clusters.find((c) => c.name === cluster)?.apps.flatMap((a) => a.ops) ?? [];
const kinds = (list: readonly Op[]): string[] => list.map((op) => `${op.kind} ${op.ref.kind}/${op.ref.name}`);

describe('plan, apply, plan again', () => {
  test('creates everything once, then nothing', async () => {
    const w = world();
    const first = await w.plan([webApp()]);
    expect(kinds(ops(first, 'sao'))).toEqual([
      'create Namespace/guestbook',
      'create ConfigMap/settings',
      'create Service/web',
      'create Deployment/redis',
      'create Deployment/web',
    ]);
    const events = await w.apply(first);
    expect(events.at(-1)).toMatchObject({ type: 'end', applied: 3, failed: [] });
    const second = await w.plan([webApp()]);
    expect(second.blast).toEqual({ clusters: 0, create: 0, update: 0, recreate: 0, delete: 0, same: 15 });
    const again = await w.apply(second);
    expect(again.filter((e) => e.type === 'step').map((e) => e.step)).toEqual(['unchanged', 'unchanged', 'unchanged']);
  });

  test('one request per unchanged object in a plan', async () => {
    const w = world();
    await w.apply(await w.plan([webApp()]));
    w.twins.sao.calls.length = 0;
    await w.plan([webApp()]);
    const dry = w.twins.sao.calls.filter((c) => c.verb === 'dryRun').length;
    expect(dry).toBe(5);
    expect(w.twins.sao.calls.length - dry).toBeLessThanOrEqual(5);
  });

  test('a new version changes only the app image and the version label, with both values in the diff', async () => {
    const w = world();
    await w.apply(await w.plan([webApp()]));
    const p = await w.plan([webApp({ version: 'v2' })]);
    const changed = ops(p, 'mtl').filter((op) => op.kind !== 'same');
    expect(changed).toHaveLength(1);
    expect(changed[0]?.diff).toEqual([
      {
        path: 'spec.template.metadata.labels["tradewind.dev/version"]',
        from: 'v1',
        to: 'v2',
      },
      {
        path: 'spec.template.spec.containers[name=web].image',
        from: 'registry.tradewind.example/guestbook:v1',
        to: 'registry.tradewind.example/guestbook:v2',
      },
    ]);
    await w.apply(p);
    const status = await fleetStatus({
      fleet: 'demo',
      apps: [webApp()],
      clock: w.clock,
      clusters: NAMES.map((name) => ({ name, api: w.twins[name] })),
    });
    expect(status[0]).toMatchObject({
      ready: true,
      version: 'v1.36.3',
      nodes: { ready: 1, total: 1 },
      apps: [{ name: 'guestbook', version: 'v2', replicas: { ready: 4, wanted: 4 } }],
    });
    expect(status[0]?.apps[0]?.why).toEqual(['Service guestbook/web: waits for the address of the load balancer']);
  });

  test('same plan, same id; another version, another id', async () => {
    const w = world();
    const a = await w.plan([webApp()]);
    const b = await w.plan([webApp()]);
    const c = await w.plan([webApp({ version: 'v2' })]);
    expect(a.id).toBe(b.id);
    expect(c.id).not.toBe(a.id);
  });
});

describe('clusters that are not there', () => {
  test('an absent cluster gets creates and is not contacted; apply meets it later', async () => {
    const w = world();
    const p = await w.plan([webApp()], { clusters: NAMES.map((name) => ({ name, presence: 'absent' as const })) });
    expect(p.clusters.map((c) => c.identity)).toEqual(['not-yet', 'not-yet', 'not-yet']);
    expect(ops(p, 'sao').every((op) => op.kind === 'create' && op.simulated)).toBe(true);
    expect(w.twins.sao.calls).toEqual([]);
    const events = await w.apply(p);
    expect(events.at(-1)).toMatchObject({ applied: 3, failed: [] });
    expect(events.filter((e) => e.type === 'identity')).toHaveLength(3);
  });

  test('a cluster planned as new that holds a foreign object is not written', async () => {
    const w = world();
    w.twins.sao.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } }, 'someone');
    w.twins.sao.put({ ...configMap('settings'), metadata: { name: 'settings', namespace: 'guestbook' } }, 'someone');
    const p = await w.plan([webApp()], { clusters: [{ name: 'sao', presence: 'absent' }] });
    const events = await w.apply(p);
    expect(events.at(-1)).toMatchObject({ applied: 0, failed: [{ cluster: 'sao', problem: { code: 'TW3040' } }] });
    expect(w.twins.sao.calls.some((c) => c.verb === 'apply')).toBe(false);
  });

  test('an unknown cluster gets no op and says so; the others go on', async () => {
    const w = world();
    const p = await w.plan([webApp()], {
      clusters: [
        { name: 'sao', presence: 'unknown' },
        { name: 'mtl', presence: 'present', api: w.twins.mtl },
      ],
    });
    expect(p.clusters[0]).toMatchObject({ identity: 'unknown', apps: [], skipped: { code: 'TW3012' } });
    const events = await w.apply(p);
    expect(events.at(-1)).toMatchObject({ applied: 1, failed: [{ cluster: 'sao' }] });
  });

  test('another cluster behind the same name is refused', async () => {
    const w = world();
    const p = await w.plan([webApp()], { identities: { sao: 'an older uid' } });
    expect(p.clusters[0]).toMatchObject({ apps: [], skipped: { code: 'TW3011' } });
  });
});

describe('what belongs to others', () => {
  const foreign = { ...configMap('settings', { a: 'theirs' }), metadata: { name: 'settings', namespace: 'guestbook' } };

  test('an existing object is refused with its owner, then taken over when allowed', async () => {
    const w = world();
    w.twins.sao.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } }, 'someone');
    w.twins.sao.put(foreign, 'someone');
    const p = await w.plan([webApp()]);
    const refused = ops(p, 'sao').filter((op) => op.refused);
    expect(refused[0]?.refused).toMatchObject({ code: 'TW3021' });
    await w.apply(p);
    expect(
      await w.twins.sao.get({ group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' }),
    ).toBeUndefined();
    const allowed = await w.plan([webApp()], { allow: { takeOver: 'always' } });
    const events = await w.apply(allowed);
    expect(events.at(-1)).toMatchObject({ failed: [] });
    const ref = { group: '', kind: 'ConfigMap', namespace: 'guestbook', name: 'settings' };
    expect((await w.twins.sao.get(ref))?.['data']).toEqual({ a: '1' });
  });

  test('a changed field of ours is a conflict that names path and manager; force takes it back', async () => {
    const w = world();
    await w.apply(await w.plan([webApp()]));
    const ref = { group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' };
    w.twins.syd.edit(ref, (o) => {
      (o['spec'] as { replicas: number }).replicas = 7;
    });
    const p = await w.plan([webApp()]);
    expect(ops(p, 'syd').find((op) => op.refused)?.refused).toMatchObject({
      code: 'TW3022',
      where: [{ cluster: 'syd', path: '.spec.replicas' }],
    });
    const forced = await w.plan([webApp()], { allow: { force: true } });
    expect(ops(forced, 'syd').find((op) => op.kind === 'update')?.diff).toMatchObject([
      { path: 'spec.replicas', from: 7, to: 2, owner: { manager: 'kubectl-edit' } },
    ]);
    await w.apply(forced);
    expect((await w.twins.syd.get(ref))?.['spec']).toMatchObject({ replicas: 2 });
  });

  test('an object of another ApplySet or fleet is never touched', async () => {
    const w = world();
    w.twins.sao.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } }, 'someone');
    w.twins.sao.put({ ...foreign, metadata: { ...foreign.metadata, labels: { 'tradewind.dev/fleet': 'other' } } }, 'x');
    const p = await w.plan([webApp()], { allow: { takeOver: 'always', force: true } });
    expect(ops(p, 'sao').find((op) => op.refused)?.refused).toMatchObject({ code: 'TW3020' });
  });
});

describe('deletion', () => {
  const many = Array.from({ length: 6 }, (_, i) => configMap(`c${i}`));
  const full = webApp({ source: { objects: [deployment('web', 'x/guestbook:1'), service('web'), ...many] } });
  const less = webApp({ source: { objects: [deployment('web', 'x/guestbook:1'), service('web'), ...many.slice(1)] } });
  const few = webApp({ source: { objects: [deployment('web', 'x/guestbook:1'), service('web')] } });

  test('a few leftovers go, after health', async () => {
    const w = world();
    await w.apply(await w.plan([full]));
    const p = await w.plan([less]);
    expect(p.blast.delete).toBe(3);
    const events = await w.apply(p);
    expect(events.filter((e) => e.type === 'object' && e.did === 'deleted')).toHaveLength(3);
    expect(w.twins.sao.removed).toEqual(['/ConfigMap/guestbook/c0']);
  });

  test('more than the budget needs a confirmation bound to the plan id', async () => {
    const w = world();
    await w.apply(await w.plan([full]));
    const p = await w.plan([few]);
    expect(p.blast.delete).toBe(0);
    expect(p.clusters[0]?.apps[0]?.problems).toMatchObject([{ code: 'TW3030' }]);
    await w.apply(p);
    expect(w.twins.sao.removed).toEqual([]);
    const stillThere = await w.plan([few]);
    expect(stillThere.clusters[0]?.apps[0]?.withheld).toHaveLength(6);
    const confirmed = await w.plan([few], { allow: { deletes: stillThere.id } });
    expect(confirmed.blast.delete).toBe(18);
    await w.apply(confirmed);
    expect(w.twins.sao.removed).toHaveLength(6);
  });

  test('an unhealthy wave stops before any deletion and names the cause', async () => {
    const w = world(['web']);
    await w.apply(await w.plan([full]), 10);
    const events = await w.apply(await w.plan([less]), 5000);
    expect(events.at(-1)).toMatchObject({ applied: 2, failed: [{ cluster: 'syd', problem: { code: 'TW3060' } }] });
    expect(w.twins.syd.removed).toEqual([]);
  });

  test('an app that left the config goes only when the app list is complete and confirmed', async () => {
    const w = world();
    await w.apply(await w.plan([full]));
    const other = webApp({ name: 'shop', namespace: 'shop' });
    expect((await w.plan([other])).clusters[0]?.apps.map((a) => a.app)).toEqual(['shop']);
    const p = await w.plan([other], { complete: true });
    expect(p.clusters[0]?.apps.map((a) => a.app)).toEqual(['shop', 'guestbook']);
    expect(p.clusters[0]?.apps[1]?.problems).toMatchObject([{ code: 'TW3030' }]);
    const confirmed = await w.plan([other], { complete: true, allow: { deletes: p.id } });
    const events = await w.apply(confirmed);
    expect(events.at(-1)).toMatchObject({ failed: [] });
    expect(w.twins.sao.all().some((o) => o.metadata.namespace === 'guestbook')).toBe(false);
  });

  test('a same-named object that somebody made anew is kept', async () => {
    const w = world();
    await w.apply(await w.plan([full]));
    const ref = { group: '', kind: 'ConfigMap', namespace: 'guestbook', name: 'c0' };
    w.twins.sao.vanish(ref);
    w.twins.sao.put({ ...configMap('c0'), metadata: { name: 'c0', namespace: 'guestbook' } }, 'someone');
    const p = await w.plan([less]);
    expect(p.clusters[0]?.apps[0]?.withheld.map((op) => keyOf(op.ref))).toEqual(['/ConfigMap/guestbook/c0']);
    await w.apply(p);
    expect(await w.twins.sao.get(ref)).toBeDefined();
  });
});

test('a value that changed between plan and apply stops that cluster', async () => {
  const w = world();
  await w.apply(await w.plan([webApp()]));
  const p = await w.plan([webApp({ version: 'v2' })]);
  const ref = { group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' };
  w.twins.sao.edit(
    ref,
    (o) => {
      const spec = o['spec'] as { template: { spec: { containers: { image: string }[] } } };
      for (const c of spec.template.spec.containers) c.image = 'other:1';
    },
    'tw-guestbook',
  );
  const events = await w.apply(p);
  expect(events.at(-1)).toMatchObject({ applied: 2, failed: [{ cluster: 'sao' }] });
});

test('two plans from one state: the second is refused by the epoch', async () => {
  const w = world();
  await w.apply(await w.plan([webApp()]));
  const a = await w.plan([webApp({ version: 'v2' })]);
  const b = await w.plan([webApp({ version: 'v3' })]);
  await w.apply(a);
  const events = await w.apply(b);
  expect(events.at(-1)).toMatchObject({ applied: 0, failed: [{ problem: { code: 'TW3050' } }, {}, {}] });
});

test('addresses of load balancers come from the Service status', async () => {
  const w = world();
  await w.apply(await w.plan([webApp()]));
  const ref = { group: '', kind: 'Service', namespace: 'guestbook', name: 'web' };
  w.twins.sao.setStatus(ref, { loadBalancer: { ingress: [{ ip: '198.18.1.100' }] } });
  expect(await loadBalancers(w.twins.sao, webApp())).toMatchObject([{ addresses: ['198.18.1.100'], ports: [80] }]);
});

test('a total is divided over the clusters and stays put when it grows', async () => {
  const w = world();
  const app = (total: number) => webApp({ replicas: { total } });
  const replicas = async (): Promise<number[]> =>
    Promise.all(
      NAMES.map(async (n) => {
        const o = await w.twins[n].get({ group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' });
        return Number(dictOf(o?.['spec'])['replicas']);
      }),
    );
  await w.apply(await w.plan([app(7)]));
  expect((await replicas()).reduce((a, b) => a + b)).toBe(7);
  const before = await replicas();
  await w.apply(await w.plan([app(8)]));
  const after = await replicas();
  expect(after.reduce((a, b) => a + b)).toBe(8);
  expect(after.every((n, i) => n >= (before[i] ?? 0))).toBe(true);
});
