import { drawOf } from '../draw.ts';
import type { Input, Op, Resource } from '../model.ts';
import { resolve } from '../plan.ts';
import { str } from '../values.ts';
import { lateFailure, refusal } from './checks.ts';
import { contextOf, opOf, startNodes } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { CLUSTER_TYPES, clusterOf, instancesOf, poolsOf } from './pools.ts';
import { type Ctx, fail, RULES_OF } from './rules.ts';
import { freshNumber, nextNumbers, sizeAfter } from './scaling.ts';
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
  const machines = { ...check.ctx, draw: drawOf(c.draft.world.setting.seed, str(resource.hidden.salt) || salt) };
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
  c.draft.op({ ...op, waitsFor: late ? 0 : resize({ c, op, resource, ctx: machines }) });
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
    const before =
      poolsOf(resource.type, { ...ctx, attrs: resource.attrs }).find((p) => p.pool === pool.pool)?.count ?? 0;
    const size = sizeAfter(resource.type, ctx.attrs, { asked: pool.count, before, have: have.length });
    const same = have.filter((r) => r.hidden.instanceType === pool.instanceType);
    const keep = same.toSorted((a, b) => Number(a.hidden.n) - Number(b.hidden.n)).slice(0, size);
    for (const r of have) if (!keep.includes(r)) steps += removeNode(o, r);
    const from = freshNumber(resource, have);
    const numbers = nextNumbers({ pool, have: keep, from, count: size - keep.length });
    const next = Math.max(from, ...numbers.map((n) => n + 1));
    const grown = { ...resource, phase: 'updating' as const, hidden: { ...resource.hidden, next } };
    c.draft.put(grown);
    steps += startNodes({ draft: c.draft, op, resource: grown, ctx }, pool, numbers);
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
