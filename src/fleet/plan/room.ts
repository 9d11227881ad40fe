import type { KubeObject } from '../model.ts';
import { dictOf, listOf } from './objects.ts';
import { quantity } from './quantity.ts';

/** Cores and bytes, and pods. */
interface Load {
  cpu: number;
  memory: number;
  pods: number;
}
export interface RoomInput {
  nodes: readonly KubeObject[];
  /** All pods of the cluster. */
  pods: readonly KubeObject[];
  /** A pod as the new version will have it, and how many. */
  like: KubeObject;
  count: number;
  /** Nodes the cluster may grow to. */
  most: number;
}

const loadOf = (resources: unknown): Load => ({
  cpu: quantity(dictOf(resources)['cpu']) ?? 0,
  memory: quantity(dictOf(resources)['memory']) ?? 0,
  pods: 1,
});
const plus = (a: Load, b: Load): Load => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory, pods: a.pods + b.pods });
const NONE: Load = { cpu: 0, memory: 0, pods: 0 };

/** What the scheduler reserves for a pod; init containers that end first are left out. */
function requestsOf(pod: KubeObject): Load {
  const containers = listOf(dictOf(pod['spec'])['containers']);
  const sum = containers.map((c) => loadOf(dictOf(c['resources'])['requests'])).reduce(plus, NONE);
  return { ...sum, pods: 1 };
}

function allocatable(node: KubeObject): Load {
  const a = dictOf(dictOf(node['status'])['allocatable']);
  return { ...loadOf(a), pods: quantity(a['pods']) ?? 110 };
}

const isOver = (p: KubeObject): boolean => ['Succeeded', 'Failed'].includes(String(dictOf(p['status'])['phase']));
const isOpen = (n: KubeObject): boolean => dictOf(n['spec'])['unschedulable'] !== true;

/** How many such pods fit into what is left. */
function fitting(left: Load, one: Load): number {
  const by = (have: number, need: number): number => (need <= 0 ? Infinity : Math.floor((have + 1e-9) / need));
  return Math.max(0, Math.min(by(left.cpu, one.cpu), by(left.memory, one.memory), by(left.pods, one.pods)));
}

/**
 * How many of `count` pods like `like` would find no node, counting the nodes the cluster may still add. Taints,
 * affinity and ports are not looked at: 0 is no promise, more than 0 is certain.
 */
export function missingRoom(i: RoomInput): number {
  const one = requestsOf(i.like);
  const open = i.nodes.filter(isOpen);
  const used = (node: KubeObject): Load =>
    i.pods
      .filter((p) => dictOf(p['spec'])['nodeName'] === node.metadata.name && !isOver(p))
      .map(requestsOf)
      .reduce(plus, NONE);
  const free = open.map((n) => {
    const [all, taken] = [allocatable(n), used(n)];
    return fitting({ cpu: all.cpu - taken.cpu, memory: all.memory - taken.memory, pods: all.pods - taken.pods }, one);
  });
  const biggest = Math.max(0, ...open.map((n) => fitting(allocatable(n), one)));
  const fresh = Math.max(0, i.most - i.nodes.length) * biggest;
  return Math.max(0, i.count - free.reduce((a, b) => a + b, 0) - fresh);
}
