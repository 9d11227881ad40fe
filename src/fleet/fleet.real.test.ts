import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { openKubeconfig } from './adapters/kube-client.ts';
import { fleetApply } from './applier.ts';
import { appsOf } from './apps.ts';
import { CLUSTERS, CONFIG, collect, configMap, deployment, ports, service, webApp } from './fixtures.ts';
import type { FleetApp, FleetPlan, KubeObject } from './model.ts';
import { fleetPlan, type PlanInput } from './planner.ts';
import type { KubeApi } from './ports.ts';
import { appConfig, OBJECTS, releasedWorld } from './released.fixtures.ts';
import { VersionedWorkloads } from './workloads.ts';

// Plan and apply against a real API server without controllers: TW_TEST_KUBECONFIG names its kubeconfig.
const kubeconfig = process.env['TW_TEST_KUBECONFIG'];
/** A busy machine and a far cluster: many requests one after the other. */
const LONG_MS = 180_000;
const NS = `tw-real-${process.pid}`;

describe.runIf(kubeconfig !== undefined)('plan and apply on a real API server', () => {
  let api: KubeApi;
  const objects: KubeObject[] = [
    configMap('settings', { a: '1', b: '2' }),
    service('web', { type: 'LoadBalancer' }),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web' } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { k: 'a value' } },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'tidy' },
      spec: {
        schedule: '0 3 * * *',
        jobTemplate: {
          spec: {
            template: {
              spec: {
                restartPolicy: 'Never',
                containers: [
                  { name: 't', image: 'x/guestbook:1', resources: { limits: { cpu: '1000m', memory: '1024Mi' } } },
                ],
              },
            },
          },
        },
      },
    },
  ];
  const app = (more: Partial<FleetApp> = {}): FleetApp =>
    webApp({
      namespace: NS,
      source: { objects },
      pull: [{ registry: 'r.example', username: { value: 'u' }, password: { value: 'p' } }],
      ...more,
    });
  const plan = (a: FleetApp, more: Partial<PlanInput> = {}): Promise<FleetPlan> =>
    fleetPlan(
      { config: CONFIG, apps: [a], clusters: [{ name: 'sao', presence: 'present', api }], ...more },
      { ...ports(), clock: systemClock },
    );
  const apply = (p: FleetPlan) =>
    collect(fleetApply(p, { api: async () => api, clock: systemClock, gateMs: 2000 }, new AbortController().signal));

  beforeAll(() => {
    api = openKubeconfig({ kubeconfig: kubeconfig ?? '' });
  });
  afterAll(async () => {
    const ref = { group: '', kind: 'Namespace', name: NS };
    const ns = await api.get(ref);
    if (ns?.metadata.uid !== undefined) await api.remove(ref, { uid: ns.metadata.uid, cascade: 'background' });
    await api.close();
  });

  test('first apply creates all; the plan after it is empty, defaults and quantities included', async () => {
    const first = await plan(app());
    expect(first.blast).toMatchObject({ create: 8, same: 0 });
    expect((await apply(first)).at(-1)).toMatchObject({ applied: 1, failed: [] });
    const second = await plan(app());
    expect(second.blast).toEqual({ clusters: 0, create: 0, update: 0, recreate: 0, delete: 0, same: 8 });
    expect((await apply(second))[1]).toMatchObject({ step: 'unchanged' });
  });

  test('the inventory is an ApplySet parent that kubectl accepts as one', async () => {
    const cm = await api.get({ group: '', kind: 'ConfigMap', namespace: NS, name: 'tw-guestbook' });
    expect(cm?.metadata.labels?.['applyset.kubernetes.io/id']).toMatch(/^applyset-[\w-]{43}-v1$/);
    expect(cm?.metadata.annotations?.['applyset.kubernetes.io/contains-group-kinds']).toContain('CronJob.batch');
    expect(JSON.stringify(cm)).not.toContain('a value');
  });

  test('an update shows the field, a leftover is deleted, a Deployment without a controller stops in its gate', async () => {
    const next = objects
      .filter((o) => o.kind !== 'ServiceAccount')
      .map((o) => (o.kind === 'ConfigMap' ? configMap('settings', { a: '9' }) : o));
    const p = await plan(app({ source: { objects: next } }));
    const ops = p.clusters[0]?.apps[0]?.ops.filter((op) => op.kind !== 'same');
    expect(
      ops?.map((op) => [op.kind, op.ref.kind, op.diff.map((d) => `${d.path}: ${String(d.from)} -> ${String(d.to)}`)]),
    ).toEqual([
      ['update', 'ConfigMap', ['data.a: 1 -> 9', 'data.b: 2 -> undefined']],
      ['delete', 'ServiceAccount', []],
    ]);
    expect((await apply(p)).at(-1)).toMatchObject({ applied: 1, failed: [] });
    const stuck = await apply(await plan(app({ source: { objects: [...next, deployment('web', 'x/guestbook:1')] } })));
    expect(stuck.at(-1)).toMatchObject({ failed: [{ problem: { code: 'TW3060' } }] });
  });

  test('a misspelt field is refused in the plan with its name', async () => {
    const p = await plan(app({ source: { objects: [deployment('web', 'x/guestbook:1', { replics: 2 })] } }));
    const refused = p.clusters[0]?.apps[0]?.ops.find((op) => op.refused)?.refused;
    expect(refused?.why.join()).toContain('replics');
  });
});

describe.runIf(kubeconfig !== undefined)('versions on a real API server', () => {
  const ns = `${NS}-v`;
  const app = appConfig({ namespace: ns });
  const w = releasedWorld();
  const config = { fleet: 'demo', clusters: CLUSTERS, apps: [app] } as never;
  const origin = { file: 'm/app.yaml' };
  const rendered = { objects: OBJECTS.map((body) => ({ body, origin })), tool: 'test', inputHash: 'x' };
  const real = { ...ports(), clock: systemClock, renderer: { render: async () => structuredClone(rendered) } };
  let api: KubeApi;
  let works: VersionedWorkloads;
  const deployment = (v: string) => api.get({ group: 'apps', kind: 'Deployment', namespace: ns, name: `web-${v}` });

  beforeAll(async () => {
    api = openKubeconfig({ kubeconfig: kubeconfig ?? '' });
    works = new VersionedWorkloads({ config, app: app.name, api: () => api, ports: real });
    const apps = appsOf(w.configOf([app]));
    const clusters = [{ name: 'sao', presence: 'present' as const, api }];
    const shared = await fleetPlan({ config, apps, only: ['guestbook'], clusters }, real);
    const input = { api: async () => api, clock: systemClock, gateMs: 0 };
    const events = await collect(fleetApply(shared, input, new AbortController().signal));
    expect(events.at(-1)).toMatchObject({ applied: 1, failed: [] });
  });
  afterAll(async () => {
    const ref = { group: '', kind: 'Namespace', name: ns };
    const found = await api.get(ref);
    if (found?.metadata.uid !== undefined) await api.remove(ref, { uid: found.metadata.uid, cascade: 'background' });
    await api.close();
  });

  test(
    'green beside blue, fences by JSON Patch, then blue goes and nothing else',
    async () => {
      expect(await works.makeGreen('sao', 'v1', 2, 0)).toBe('ok');
      expect(await works.makeGreen('sao', 'v1', 2, 0)).toBe('stale');
      expect(await works.makeGreen('sao', 'v2', 3, 0)).toBe('ok');
      const green = await deployment('v2');
      expect(await works.state('sao', 'v2')).toMatchObject({ exists: true, complete: true, fence: 1, wanted: 3 });
      expect(await works.retire('sao', 'v1', 0)).toBe('stale');
      expect(await deployment('v1')).toBeDefined();
      expect(await works.retire('sao', 'v1', 1)).toBe('ok');
      expect(await works.retire('sao', 'v1', 1)).toBe('ok');
      expect(await deployment('v1')).toBeUndefined();
      expect((await deployment('v2'))?.metadata.uid).toBe(green?.metadata.uid);
      expect(await works.settle('sao', 'v2')).toBe('ok');
      expect(await works.state('sao', 'v2')).toMatchObject({ complete: true, fence: 1 });
      const scaler = { group: 'autoscaling', kind: 'HorizontalPodAutoscaler', namespace: ns, name: 'web-v2' };
      expect((await api.get(scaler))?.['spec']).toMatchObject({ minReplicas: 2 });
    },
    LONG_MS,
  );

  test(
    'what was made has no drift: the next plan of that version is empty',
    async () => {
      const apps = appsOf(w.configOf([app]), { guestbook: { sao: ['v2'] } });
      const clusters = [{ name: 'sao', presence: 'present' as const, api }];
      const p = await fleetPlan({ config, apps, clusters }, real);
      expect(p.blast).toMatchObject({ create: 0, update: 0, delete: 0, recreate: 0 });
    },
    LONG_MS,
  );
});
