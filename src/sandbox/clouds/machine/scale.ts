import type { CloudError, Input, Op, Resource } from '../model.ts';
import { str } from '../values.ts';
import { clusterById, controllerOf } from './balancer.ts';
import { lateFailure, refusal, throttled } from './checks.ts';
import { contextOf, opOf, startNodes } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { instancesOf, poolsOf } from './pools.ts';
import { fail, RULES_OF } from './rules.ts';
import {
  comingOf,
  freshNumber,
  isBusy,
  machineOf,
  machinesFor,
  nextNumbers,
  scalable,
  sized,
  spare,
} from './scaling.ts';
import { targetOf } from './target.ts';

type Grow = Case<Extract<Input, { kind: 'grow' }>>;
type Shrink = Case<Extract<Input, { kind: 'shrink' }>>;
type Found = ReturnType<typeof scalable>[number];

const noCluster = (id: string): { error: CloudError } => ({
  error: fail(404, 'ClusterNotFound', `no cluster ${id}`),
});

/** Pods without room: the smallest pool that can take some of them gets machines. One pool a time. */
export function grow(c: Grow): Answer {
  const { cluster, unschedulable, ready } = c.input;
  const world = c.draft.world;
  if (!clusterById(world, cluster)) return noCluster(cluster);
  const known = new Set(ready);
  const wishes = scalable(world, cluster).flatMap((found) => {
    const { owner, bounds } = found;
    const machines = instancesOf(world, owner.key);
    const [pool] = poolsOf(owner.type, poolContext(c, found));
    if (!pool || isBusy(world, owner)) return [];
    const names = new Set(machines.map((r) => str(r.hidden.node)));
    const pods = unschedulable.filter((p) => !p.like || p.like.some((n) => names.has(n)));
    const coming = comingOf(machines, known, c.now);
    const most = Math.max(0, bounds.max - machines.length);
    const count = machinesFor(pods, machineOf(owner, pool), { coming, most });
    return count > 0 ? [{ found, pool, machines, count, cpu: machineOf(owner, pool).cpu }] : [];
  });
  const [first] = wishes.toSorted((a, b) => a.cpu - b.cpu);
  return first ? add(c, first) : undefined;
}

function add(
  c: Grow,
  w: { found: Found; pool: ReturnType<typeof poolsOf>[number]; machines: Resource[]; count: number },
) {
  const { owner, cluster } = w.found;
  const ctx = poolContext(c, w.found);
  const check = { ...checkOf(c, w.found), ctx, pools: [{ ...w.pool, count: w.count }] };
  const error = refusal(check);
  if (error) return { error };
  const late = lateFailure(check);
  const size = w.machines.length + (late ? 0 : w.count);
  const op: Op = { ...operation(c, w.found, size), ...(late ? { failure: late } : {}) };
  c.draft.op(op);
  if (late) return { op: op.id };
  const from = freshNumber(owner, w.machines);
  const numbers = nextNumbers({ pool: w.pool, have: w.machines, from, count: w.count });
  const resource = { ...owner, hidden: { ...owner.hidden, next: Math.max(...numbers) + 1 } };
  c.draft.put(resource);
  // The machines are the controller's: who made the pool had no part in them.
  const made = { draft: c.draft, op, resource: { ...resource, by: op.by }, cluster, ctx };
  c.draft.op({ ...op, waitsFor: startNodes(made, w.pool, numbers) });
  return { op: op.id };
}

/** Drained nodes go, if their pool still can spare them. One pool a time. */
export function shrink(c: Shrink): Answer {
  const { cluster, nodes } = c.input;
  const world = c.draft.world;
  if (!clusterById(world, cluster)) return noCluster(cluster);
  const going = spare(world, cluster, nodes);
  const found = scalable(world, cluster).find((f) => f.owner.key === going[0]?.hidden.owner);
  if (!found) return undefined;
  const error = throttled(checkOf(c, found));
  if (error) return { error };
  const mine = going.filter((r) => r.hidden.owner === found.owner.key);
  const machines = instancesOf(world, found.owner.key);
  const op = { ...operation(c, found, machines.length - mine.length), waitsFor: mine.length };
  c.draft.put({ ...found.owner, hidden: { ...found.owner.hidden, next: freshNumber(found.owner, machines) } });
  c.draft.op(op);
  for (const r of mine) {
    c.draft.put({ ...r, phase: 'deleting' });
    c.draft.effects.push({ do: 'removeNode', op: op.id, id: cluster, name: str(r.hidden.node) });
  }
  return { op: op.id };
}

function poolContext(c: Pick<Case, 'draft' | 'now'>, { owner, cluster }: Found) {
  const salt = str(owner.hidden.salt) || `${owner.type}|${owner.id}`;
  const o = { who: controllerOf(cluster), salt, attrs: owner.attrs, now: c.now, id: owner.id, resource: owner };
  return contextOf(c.draft.world, o);
}

function checkOf(c: Pick<Case, 'chaos' | 'now'>, { owner, cluster }: Found) {
  const who = controllerOf(cluster);
  const target = targetOf({ who, type: owner.type, attrs: owner.attrs, verb: 'update', id: owner.id });
  return { rule: RULES_OF(owner.type), target, chaos: c.chaos, now: c.now };
}

/** The pool's change of size as an operation of the cluster's controller; who runs terraform sees the new number. */
function operation(c: Grow | Shrink, found: Found, size: number): Op {
  const { owner, cluster } = found;
  const { rule, target } = checkOf(c, found);
  return {
    ...opOf({ c, rule, target, salt: `scale|${owner.key}`, verb: 'update', who: controllerOf(cluster) }),
    target: owner.key,
    planned: sized(owner.type, owner.attrs, size),
    prior: owner.attrs,
  };
}
