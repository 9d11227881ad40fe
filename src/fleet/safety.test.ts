import { expect, test } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import type { KubeTwin } from './adapters/kube-twin.ts';
import { fleetApply } from './applier.ts';
import { CONFIG, configMap, deployment, liveTwin, ports, service, webApp } from './fixtures.ts';
import type { FleetApp, FleetPlan, KubeObject } from './model.ts';
import { keyOf } from './plan/objects.ts';
import { fleetPlan } from './planner.ts';
import { type KubeApi, KubeError } from './ports.ts';

/**
 * Seeded runs of plans and applies against servers that lose answers, refuse and crash at any await.
 * TW_SIM_RUNS sets how many (default 100).
 */
const RUNS = Number(process.env['TW_SIM_RUNS'] ?? 100);
const NAMES = ['sao', 'mtl', 'syd'] as const;
const NS = 'guestbook';

class Crash extends Error {}

/** mulberry32: a small seeded generator. */
function prng(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Process {
  dead: boolean;
  random: () => number;
  crash: number;
  trouble: number;
}
const TROUBLES = [
  () => new KubeError(0, 'Unreachable', 'reset by peer'),
  () => new KubeError(401, 'Unauthorized', 'token expired'),
  () => new KubeError(403, 'Forbidden', 'no right'),
  () => new KubeError(410, 'Expired', 'the page is too old'),
  () => new KubeError(429, 'TooManyRequests', 'slow down', { retryAfter: 1 }),
  () => new KubeError(503, 'ServiceUnavailable', 'starting'),
];

/** The API as one process sees it: calls may fail before or after their effect, or never return to a dead process. */
function through(twin: KubeTwin, p: Process): KubeApi {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    if (p.dead) throw new Crash();
    const early = p.random() < 0.5;
    const crash = p.random() < p.crash;
    const trouble = p.random() < p.trouble ? TROUBLES[Math.floor(p.random() * TROUBLES.length)]?.() : undefined;
    const fail = (): void => {
      if (crash) p.dead = true;
      if (crash) throw new Crash();
      if (trouble !== undefined) throw trouble;
    };
    if (early) fail();
    const result = await work();
    if (p.dead) throw new Crash();
    fail();
    return result;
  };
  return {
    get: (r) => call(() => twin.get(r)),
    list: (k, s) => call(() => twin.list(k, s)),
    apply: (o, x) => call(() => twin.apply(o, x)),
    remove: (r, x) => call(() => twin.remove(r, x)),
    create: (o, m) => call(() => twin.create(o, m)),
    patch: (r, o, m) => call(() => twin.patch(r, o, m)),
    index: () => call(() => twin.index()),
    logs: (pod, o, s) => twin.logs(pod, o, s),
    exec: (pod, o) => twin.exec(pod, o),
    proxyGet: (at, path, s) => twin.proxyGet(at, path, s),
    forward: (at) => twin.forward(at),
    close: async () => undefined,
  };
}

function randomApp(random: () => number, name: string): FleetApp {
  const maps = Array.from({ length: 8 }, (_, i) => configMap(`${name}-c${i}`, { v: String(Math.floor(random() * 3)) }));
  const objects: KubeObject[] = [
    ...maps.filter(() => random() < 0.6),
    ...(random() < 0.7 ? [deployment(`${name}-web`, `x/${name}:1`)] : []),
    ...(random() < 0.7 ? [service(`${name}-web`)] : []),
  ];
  const placed = NAMES.filter(() => random() < 0.8);
  return webApp({
    name,
    namespace: NS,
    version: `v${Math.floor(random() * 3)}`,
    source: { objects: objects.length > 0 ? objects : [configMap(`${name}-c0`)] },
    placement: { clusters: placed.length > 0 ? placed : ['sao'] },
  });
}

class World {
  readonly twins = Object.fromEntries(NAMES.map((n) => [n, liveTwin(n)])) as unknown as Record<string, KubeTwin>;
  readonly clock = manualClock(1_700_000_000_000);
  readonly random: () => number;
  constructor(seed: number) {
    this.random = prng(seed);
  }
  process(crash: number, trouble: number): Process {
    return { dead: false, random: this.random, crash, trouble };
  }
  async plan(apps: readonly FleetApp[], p: Process, confirm: boolean): Promise<FleetPlan> {
    const go = (deletes?: string) =>
      fleetPlan(
        {
          config: CONFIG,
          apps,
          complete: true,
          clusters: NAMES.map((name) => ({ name, presence: 'present', api: through(this.twins[name] as KubeTwin, p) })),
          allow: deletes === undefined ? {} : { deletes },
        },
        ports(this.clock),
      );
    const first = await go();
    return confirm ? go(first.id) : first;
  }
  /** Applies and returns keys removed by this run, per cluster; a crash ends the process. */
  async apply(plan: FleetPlan, p: Process): Promise<void> {
    const api = async (c: string): Promise<KubeApi> => through(this.twins[c] as KubeTwin, p);
    try {
      for await (const _ of fleetApply(plan, { api, clock: this.clock, gateMs: 5000 }, new AbortController().signal));
    } catch (e) {
      if (!(e instanceof Crash)) throw e;
    }
  }
}

const planned = (plans: readonly FleetPlan[], cluster: string): Set<string> =>
  new Set(
    plans.flatMap((p) =>
      p.clusters
        .filter((c) => c.name === cluster)
        .flatMap((c) => c.apps.flatMap((a) => a.ops.filter((op) => op.kind === 'delete').map((op) => keyOf(op.ref)))),
    ),
  );
const isInventory = (key: string): boolean => key.startsWith(`/ConfigMap/${NS}/tw-`);

async function survives(work: Promise<FleetPlan>): Promise<FleetPlan | undefined> {
  try {
    return await work;
  } catch (e) {
    if (e instanceof Crash) return undefined;
    throw e;
  }
}

/** Somebody else's object under a name the app may use. */
function plant(w: World): string {
  const name = 'guestbook-c0';
  const twin = w.twins['sao'] as KubeTwin;
  twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } }, 'other');
  twin.put(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NS }, data: { whose: 'theirs' } },
    'other',
  );
  return `/ConfigMap/${NS}/${name}`;
}

async function oneRun(seed: number): Promise<{ deleted: number; crashed: number }> {
  const w = new World(seed);
  const planted = seed % 3 === 0 ? plant(w) : undefined;
  let deleted = 0;
  let crashed = 0;
  for (let round = 0; round < 4; round++) {
    const p = w.process(0.004, 0.02);
    const rival = w.process(0.004, 0.02);
    const apps = [randomApp(w.random, 'guestbook'), ...(w.random() < 0.5 ? [randomApp(w.random, 'shop')] : [])];
    const plans = [
      await survives(w.plan(apps, p, w.random() < 0.5)),
      w.random() < 0.3 ? await survives(w.plan([randomApp(w.random, 'guestbook')], rival, true)) : undefined,
    ].filter((x) => x !== undefined);
    const before = NAMES.map((n) => w.twins[n]?.removed.length ?? 0);
    await Promise.all(plans.map((plan, i) => w.apply(plan, i === 0 ? p : rival)));
    crashed += Number(p.dead) + Number(rival.dead);
    for (const [i, n] of NAMES.entries()) {
      const gone = (w.twins[n]?.removed ?? []).slice(before[i]).filter((k) => !isInventory(k));
      const allowed = planned(plans, n);
      expect(
        gone.filter((k) => !allowed.has(k)),
        `seed ${seed}, cluster ${n}`,
      ).toEqual([]);
      deleted += gone.length;
    }
  }
  await converges(w, seed, planted);
  return { deleted, crashed };
}

function ownedNames(twin: KubeTwin): string[] {
  return twin
    .all()
    .filter((o) => o.metadata.labels?.['applyset.kubernetes.io/part-of'] !== undefined && o.kind !== 'Namespace')
    .map((o) => `${o.kind}/${o.metadata.name}`);
}
const sorted = (list: readonly string[]): string[] => list.toSorted((a, b) => a.localeCompare(b));

function wantedNames(app: FleetApp, cluster: string): string[] {
  const objects = 'objects' in app.source ? app.source.objects : [];
  return app.placement.clusters?.includes(cluster) === true ? objects.map((o) => `${o.kind}/${o.metadata.name}`) : [];
}

/** After all trouble quiet plans and applies give exactly what is wanted: nothing lost, nothing left over. */
async function converges(w: World, seed: number, planted: string | undefined): Promise<void> {
  const app = randomApp(w.random, 'guestbook');
  const quiet = w.process(0, 0);
  for (let i = 0; i < 2; i++) await w.apply(await w.plan([app], quiet, true), quiet);
  for (const name of NAMES) {
    const wanted = wantedNames(app, name);
    const blocked = name === 'sao' && planted !== undefined && wanted.includes('ConfigMap/guestbook-c0');
    if (!blocked)
      expect(sorted(ownedNames(w.twins[name] as KubeTwin)), `seed ${seed}, cluster ${name}`).toEqual(sorted(wanted));
  }
  const theirs = await w.twins['sao']?.get({ group: '', kind: 'ConfigMap', namespace: NS, name: 'guestbook-c0' });
  if (planted !== undefined) expect(theirs?.['data'], `seed ${seed}: the foreign object`).toEqual({ whose: 'theirs' });
}

test(`${RUNS} seeded runs: no deletion that no plan named, and every run converges`, { timeout: 600_000 }, async () => {
  let deleted = 0;
  let crashed = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const r = await oneRun(seed);
    deleted += r.deleted;
    crashed += r.crashed;
  }
  // The runs must have exercised what they are about.
  expect(deleted).toBeGreaterThan(RUNS);
  expect(crashed).toBeGreaterThan(RUNS / 4);
});
