import type { Data, Demand, Obj, Resource, World } from '../model.ts';
import { MACHINE_TYPES, type MachineType } from '../offers.ts';
import { isAutoMode } from '../rules/aws-eks.ts';
import { isObj, num, str, strings } from '../values.ts';
import { CLUSTER_TYPES, clusterOf, instancesOf, type Pool } from './pools.ts';

/** How small and how large a pool may become by itself, nodes. */
export interface Bounds {
  min: number;
  max: number;
}

/** Auto Mode has no bound of its own but the quota; one machine stands for all of them here. */
const AUTO_MAX = 5;

interface Scaling {
  bounds: (attrs: Obj) => Bounds | undefined;
  /** The object as the cloud shows it with `size` nodes. */
  sized: (attrs: Obj, size: number) => Obj;
  /** The count is the autoscaler's alone: what is asked for is the bounds. */
  own?: true;
}

const between = (min: number | undefined, max: number | undefined): Bounds | undefined =>
  min === undefined || max === undefined ? undefined : { min, max: Math.max(min, max) };

const azureBounds = (attrs: Obj, path: string): Bounds | undefined =>
  truth(attrs, `${path}auto_scaling_enabled`)
    ? between(num(attrs, `${path}min_count`), num(attrs, `${path}max_count`))
    : undefined;

const SCALING: Record<string, Scaling> = {
  aws_eks_cluster: {
    bounds: (a) => (isAutoMode(a) ? { min: 1, max: AUTO_MAX } : undefined),
    sized: (a) => a,
    own: true,
  },
  aws_eks_node_group: {
    bounds: (a) => between(num(a, 'scaling_config.min_size'), num(a, 'scaling_config.max_size')),
    sized: (a, size) => withAt(a, ['scaling_config', 'desired_size'], size),
  },
  azurerm_kubernetes_cluster: {
    bounds: (a) => azureBounds(a, 'default_node_pool.'),
    sized: (a, size) => withAt(a, ['default_node_pool', 'node_count'], size),
  },
  azurerm_kubernetes_cluster_node_pool: {
    bounds: (a) => azureBounds(a, ''),
    sized: (a, size) => ({ ...a, node_count: size }),
  },
  google_container_node_pool: {
    bounds: googleBounds,
    // Google counts per zone.
    sized: (a, size) => ({ ...a, node_count: Math.ceil(size / zonesIn(a)) }),
    own: true,
  },
};

const zonesIn = (attrs: Obj): number => Math.max(1, strings(attrs.node_locations).length);
function googleBounds(a: Obj): Bounds | undefined {
  const total = num(a, 'autoscaling.total_max_node_count') ?? 0;
  if (total > 0) return between(num(a, 'autoscaling.total_min_node_count') ?? 0, total);
  const max = num(a, 'autoscaling.max_node_count') ?? 0;
  return max > 0 ? between((num(a, 'autoscaling.min_node_count') ?? 0) * zonesIn(a), max * zonesIn(a)) : undefined;
}

function truth(attrs: Obj, path: string): boolean {
  const [first = '', rest] = path.split('.');
  const here = attrs[first];
  if (rest === undefined) return here === true;
  return Array.isArray(here) && isObj(here[0]) && here[0][rest] === true;
}

/** `v` with another value at the path; a list is entered at its first element. */
function withAt(v: Obj, [key = '', ...rest]: string[], value: Data): Obj {
  if (rest.length === 0) return { ...v, [key]: value };
  const inner = v[key];
  if (Array.isArray(inner) && isObj(inner[0]))
    return { ...v, [key]: [withAt(inner[0], rest, value), ...inner.slice(1)] };
  return isObj(inner ?? null) ? { ...v, [key]: withAt(inner as Obj, rest, value) } : v;
}

/** Undefined: the pool keeps the size it was given. */
export const boundsOf = (type: string, attrs: Obj): Bounds | undefined => SCALING[type]?.bounds(attrs);
export const sized = (type: string, attrs: Obj, size: number): Obj => SCALING[type]?.sized(attrs, size) ?? attrs;
const clamp = (n: number, b: Bounds): number => Math.min(b.max, Math.max(b.min, n));

/** Size of a pool after an update that asked for `asked` nodes and for `before` until now. */
export function sizeAfter(type: string, attrs: Obj, o: { asked: number; before: number; have: number }): number {
  const bounds = boundsOf(type, attrs);
  if (!bounds) return o.asked;
  return SCALING[type]?.own || o.asked === o.before ? clamp(o.have, bounds) : o.asked;
}

/** The cluster's objects that have nodes and may change their number. */
export function scalable(world: World, clusterId: string): { owner: Resource; cluster: Resource; bounds: Bounds }[] {
  const found = [...world.resources.values()].flatMap((owner) => {
    const bounds = boundsOf(owner.type, owner.attrs);
    if (!bounds || owner.phase !== 'ready') return [];
    const cluster = CLUSTER_TYPES.has(owner.type) ? owner : clusterOf(world, owner.type, owner.attrs);
    return cluster?.hidden.clusterId === clusterId ? [{ owner, cluster, bounds }] : [];
  });
  return found.toSorted((a, b) => (a.owner.key < b.owner.key ? -1 : 1));
}

/**
 * New machines that the pods need, at most `most`: first fit, largest first, after the machines that are
 * on their way. A pod larger than a machine needs none: it would not help.
 */
export function machinesFor(
  pods: readonly Demand[],
  machine: MachineType,
  o: { coming: number; most: number },
): number {
  const room = Array.from({ length: o.coming }, () => ({ cpu: machine.cpu * 1000, memory: machine.memoryBytes }));
  const fitting = pods.filter((p) => p.cpuMilli <= machine.cpu * 1000 && p.memoryBytes <= machine.memoryBytes);
  for (const p of fitting.toSorted((a, b) => b.cpuMilli - a.cpuMilli || b.memoryBytes - a.memoryBytes)) {
    let place = room.find((r) => r.cpu >= p.cpuMilli && r.memory >= p.memoryBytes);
    if (!place) {
      if (room.length >= o.coming + o.most) continue;
      place = { cpu: machine.cpu * 1000, memory: machine.memoryBytes };
      room.push(place);
    }
    place.cpu -= p.cpuMilli;
    place.memory -= p.memoryBytes;
  }
  return room.length - o.coming;
}

/** Machines of which nothing was heard for this long are not waited for, real milliseconds. */
const LOST_MS = 180_000;

/** Machines of a pool that the cluster does not know as ready yet. */
export function comingOf(machines: readonly Resource[], ready: ReadonlySet<string>, now: number): number {
  return machines.filter((r) => !ready.has(str(r.hidden.node)) && now - r.createdAt < LOST_MS).length;
}

/** Numbers of the next `count` machines: never one that was used, in the zones that have fewest. */
export function nextNumbers(o: { pool: Pool; have: readonly Resource[]; from: number; count: number }): number[] {
  const zones = Math.max(1, o.pool.zones.length);
  const per = Array.from({ length: zones }, (_, z) => o.have.filter((r) => Number(r.hidden.n) % zones === z).length);
  const out: number[] = [];
  let from = o.from;
  for (let i = 0; i < o.count; i++) {
    const candidates = Array.from({ length: zones }, (_, k) => from + k);
    const least = Math.min(...per);
    const n = candidates.find((c) => per[c % zones] === least) ?? from;
    per[n % zones] = least + 1;
    out.push(n);
    from = n + 1;
  }
  return out;
}

/** The first number that no machine of the pool has had. */
export function freshNumber(owner: Resource, have: readonly Resource[]): number {
  return Math.max(num(owner.hidden, 'next') ?? 0, ...have.map((r) => Number(r.hidden.n) + 1));
}

export const machineOf = (owner: Resource, pool: Pool): MachineType =>
  MACHINE_TYPES[owner.cloud][pool.instanceType] ?? { cpu: 2, memoryBytes: 4 * 2 ** 30 };

/** Of the nodes that could go, those that their pools can spare; the newest first. */
export function spare(world: World, clusterId: string, empty: readonly string[]): Resource[] {
  return scalable(world, clusterId).flatMap(({ owner, bounds }) => {
    if (isBusy(world, owner)) return [];
    const machines = instancesOf(world, owner.key);
    return machines
      .filter((r) => r.phase === 'ready' && empty.includes(str(r.hidden.node)))
      .toSorted((a, b) => Number(b.hidden.n) - Number(a.hidden.n))
      .slice(0, Math.max(0, machines.length - bounds.min));
  });
}

/** An operation runs on the object: the clouds do one at a time. */
export const isBusy = (world: World, owner: Resource): boolean =>
  [...world.ops.values()].some((op) => op.phase === 'running' && op.target === owner.key);
