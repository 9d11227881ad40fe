import type { Input, Op, Resource } from '../model.ts';
import { resolve } from '../plan.ts';
import { str } from '../values.ts';
import { lateFailure, refusal } from './checks.ts';
import { contextOf, opOf, startPools } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { CLUSTER_TYPES, clusterOf, instancesOf, type Pool, poolsOf } from './pools.ts';
import { type Ctx, fail, RULES_OF } from './rules.ts';
import { targetOf } from './target.ts';

type Update = Case<Extract<Input, { kind: 'update' }>>;

export function acceptUpdate(c: Update): Answer {
  const { who, type, id, planned, prior } = c.input;
  const rule = RULES_OF(type);
  const resource = c.draft.world.resources.get(`${type}/${id}`);
  if (!resource) return { error: fail(404, 'NotFound', `${id} does not exist`) };
  const salt = `${type}|${id}`;
  const ctx = contextOf(c.draft.world, { who, salt, attrs: planned, now: c.now, id, resource });
  const target = targetOf({ who, type, attrs: planned, verb: 'update', id });
  const check = { rule, ctx: { ...ctx, attrs: resolve(rule, planned, ctx) }, target, chaos: c.chaos, now: c.now };
  // A pool's own nodes do not count against it: quotas are looked at on growth by the machines' count.
  const error = type in GROWS ? undefined : refusal(check);
  if (error) return { error };
  const late = lateFailure(check);
  const op: Op = {
    ...opOf({ c, rule, target, salt, verb: 'update', who }),
    target: resource.key,
    planned,
    prior,
    ...(late ? { failure: late } : {}),
  };
  c.draft.put({ ...resource, phase: 'updating' });
  c.draft.op({ ...op, waitsFor: late ? 0 : resize({ c, op, resource, ctx: check.ctx }) });
  return { op: op.id };
}
const GROWS: Record<string, true> = {
  aws_eks_node_group: true,
  azurerm_kubernetes_cluster: true,
  azurerm_kubernetes_cluster_node_pool: true,
  google_container_node_pool: true,
};

/** Adds or removes nodes until the pool has what it asks for; other machine types are replaced. */
function resize(o: { c: Update; op: Op; resource: Resource; ctx: Ctx }): number {
  const { c, op, resource, ctx } = o;
  let steps = 0;
  for (const pool of poolsOf(resource.type, ctx)) {
    const have = instancesOf(c.draft.world, resource.key);
    const keep = have.filter((r) => r.hidden.instanceType === pool.instanceType && Number(r.hidden.n) < pool.count);
    for (const r of have) if (!keep.includes(r)) steps += removeNode(o, r);
    const next: Pool = { ...pool };
    const from = Math.max(-1, ...keep.map((r) => Number(r.hidden.n))) + 1;
    steps += startPools({ draft: c.draft, op, resource, ctx }, [next], from);
  }
  return steps;
}

function removeNode(o: { c: Update; op: Op; resource: Resource }, r: Resource): number {
  const { c, op, resource } = o;
  const cluster = CLUSTER_TYPES.has(resource.type) ? resource : clusterOf(c.draft.world, resource.type, resource.attrs);
  c.draft.put({ ...r, phase: 'deleting' });
  c.draft.effects.push({ do: 'removeNode', op: op.id, id: str(cluster?.hidden.clusterId), name: str(r.hidden.node) });
  return 1;
}
