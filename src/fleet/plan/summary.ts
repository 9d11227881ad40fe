import { digest, type Json, toJson } from '../../kernel/index.ts';
import type { AppPlan, Blast, ClusterPlan, Decision, FleetPlan, Op, OpKind } from '../model.ts';
import { keyOf } from './objects.ts';

/** What an op does, without the names of versions that move by themselves. */
function essence(op: Op): unknown {
  return [
    keyOf(op.ref),
    op.kind,
    op.hash ?? null,
    op.base?.uid ?? null,
    op.kind === 'same' ? null : (op.base?.values ?? null),
  ];
}

/** Same ops over the same live values, same id. Confirmations and approvals are bound to it. */
export function planId(fleet: string, clusters: readonly ClusterPlan[], placement: readonly Decision[]): string {
  const value = {
    fleet,
    clusters: clusters.map((c) => ({
      name: c.name,
      identity: c.identity,
      skipped: c.skipped?.code ?? null,
      apps: c.apps.map((a) => ({ app: a.app, version: a.version, ops: [...a.ops, ...a.withheld].map(essence) })),
    })),
    placed: placement.filter((d) => d.placed).map((d) => [d.app, d.cluster]),
  };
  return digest(toJson(value)).replace('sha256:', 'p').slice(0, 13);
}

export function blastOf(clusters: readonly ClusterPlan[]): Blast {
  const ops = clusters.flatMap((c) => c.apps.flatMap((a) => a.ops));
  const count = (...kinds: OpKind[]): number => ops.filter((op) => kinds.includes(op.kind)).length;
  return {
    clusters: clusters.filter((c) => c.apps.some((a) => a.ops.some((op) => op.kind !== 'same'))).length,
    create: count('create'),
    update: count('update', 'adopt', 'move', 'unknown'),
    recreate: count('recreate'),
    delete: count('delete'),
    same: count('same'),
  };
}

function publicOp(op: Op): unknown {
  const { body: _body, ...rest } = op;
  return rest;
}

function publicApp(a: AppPlan): unknown {
  const { desired: _desired, inventory: _inventory, ops, withheld, ...rest } = a;
  return { ...rest, ops: ops.map(publicOp), withheld: withheld.map(publicOp) };
}

/** The plan for journal, log and people: without bodies, so without the value of any Secret. */
export function publicPlan(plan: FleetPlan): Json {
  return toJson({ ...plan, clusters: plan.clusters.map((c) => ({ ...c, apps: c.apps.map(publicApp) })) });
}
