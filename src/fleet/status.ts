import { type Clock, type Problem, TwError } from '../kernel/index.ts';
import { applysetId } from './applyset.ts';
import { blame } from './blame.ts';
import { kubeFault } from './faults.ts';
import type { FleetApp, Health, HealthState, Inventory, KubeObject, Ref } from './model.ts';
import { patient } from './patient.ts';
import { PART_OF } from './plan/desired.ts';
import { fold, health } from './plan/health.ts';
import { dictOf, keyOf, listOf, numberOf, refOf, refOfKey, sayRef, textOf } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';
import { heldOf, type Survey, survey } from './survey.ts';

export interface WorkloadStatus {
  ref: Ref;
  ready: number;
  wanted: number;
  health: Health;
}
export interface AppStatus {
  name: string;
  state: HealthState | 'Absent';
  ready: boolean;
  replicas: { ready: number; wanted: number };
  /** Version the inventory of the cluster names. */
  version?: string;
  workloads: readonly WorkloadStatus[];
  /** Innermost cause first; empty when healthy. */
  why: readonly string[];
}
export interface ClusterStatus {
  name: string;
  /** The API answers and at least one node is ready. */
  ready: boolean;
  /** False = nothing below is known now. */
  reachable: boolean;
  nodes: { ready: number; total: number };
  /** Version of the API server. */
  version?: string;
  apps: readonly AppStatus[];
  problem?: Problem;
}
export interface StatusInput {
  fleet: string;
  clusters: readonly { name: string; api?: KubeApi }[];
  apps: readonly Pick<FleetApp, 'name' | 'namespace'>[];
  clock: Clock;
}

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'Pod', 'ReplicaSet']);
const WATCHED = new Set([...WORKLOADS, 'Service', 'PersistentVolumeClaim', 'Ingress', 'HorizontalPodAutoscaler']);

function isReady(node: KubeObject): boolean {
  return listOf(dictOf(node['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True');
}

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

async function appStatus(api: KubeApi, app: { name: string; namespace: string }, found: Survey): Promise<AppStatus> {
  const entry = heldOf(found, app);
  const none = { name: app.name, ready: false, replicas: { ready: 0, wanted: 0 }, workloads: [] };
  if (entry === undefined) return { ...none, state: 'Absent', why: [] };
  const { inventory, problem } = entry;
  if (inventory === undefined) return { ...none, state: 'Unknown', why: problem?.why ?? [] };
  const live = await liveOf(api, app, inventory);
  const parts = [...live].map(([key, o]) => ({ ref: refOfKey(key), o, h: health(o) }));
  const all = fold(parts.map((p) => p.h));
  const total = parts.length === 0 ? { state: 'Healthy' as const, message: '' } : all;
  const sick = parts.find((p) => p.h === all && p.h.state !== 'Healthy');
  const workloads = parts
    .filter((p) => WORKLOADS.has(p.ref.kind))
    .map((p) => ({ ref: p.ref, ...(p.o === undefined ? { ready: 0, wanted: 0 } : replicasOf(p.o)), health: p.h }));
  const why =
    sick === undefined
      ? []
      : WORKLOADS.has(sick.ref.kind)
        ? await blame(api, sick.ref)
        : [`${sayRef(sick.ref)}: ${sick.h.message}`];
  return {
    name: app.name,
    state: total.state,
    ready: total.state === 'Healthy' || total.state === 'Suspended',
    replicas: {
      ready: workloads.reduce((s, w) => s + w.ready, 0),
      wanted: workloads.reduce((s, w) => s + w.wanted, 0),
    },
    version: inventory.version,
    workloads,
    why: inventory.sealed ? why : [...why, `plan ${inventory.plan} is not finished`],
  };
}

async function clusterStatus(c: { name: string; api?: KubeApi }, input: StatusInput): Promise<ClusterStatus> {
  const blank = { name: c.name, ready: false, reachable: false, nodes: { ready: 0, total: 0 }, apps: [] };
  if (c.api === undefined) return blank;
  const api = patient(c.api, { clock: input.clock, tries: 1 });
  try {
    const [found, nodes] = await Promise.all([
      survey(api, c.name, input.fleet),
      api.list({ group: '', kind: 'Node' }, {}),
    ]);
    const apps = await Promise.all(input.apps.map((a) => appStatus(api, a, found)));
    const ready = nodes.filter(isReady).length;
    return {
      name: c.name,
      ready: ready > 0,
      reachable: true,
      nodes: { ready, total: nodes.length },
      version: found.serverVersion,
      apps,
    };
  } catch (e) {
    return { ...blank, problem: (e instanceof TwError ? e : kubeFault(e, c.name)).problem };
  }
}

/** One record per cluster, in parallel; a cluster that does not answer never empties the others. */
export function fleetStatus(input: StatusInput): Promise<ClusterStatus[]> {
  return Promise.all(input.clusters.map((c) => clusterStatus(c, input)));
}

export interface LoadBalancer {
  service: Ref;
  addresses: readonly string[];
  ports: readonly number[];
}

/** Addresses of the app's Services of type LoadBalancer in one cluster: IPs or host names. Throws KubeError. */
export async function loadBalancers(api: KubeApi, app: { name: string; namespace: string }): Promise<LoadBalancer[]> {
  const labels = { [PART_OF]: applysetId(app.name, app.namespace) };
  const services = await api.list({ group: '', kind: 'Service' }, { labels });
  return services
    .filter((s) => dictOf(s['spec'])['type'] === 'LoadBalancer')
    .map((s) => ({
      service: refOf(s),
      addresses: listOf(dictOf(dictOf(s['status'])['loadBalancer'])['ingress'])
        .map((i) => textOf(i['ip']) ?? textOf(i['hostname']))
        .filter((a) => a !== undefined),
      ports: listOf(dictOf(s['spec'])['ports']).map((p) => numberOf(p['port']) ?? 0),
    }));
}
