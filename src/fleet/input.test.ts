import { describe, expect, test } from 'vitest';
import { manualClock, TwError } from '../kernel/index.ts';
import { fleetApply } from './applier.ts';
import { CLUSTERS, CONFIG, collect, configMap, deployment, liveTwin, ports, service, webApp } from './fixtures.ts';
import type { FleetApp, KubeObject } from './model.ts';
import { ownersOf } from './plan/diff.ts';
import { type Allow } from './plan/fold.ts';
import { publicPlan } from './plan/summary.ts';
import { fleetPlan } from './planner.ts';
import { KubeError } from './ports.ts';

const clock = manualClock(1_700_000_000_000);
const sao = (twin = liveTwin('sao')) => ({ name: 'sao', presence: 'present' as const, api: twin });
const plan = (apps: readonly FleetApp[], twin = liveTwin('sao'), allow: Allow = {}) =>
  fleetPlan(
    { config: { ...CONFIG, clusters: [CLUSTERS[0]] as never }, apps, clusters: [sao(twin)], allow },
    ports(clock),
  );
async function up(app: FleetApp, twin: ReturnType<typeof liveTwin>, allow: Allow = {}) {
  const p = await plan([app], twin, allow);
  const events = await collect(
    fleetApply(p, { api: async () => twin, clock, gateMs: 5000 }, new AbortController().signal),
  );
  return { p, events, ops: p.clusters[0]?.apps[0]?.ops ?? [] };
}
async function fails(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (e) {
    if (e instanceof TwError) return `${e.code} ${e.problem.why.join(' | ')}`;
    throw e;
  }
  return 'no fault';
}
const of = (...objects: KubeObject[]): FleetApp => webApp({ source: { objects } });
const mounting = (optional: boolean): KubeObject =>
  deployment('web', 'x/guestbook:1', {
    template: {
      spec: {
        containers: [
          { name: 'web', image: 'x/guestbook:1', envFrom: [{ configMapRef: { name: 'setings', optional } }] },
        ],
      },
    },
  });

describe('what a person wrote is refused before anything is written', () => {
  test('TW3006: a reference that nothing fulfils, with the nearest name; the cluster may have it', async () => {
    expect(await fails(plan([of(mounting(false), configMap('settings'))]))).toBe(
      'TW3006 Deployment guestbook/web needs ConfigMap guestbook/setings; did you mean settings?',
    );
    const twin = liveTwin('sao');
    twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } }, 'x');
    twin.put({ ...configMap('setings'), metadata: { name: 'setings', namespace: 'guestbook' } }, 'x');
    expect((await plan([of(mounting(false))], twin)).blast.create).toBe(1);
  });

  test('an optional reference is a warning', async () => {
    expect((await plan([of(mounting(true))])).warnings).toEqual([
      'sao: Deployment guestbook/web may use ConfigMap guestbook/setings, which is not there',
    ]);
  });

  test('TW3005: no cluster fits, with every reason; an impossible total', async () => {
    expect(await fails(plan([webApp({ placement: { clouds: ['gcp'] } })]))).toBe(
      'TW3005 sao: cloud aws is not one of gcp',
    );
    const replicas = { total: 2, weights: { sao: { weight: 1, min: 3 } } };
    expect(await fails(plan([webApp({ replicas })]))).toMatch(/^TW3005 the minimums add up to 3/);
  });

  test('TW3003: one object in two apps', async () => {
    const a = of(configMap('a'));
    expect(await fails(plan([a, { ...a, name: 'shop' }]))).toMatch(/^TW3003 apps guestbook and shop/);
  });

  test('TW3004: an override for a cluster that does not carry the app', async () => {
    expect(await fails(plan([webApp({ overrides: [{ on: { clusters: ['soa'] }, replicas: 1 }] })]))).toMatch(
      /^TW3004 .*did you mean sao/,
    );
  });
});

describe('what the server refuses', () => {
  test('TW3070 in the plan: an unknown field; nothing of the app is written', async () => {
    const twin = liveTwin('sao');
    const ns = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } };
    twin.put(ns, 'x');
    const { ops, events } = await up(of(deployment('web', 'x/guestbook:1', { replics: 1 }), configMap('a')), twin);
    expect(ops.find((op) => op.refused)?.refused).toMatchObject({
      code: 'TW3070',
      why: [expect.stringContaining('replics')],
    });
    expect(events.at(-1)).toMatchObject({ applied: 0 });
    expect(twin.calls.some((c) => c.verb === 'apply')).toBe(false);
  });

  test('TW3023: an immutable field needs an allowed recreate, which then makes a new object', async () => {
    const twin = liveTwin('sao');
    await up(of(deployment('web', 'x/guestbook:1')), twin);
    const ref = { group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' };
    const before = await twin.get(ref);
    const moved = of(deployment('web', 'x/guestbook:1', { selector: { matchLabels: { app: 'other' } } }));
    expect((await up(moved, twin)).ops.find((op) => op.refused)?.refused?.code).toBe('TW3023');
    const { events } = await up(moved, twin, { recreate: ['apps/Deployment/guestbook/web'] });
    expect(events.at(-1)).toMatchObject({ applied: 1, failed: [] });
    expect((await twin.get(ref))?.metadata.uid).not.toBe(before?.metadata.uid);
  });

  test('TW3031: an inventory that was cut stops the app and keeps every object', async () => {
    const twin = liveTwin('sao');
    await up(of(configMap('a'), configMap('b')), twin);
    twin.edit({ group: '', kind: 'ConfigMap', namespace: 'guestbook', name: 'tw-guestbook' }, (o) => {
      o['data'] = { 'inventory.json': '{"format":1,"it' };
    });
    const { events } = await up(of(configMap('a', { a: '2' })), twin);
    expect(events.at(-1)).toMatchObject({ applied: 0, failed: [{ problem: { code: 'TW3031' } }] });
    expect(twin.removed).toEqual([]);
  });

  test('an inventory that was deleted is rebuilt from the labels, and nothing is deleted', async () => {
    const twin = liveTwin('sao');
    await up(of(configMap('a'), configMap('b')), twin);
    twin.vanish({ group: '', kind: 'ConfigMap', namespace: 'guestbook', name: 'tw-guestbook' });
    const { events } = await up(of(configMap('a', { a: '2' })), twin);
    expect(events.at(-1)).toMatchObject({ applied: 1, failed: [] });
    expect(twin.removed).toEqual([]);
  });

  test('429 is waited for and told', async () => {
    let left = 3;
    const twin = liveTwin('sao', {
      before: (call) => {
        if (call.verb === 'apply' && left-- > 0)
          throw new KubeError(429, 'TooManyRequests', 'slow down', { retryAfter: 2 });
      },
    });
    const { events } = await up(of(configMap('a')), twin);
    expect(events.filter((e) => e.type === 'throttled')).toMatchObject([{ ms: 2000 }, { ms: 2000 }, { ms: 2000 }]);
    expect(events.at(-1)).toMatchObject({ applied: 1 });
  });

  test('an interrupt stops before the next wave', async () => {
    const twin = liveTwin('sao');
    const stop = new AbortController();
    const p = await plan([of(configMap('a'), service('s'), deployment('web', 'x/guestbook:1'))], twin);
    const events = [];
    for await (const e of fleetApply(p, { api: async () => twin, clock }, stop.signal)) {
      events.push(e);
      if (e.type === 'step' && e.step === 'wave') stop.abort();
    }
    expect(events.at(-1)).toMatchObject({ type: 'end', applied: 0 });
    expect(await twin.get({ group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' })).toBeUndefined();
  });
});

test('replicas pass to an autoscaler without falling to 1', async () => {
  const twin = liveTwin('sao');
  const web = deployment('web', 'x/guestbook:1', { replicas: 5 });
  await up(of(web), twin);
  const hpa: KubeObject = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 9,
    },
  };
  const { events, ops } = await up(webApp({ version: 'v2', source: { objects: [web, hpa] } }), twin);
  expect(events.at(-1)).toMatchObject({ failed: [] });
  const op = ops.find((o) => o.ref.kind === 'Deployment');
  expect(op).toMatchObject({ kind: 'update', yields: ['spec.replicas'], why: ['replicas are left to the autoscaler'] });
  expect(op?.diff.map((d) => d.path)).not.toContain('spec.replicas');
  const live = await twin.get({ group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web' });
  expect(live?.['spec']).toMatchObject({ replicas: 5 });
  const owners = ownersOf(live?.metadata.managedFields ?? [], [{ field: 'spec' }, { field: 'replicas' }]);
  expect(owners.map((o) => o.manager)).toEqual(['tw-handover']);
});

test('a plan for the journal holds no value of a Secret', async () => {
  const pull = [{ registry: 'r.example', username: { value: 'u' }, password: { value: 'a-secret-word' } }];
  const p = await plan([webApp({ pull })]);
  const text = JSON.stringify(publicPlan(p));
  expect(text).toContain('tw-guestbook-pull');
  expect(text).not.toContain('a-secret-word');
  expect(text).not.toContain(Buffer.from('u:a-secret-word').toString('base64'));
  expect(text).not.toMatch(/dockerconfigjson":"/);
});

test('planning for a part of the fleet divides over the whole of it and leaves an app elsewhere alone', async () => {
  const scope = { config: CONFIG, clusters: [sao()] };
  const p = await fleetPlan({ ...scope, apps: [webApp({ replicas: { total: 6 } })] }, ports(clock));
  const web = p.clusters[0]?.apps[0]?.ops.find((op) => op.ref.name === 'web' && op.ref.kind === 'Deployment');
  expect(web?.body?.['spec']).toMatchObject({ replicas: 2 });
  const elsewhere = await fleetPlan({ ...scope, apps: [webApp({ placement: { clouds: ['gcp'] } })] }, ports(clock));
  expect(elsewhere.clusters).toMatchObject([{ name: 'sao', apps: [] }]);
});
