import { describe, expect, test } from 'vitest';
import type { AppConfig } from '../config/index.ts';
import { appsOf } from './apps.ts';
import type { FleetEvent } from './events.ts';
import type { Versions } from './model.ts';
import { appConfig, changes, held, releasedWorld } from './released.fixtures.ts';
import { fleetStatus } from './status.ts';

const everywhere = (...v: string[]): Versions => ({ guestbook: { sao: v, mtl: v, syd: v } });
const SHARED = ['ConfigMap/tw-guestbook', 'Deployment/redis', 'Service/redis', 'ServiceAccount/web'];
const unit = (v: string): string[] => [
  `ConfigMap/settings-${v}`,
  `ConfigMap/tw-guestbook-${v}`,
  `Deployment/web-${v}`,
  `HorizontalPodAutoscaler/web-${v}`,
  `Service/web-${v}`,
];
const all = (...versions: string[]): string[] => [...SHARED, ...versions.flatMap(unit)].toSorted();
const uidOf = (w: ReturnType<typeof releasedWorld>, name: string, kind = 'Deployment') =>
  w.twins.sao.all().find((o) => o.kind === kind && o.metadata.name === name)?.metadata.uid;

describe('units of a released app', () => {
  test('one shared, one per version that runs, placed exactly where it runs', () => {
    const w = releasedWorld();
    const units = appsOf(w.configOf([appConfig()]), { guestbook: { sao: ['v2', 'v1'], mtl: ['v2'] } });
    expect(units.map((a) => [a.name, a.version, a.placement])).toEqual([
      ['guestbook', 'v1', { selector: {} }],
      ['guestbook-v1', 'v1', { clusters: ['sao', 'syd'] }],
      ['guestbook-v2', 'v2', { clusters: ['mtl', 'sao'] }],
    ]);
    expect(units[0]?.unit?.live).toEqual({ sao: 'v2', mtl: 'v2' });
    expect(appsOf(w.configOf([appConfig({}, 'none')]))).toHaveLength(1);
  });

  test('an app that has the name of such a unit is refused', () => {
    const w = releasedWorld();
    const other = appConfig({ name: 'guestbook-v1' }, 'none');
    expect(() => appsOf(w.configOf([appConfig(), other]))).toThrow('TW3003');
  });

  test('the first up makes both, namespace first; the next one finds nothing to do', async () => {
    const w = releasedWorld();
    expect((await w.up([appConfig()])).at(-1)).toMatchObject({ applied: 6, failed: [] });
    expect(held(w.twins.syd)).toEqual(all('v1'));
    const again = await w.plan([appConfig()], everywhere('v1'));
    expect(again.blast).toMatchObject({ create: 0, update: 0, delete: 0 });
    const steps = (await w.apply(again)).flatMap((e) => (e.type === 'step' ? [e.step] : []));
    expect(new Set(steps)).toEqual(new Set(['unchanged']));
  });

  test('another version in the config changes nothing while the switches say what is live', async () => {
    const w = releasedWorld();
    await w.up([appConfig()]);
    const next = await w.plan([appConfig({ version: 'v2' })], everywhere('v1'));
    expect(next.blast).toMatchObject({ create: 0, update: 0, delete: 0, recreate: 0 });
    await w.apply(next);
    expect(held(w.twins.sao)).toEqual(all('v1'));
  });

  test('a second version never touches an object of the first', async () => {
    const w = releasedWorld();
    await w.up([appConfig()]);
    const before = w.twins.sao.all().filter((o) => held(w.twins.sao).includes(`${o.kind}/${o.metadata.name}`));
    await w.up([appConfig({ version: 'v2' })], everywhere('v1', 'v2'));
    expect(held(w.twins.sao)).toEqual(all('v1', 'v2'));
    const now = new Map(w.twins.sao.all().map((o) => [`${o.kind}/${o.metadata.name}`, o.metadata]));
    for (const o of before)
      if (o.kind !== 'Deployment')
        expect(now.get(`${o.kind}/${o.metadata.name}`)?.resourceVersion).toBe(o.metadata.resourceVersion);
    expect(w.twins.sao.removed).toEqual([]);
  });

  test('a version nobody asks for stays: its release ends it, or the end of the whole app does', async () => {
    const w = releasedWorld();
    await w.up([appConfig()], everywhere('v1', 'v2'));
    for (const versions of [everywhere('v2'), { guestbook: { sao: ['v2'], mtl: ['v1', 'v2'], syd: ['v1'] } }]) {
      const p = await w.plan([appConfig()], versions);
      expect(p.blast).toMatchObject({ delete: 0 });
      await w.apply(p);
    }
    expect(held(w.twins.sao)).toEqual(all('v1', 'v2'));
    const unreleased = await w.plan([appConfig({}, 'none')]);
    expect(changes(unreleased, 'sao').filter((c) => c.includes('delete'))).toEqual([]);
    expect(unreleased.warnings.join()).toContain('guestbook-v1 still runs');
    const gone = await w.plan([], {});
    const confirmed = await w.plan([], {}, { allow: { deletes: gone.id } });
    expect((await w.apply(confirmed)).at(-1)).toMatchObject({ failed: [] });
    expect(held(w.twins.sao)).toEqual([]);
  });

  test('an app that leaves a cluster leaves it with its versions', async () => {
    const w = releasedWorld();
    await w.up([appConfig()]);
    const there = appConfig({ placement: { clusters: ['mtl', 'syd'] } } as Partial<AppConfig>);
    const versions = { guestbook: { mtl: ['v1'], syd: ['v1'] } };
    const { id } = await w.plan([there], versions);
    await w.apply(await w.plan([there], versions, { allow: { deletes: id } }));
    expect(held(w.twins.sao)).toEqual([]);
    expect(held(w.twins.mtl)).toEqual(all('v1'));
  });

  test('what the shared part cannot write, no version builds on', async () => {
    const broken = { on: true };
    const w = releasedWorld({
      before: (c) => {
        if (broken.on && c.verb === 'apply' && c.ref?.kind === 'ServiceAccount') throw new Error('no account today');
      },
    });
    await expect(w.up([appConfig()])).rejects.toThrow('no account');
    broken.on = false;
  });

  test('a refused shared part stops its versions too, and says why once', async () => {
    const w = releasedWorld();
    for (const t of Object.values(w.twins)) {
      t.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } }, 'someone');
      t.put(
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'redis', namespace: 'guestbook' }, spec: {} },
        'someone',
      );
    }
    const events = await w.up([appConfig()]);
    const end = events.at(-1) as Extract<FleetEvent, { type: 'end' }>;
    expect(end.failed.map((f) => [f.app, f.problem.code])).toEqual([
      ['guestbook', 'TW3021'],
      ['guestbook', 'TW3021'],
      ['guestbook', 'TW3021'],
    ]);
    expect(held(w.twins.sao)).toEqual(['Service/redis']);
  });
});

describe('an app that ran before it was released', () => {
  const before = appConfig({}, 'none');
  const OLD = ['ConfigMap/settings', 'Deployment/web', 'HorizontalPodAutoscaler/web', 'Service/web'];

  test('the old pods stay until a version is live and healthy; then they go with a confirmation', async () => {
    const w = releasedWorld();
    await w.up([before]);
    const old = uidOf(w, 'web');
    await w.up([appConfig()]);
    expect(held(w.twins.sao)).toEqual([...OLD, ...all('v1')].toSorted());
    expect(uidOf(w, 'web')).toBe(old);
    expect(await w.workloads().refuse('sao')).toHaveLength(1);
    const asked = await w.plan([appConfig()], everywhere('v1'));
    expect(asked.blast.delete).toBe(0);
    expect(asked.clusters[0]?.apps[0]?.problems).toMatchObject([{ code: 'TW3030' }]);
    await w.apply(await w.plan([appConfig()], everywhere('v1'), { allow: { deletes: asked.id } }));
    expect(held(w.twins.sao)).toEqual(all('v1'));
    expect(await w.workloads().refuse('sao')).toEqual([]);
  });

  test('not while the live version is ill, whatever is confirmed', async () => {
    const w = releasedWorld();
    await w.up([before]);
    await w.up([appConfig()]);
    const ref = { group: 'apps', kind: 'Deployment', namespace: 'guestbook', name: 'web-v1' };
    w.twins.sao.edit(ref, (o) => {
      o['spec'] = { ...(o['spec'] as object), paused: true };
    });
    const asked = await w.plan([appConfig()], everywhere('v1'));
    const p = await w.plan([appConfig()], everywhere('v1'), { allow: { deletes: asked.id } });
    const sao = p.clusters.find((c) => c.name === 'sao')?.apps.find((a) => a.app === 'guestbook');
    expect(sao?.ops.filter((op) => op.kind === 'delete')).toEqual([]);
    expect(sao?.withheld.map((op) => op.why[0])).toContain('kept until Deployment guestbook/web-v1 is healthy');
  });

  test('a Service that is the switch now is never deleted', async () => {
    const w = releasedWorld();
    await w.up([before]);
    const app = appConfig({}, 'service');
    await w.up([app]);
    const { id } = await w.plan([app], everywhere('v1'));
    await w.apply(await w.plan([app], everywhere('v1'), { allow: { deletes: id } }));
    expect(held(w.twins.sao)).toContain('Service/web');
    expect(held(w.twins.sao)).not.toContain('Deployment/web');
  });

  test('not together with another version: both would answer', async () => {
    const w = releasedWorld();
    await w.up([before]);
    await expect(w.plan([appConfig({ version: 'v2' })])).rejects.toMatchObject({ code: 'TW7003' });
  });
});

describe('status', () => {
  const ask = (w: ReturnType<typeof releasedWorld>, versions: Versions, app = appConfig()) =>
    fleetStatus({
      fleet: 'demo',
      clusters: [{ name: 'sao', api: w.twins.sao }],
      apps: appsOf(w.configOf([app]), versions),
      clock: w.clock,
    });

  test('one app: shared objects and the live version count, all versions are listed', async () => {
    const w = releasedWorld();
    await w.up([appConfig()], everywhere('v1', 'v2'));
    const [sao] = await ask(w, everywhere('v2', 'v1'));
    expect(sao?.apps).toHaveLength(1);
    expect(sao?.apps[0]).toMatchObject({
      name: 'guestbook',
      ready: true,
      version: 'v2',
      versions: [
        { version: 'v1', live: false, state: 'Healthy' },
        { version: 'v2', live: true, state: 'Healthy' },
      ],
    });
    const names = sao?.apps[0]?.workloads.map((x) => x.ref.name).toSorted();
    expect(names).toEqual(['redis', 'web-v2']);
  });

  test('the only version is the live one; with several and no word of a switch none is named', async () => {
    const w = releasedWorld();
    await w.up([appConfig()]);
    expect((await ask(w, {}))[0]?.apps[0]?.version).toBe('v1');
    await w.up([appConfig()], everywhere('v1', 'v2'));
    expect((await ask(w, {}))[0]?.apps[0]).not.toHaveProperty('version');
  });

  test('shared objects without a version serve nobody', async () => {
    const w = releasedWorld();
    await w.apply(await w.plan([appConfig()], {}, { only: ['guestbook'] }));
    expect((await ask(w, {}))[0]?.apps[0]).toMatchObject({ state: 'Missing', ready: false });
  });

  test('an app that is not released yet reads as before', async () => {
    const w = releasedWorld();
    await w.up([appConfig({}, 'none')]);
    const [plain] = await ask(w, {}, appConfig({}, 'none'));
    expect(plain?.apps[0]).toMatchObject({ version: 'v1' });
    expect(plain?.apps[0]).not.toHaveProperty('versions');
    expect((await ask(w, {}))[0]?.apps[0]).toMatchObject({ version: 'v1', state: plain?.apps[0]?.state });
  });
});
