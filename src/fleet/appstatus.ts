import { applysetId } from './applyset.ts';
import { blame } from './blame.ts';
import type { FleetApp, Health, HealthState, Inventory, KubeObject, Ref } from './model.ts';
import { PART_OF } from './plan/desired.ts';
import { fold, health } from './plan/health.ts';
import { dictOf, keyOf, numberOf, refOf, refOfKey, sayRef } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';
import { type Held, heldOf, type Survey } from './survey.ts';

export interface WorkloadStatus {
  ref: Ref;
  ready: number;
  wanted: number;
  health: Health;
}
export interface VersionStatus {
  version: string;
  live: boolean;
  state: HealthState;
  replicas: { ready: number; wanted: number };
}
/** Counts and state speak of the shared objects and the live version. */
export interface AppStatus {
  name: string;
  state: HealthState | 'Absent';
  ready: boolean;
  replicas: { ready: number; wanted: number };
  /** The live version; absent while several run and nobody says which is live. */
  version?: string;
  /** Of a released app: every version that runs, also those no user reaches. */
  versions?: readonly VersionStatus[];
  workloads: readonly WorkloadStatus[];
  /** Innermost cause first; empty when healthy. */
  why: readonly string[];
}
export type StatusApp = Pick<FleetApp, 'name' | 'namespace' | 'unit'>;

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'Pod', 'ReplicaSet']);
const WATCHED = new Set([...WORKLOADS, 'Service', 'PersistentVolumeClaim', 'Ingress', 'HorizontalPodAutoscaler']);

function replicasOf(o: KubeObject): { ready: number; wanted: number } {
  const status = dictOf(o['status']);
  if (o.kind === 'DaemonSet')
    return { ready: numberOf(status['numberReady']) ?? 0, wanted: numberOf(status['desiredNumberScheduled']) ?? 0 };
  if (o.kind !== 'Deployment' && o.kind !== 'StatefulSet' && o.kind !== 'ReplicaSet') return { ready: 0, wanted: 0 };
  return { ready: numberOf(status['readyReplicas']) ?? 0, wanted: numberOf(dictOf(o['spec'])['replicas']) ?? 1 };
}

/** Live objects of the inventory whose kinds have a health worth telling; one list per kind and namespace. */
async function liveOf(
  api: KubeApi,
  app: { name: string; namespace: string },
  inv: Inventory,
): Promise<Map<string, KubeObject | undefined>> {
  const refs = Object.keys(inv.items)
    .map(refOfKey)
    .filter((r) => WATCHED.has(r.kind));
  const kinds = new Map(refs.map((r) => [`${r.group}/${r.kind}/${r.namespace ?? ''}`, r]));
  const labels = { [PART_OF]: applysetId(app.name, app.namespace) };
  const lists = await Promise.all(
    [...kinds.values()].map((r) =>
      api.list(r, { labels, ...(r.namespace === undefined ? {} : { namespace: r.namespace }) }),
    ),
  );
  const found = new Map(lists.flat().map((o) => [keyOf(refOf(o)), o]));
  return new Map(refs.map((r) => [keyOf(r), found.get(keyOf(r))]));
}

/** One unit of an app as it is now. */
interface Part {
  workloads: readonly WorkloadStatus[];
  health: Health;
  /** The object that is worst. */
  worst?: Ref;
  inventory: Inventory;
  version?: string;
}

async function partOf(api: KubeApi, held: Held): Promise<Part | undefined> {
  const { inventory, keep } = held;
  if (inventory === undefined) return undefined;
  const live = await liveOf(api, { name: held.app, namespace: held.namespace }, inventory);
  const parts = [...live].map(([key, o]) => ({ ref: refOfKey(key), o, h: health(o) }));
  const all = fold(parts.map((p) => p.h));
  const worst = parts.find((p) => p.h === all && p.h.state !== 'Healthy');
  return {
    workloads: parts
      .filter((p) => WORKLOADS.has(p.ref.kind))
      .map((p) => ({ ref: p.ref, ...(p.o === undefined ? { ready: 0, wanted: 0 } : replicasOf(p.o)), health: p.h })),
    health: parts.length === 0 ? { state: 'Healthy', message: '' } : all,
    ...(worst === undefined ? {} : { worst: worst.ref }),
    inventory,
    ...(keep === undefined ? {} : { version: keep.version }),
  };
}

function sum(parts: readonly Part[]): { ready: number; wanted: number } {
  const all = parts.flatMap((p) => p.workloads);
  return { ready: all.reduce((n, w) => n + w.ready, 0), wanted: all.reduce((n, w) => n + w.wanted, 0) };
}

/** Innermost cause of the worst object, and runs that did not end. */
async function whyOf(api: KubeApi, parts: readonly Part[], total: Health): Promise<string[]> {
  const sick = parts.find((p) => p.health === total)?.worst;
  const open = parts.filter((p) => !p.inventory.sealed).map((p) => `plan ${p.inventory.plan} is not finished`);
  if (sick === undefined) return open;
  const message = total.message;
  return [...(WORKLOADS.has(sick.kind) ? await blame(api, sick) : [`${sayRef(sick)}: ${message}`]), ...open];
}

/** A released app of which this cluster has the shared objects only; before it was released it had its Service. */
function hasNoVersion(app: StatusApp, shared: Part | undefined, versions: readonly Part[]): boolean {
  if (app.unit === undefined || versions.length > 0) return false;
  const service = { group: '', kind: 'Service', namespace: app.namespace, name: app.unit.service };
  return shared?.inventory.items[keyOf(service)] === undefined;
}

interface Where {
  api: KubeApi;
  cluster: string;
  found: Survey;
}

function told(app: StatusApp, versions: readonly Part[], live: string | undefined): Pick<AppStatus, 'versions'> {
  if (app.unit === undefined && versions.length === 0) return {};
  return {
    versions: versions.map((p) => ({
      version: p.version ?? '',
      live: p.version === live,
      state: p.health.state,
      replicas: sum([p]),
    })),
  };
}

/** The units of an app in one cluster, those that count being the shared one and the live version. */
interface Units {
  app: StatusApp;
  shared: Part | undefined;
  versions: readonly Part[];
  live: string | undefined;
}
const none = (app: StatusApp): Omit<AppStatus, 'state' | 'why'> => ({
  name: app.name,
  ready: false,
  replicas: { ready: 0, wanted: 0 },
  workloads: [],
});

async function folded(api: KubeApi, u: Units): Promise<AppStatus> {
  const counted = [u.shared, ...u.versions.filter((p) => u.live === undefined || p.version === u.live)];
  const parts = counted.filter((p) => p !== undefined);
  const missing = hasNoVersion(u.app, u.shared, u.versions);
  const total: Health = missing
    ? { state: 'Missing', message: 'no version of it runs here' }
    : fold(parts.map((p) => p.health));
  const version = u.versions.length === 0 ? u.shared?.inventory.version : u.live;
  return {
    name: u.app.name,
    state: total.state,
    ready: total.state === 'Healthy' || total.state === 'Suspended',
    replicas: sum(parts),
    ...(version === undefined ? {} : { version }),
    ...told(u.app, u.versions, u.live),
    workloads: parts.flatMap((p) => p.workloads),
    why: [...(missing ? [total.message] : []), ...(await whyOf(api, parts, total))],
  };
}

const onlyOf = (versions: readonly Part[]): string | undefined =>
  versions.length === 1 ? versions[0]?.version : undefined;

/** One app in one cluster, its units folded into one. Throws KubeError. */
export async function appStatus({ api, cluster, found }: Where, app: StatusApp): Promise<AppStatus> {
  const main = heldOf(found, app);
  const kept = found.held.filter((h) => h.keep?.app === app.name && h.namespace === app.namespace);
  const all = main === undefined ? kept : [main, ...kept];
  if (all.length === 0) return { ...none(app), state: 'Absent', why: [] };
  const lost = all.find((h) => h.inventory === undefined);
  if (lost !== undefined) return { ...none(app), state: 'Unknown', why: lost.problem?.why ?? [] };
  const shared = main === undefined ? undefined : await partOf(api, main);
  const versions = (await Promise.all(kept.map((h) => partOf(api, h)))).filter((p) => p !== undefined);
  return folded(api, { app, shared, versions, live: app.unit?.live[cluster] ?? onlyOf(versions) });
}
