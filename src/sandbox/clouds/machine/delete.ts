import type { Input, Op, Resource } from '../model.ts';
import { str } from '../values.ts';
import { lateFailure, throttled } from './checks.ts';
import { contextOf, opOf } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { CLUSTER_TYPES, instancesOf } from './pools.ts';
import { RULES_OF } from './rules.ts';
import { targetOf } from './target.ts';

type Delete = Case<Extract<Input, { kind: 'delete' }>>;

/** Accepts a delete; what is in the way is looked at again until the provider's patience ends. */
export function acceptDelete(c: Delete): Answer {
  const { who, type, id, prior } = c.input;
  const rule = RULES_OF(type);
  const known = c.draft.world.resources.get(`${type}/${id}`);
  // Already gone: the providers take 404 for success.
  if (!known) return undefined;
  const resource: Resource = { ...known, hidden: { ...known.hidden, prevent: who.preventGroupDelete } };
  const salt = `${type}|${id}`;
  const ctx = contextOf(c.draft.world, { who, salt, attrs: resource.attrs, now: c.now, id, resource });
  const target = targetOf({ who, type, attrs: resource.attrs, verb: 'delete', id });
  const check = { rule, ctx, target, chaos: c.chaos, now: c.now };
  const error = throttled(check);
  if (error) return { error };
  const late = lateFailure(check);
  const op: Op = {
    ...opOf({ c, rule, target, salt, verb: 'delete', who }),
    target: resource.key,
    planned: null,
    prior,
    retryUntil: c.now + (rule.retryDelete * 1000) / c.draft.world.setting.cloudTime,
    ...(late ? { failure: late } : {}),
  };
  if (!late && blocked(c, resource) === undefined) c.draft.op({ ...op, waitsFor: stopMachines(c, op, resource) });
  else c.draft.op(op);
  if (late === undefined) c.draft.put({ ...resource, phase: 'deleting' });
  return { op: op.id };
}

/** The cloud's words for what is in the way. */
export function blocked(c: Pick<Case, 'draft'>, self: Resource) {
  for (const b of RULES_OF(self.type).blockedBy) {
    for (const other of c.draft.world.resources.values()) {
      if (b.holds(other, self, c.draft.world)) return b.error(other, self);
    }
  }
  return undefined;
}

function stopMachines(c: Delete, op: Op, resource: Resource): number {
  if (CLUSTER_TYPES.has(resource.type)) {
    c.draft.effects.push({ do: 'remove', op: op.id, id: str(resource.hidden.clusterId) });
    return 1;
  }
  let steps = 0;
  for (const r of instancesOf(c.draft.world, resource.key)) {
    c.draft.put({ ...r, phase: 'deleting' });
    c.draft.effects.push({ do: 'removeNode', op: op.id, id: str(r.hidden.cluster), name: str(r.hidden.node) });
    steps++;
  }
  return steps;
}
