import type { Input, Op, Resource } from '../model.ts';
import { contextOf, startPools } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { poolsOf } from './pools.ts';
import { fail } from './rules.ts';
import { advance } from './tick.ts';

/** The control plane answers: keep its access and start the nodes that come with the cluster. */
export function booted(c: Case<Extract<Input, { kind: 'booted' }>>): Answer {
  const op = c.draft.world.ops.get(c.input.op);
  const resource = op && c.draft.world.resources.get(op.target);
  if (!op || op.phase !== 'running' || !resource) return undefined;
  const { endpointIp, ca, version } = c.input.access;
  const known: Resource = { ...resource, hidden: { ...resource.hidden, endpointIp, ca, version } };
  c.draft.put(known);
  const ctx = contextOf(c.draft.world, {
    who: op.who,
    salt: op.salt,
    attrs: known.attrs,
    now: op.startedAt,
    id: known.id,
    resource: known,
  });
  const steps = startPools({ draft: c.draft, op, resource: known, ctx }, poolsOf(known.type, ctx));
  const next: Op = { ...op, waitsFor: op.waitsFor - 1 + steps };
  c.draft.op(next);
  advance(c, next);
  return undefined;
}

/** A node is there, or a machine is gone. */
export function stepped(c: Case<Extract<Input, { kind: 'stepped' }>>): Answer {
  const r = c.input.key === undefined ? undefined : c.draft.world.resources.get(c.input.key);
  if (r && c.input.ip !== undefined) c.draft.put({ ...r, phase: 'ready', hidden: { ...r.hidden, nodeIp: c.input.ip } });
  const op = c.draft.world.ops.get(c.input.op);
  if (!op || op.phase !== 'running') return undefined;
  const next: Op = { ...op, waitsFor: Math.max(0, op.waitsFor - 1) };
  c.draft.op(next);
  advance(c, next);
  return undefined;
}

/** A machine did not come: the operation fails and leaves its object behind, as the clouds do. */
export function broken(c: Case<Extract<Input, { kind: 'broken' }>>): Answer {
  const op = c.draft.world.ops.get(c.input.op);
  if (!op || op.phase !== 'running') return undefined;
  const failed: Op = {
    ...op,
    waitsFor: 0,
    dueAt: c.now,
    failure: { ...fail(500, 'InternalFailure', c.input.why), keep: true },
  };
  c.draft.op(failed);
  advance(c, failed);
  return undefined;
}
