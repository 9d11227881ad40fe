import type { CloudError, Op, Resource } from '../model.ts';
import { resolve } from '../plan.ts';
import { str } from '../values.ts';
import { contextOf } from './create.ts';
import type { Answer, Case } from './decide.ts';
import { blocked } from './delete.ts';
import { CLUSTER_TYPES } from './pools.ts';
import { RULES_OF } from './rules.ts';

/** How often a refused delete is tried again, real milliseconds. */
const RETRY_MS = 150;

export function tick(c: Case): Answer {
  for (const op of c.draft.world.ops.values()) if (op.phase === 'running') advance(c, op);
  return undefined;
}

/** Ends an operation whose time has come; tells a caller whose patience is over. */
export function advance(c: Case, op: Op): void {
  if (op.timeoutAt !== undefined && c.now >= op.timeoutAt && op.caller === 'waiting') {
    const gone: Op = { ...op, caller: 'gone', error: timeoutError(op) };
    c.draft.op(gone);
    c.draft.effects.push({ do: 'answer', op: op.id });
    return;
  }
  if (c.now < op.dueAt || (op.waitsFor > 0 && op.failure === undefined)) return;
  const resource = c.draft.world.resources.get(op.target);
  if (op.failure) finishFailed(c, op, resource);
  else if (!resource) done(c, op);
  else if (op.verb === 'delete') finishDelete(c, op, resource);
  else finishWrite(c, op, resource);
}

const seconds = (op: Op): number => RULES_OF(op.type).timeouts[op.verb];
function timeoutError(op: Op): CloudError {
  const s = seconds(op);
  const text = s % 3600 === 0 ? `${s / 3600}h0m0s` : `${Math.floor(s / 60)}m0s`;
  const state = { create: 'CREATING', update: 'UPDATING', delete: 'DELETING' }[op.verb];
  return {
    status: 408,
    code: 'Timeout',
    message: `timeout while waiting for state to become 'ACTIVE' (last state: '${state}', timeout: ${text})`,
  };
}

function done(c: Case, op: Op): void {
  c.draft.op({ ...op, phase: 'done' });
  if (op.caller === 'waiting') c.draft.effects.push({ do: 'answer', op: op.id });
}

function finishFailed(c: Case, op: Op, resource: Resource | undefined): void {
  const { keep, ...error } = op.failure ?? { keep: false, status: 500, code: 'InternalFailure', message: 'failed' };
  if (resource && op.verb === 'create' && !keep) removeAll(c, resource);
  else if (resource)
    c.draft.put({ ...resource, phase: op.verb === 'create' ? 'failed' : 'ready', attrs: failedAttrs(op, resource) });
  c.draft.op({ ...op, phase: 'failed', error });
  if (op.caller === 'waiting') c.draft.effects.push({ do: 'answer', op: op.id });
}

function failedAttrs(op: Op, resource: Resource): Resource['attrs'] {
  const status = op.verb === 'create' && 'status' in resource.attrs ? { status: 'CREATE_FAILED' } : {};
  return { ...resource.attrs, ...status };
}

function finishWrite(c: Case, op: Op, resource: Resource): void {
  const ctx = contextOf(c.draft.world, {
    who: op.who,
    salt: op.salt,
    attrs: op.planned ?? {},
    now: op.startedAt,
    id: resource.id,
    resource,
  });
  const attrs = resolve(RULES_OF(op.type), op.planned ?? {}, ctx);
  c.draft.put({ ...resource, phase: 'ready', attrs });
  for (const r of c.draft.world.resources.values())
    if (r.hidden.owner === resource.key && r.phase === 'deleting' && isMachine(r)) c.draft.gone(r.key);
  done(c, op);
}

function finishDelete(c: Case, op: Op, resource: Resource): void {
  const error = blocked(c, resource);
  if (!error) {
    removeAll(c, resource);
    orphanRest(c, resource);
    done(c, op);
    return;
  }
  if (op.retryUntil !== undefined && c.now < op.retryUntil) {
    c.draft.op({ ...op, dueAt: Math.min(c.now + RETRY_MS, op.retryUntil) });
    return;
  }
  c.draft.put({ ...resource, phase: 'ready' });
  c.draft.op({ ...op, phase: 'failed', error });
  if (op.caller === 'waiting') c.draft.effects.push({ do: 'answer', op: op.id });
}

/** Load balancers of a cluster that went first: nobody deletes them any more. */
function orphanRest(c: Case, cluster: Resource): void {
  if (!CLUSTER_TYPES.has(cluster.type)) return;
  for (const r of c.draft.world.resources.values()) {
    if (r.hidden.cluster === cluster.hidden.clusterId && r.hidden.service !== undefined && !r.orphan)
      c.draft.put({ ...r, orphan: true });
  }
}

/** The object and what lives only inside it. */
export function removeAll(c: Case, resource: Resource): void {
  c.draft.gone(resource.key);
  for (const r of c.draft.world.resources.values()) {
    if (!inside(r, resource)) continue;
    if (CLUSTER_TYPES.has(r.type)) c.draft.effects.push({ do: 'remove', op: '', id: str(r.hidden.clusterId) });
    if (str(r.hidden.vip)) c.draft.effects.push({ do: 'vipGone', ip: str(r.hidden.vip) });
    removeAll(c, r);
  }
}

function inside(r: Resource, outer: Resource): boolean {
  if (r.hidden.owner === outer.key) return true;
  // All nodes, entries and add-ons of a cluster go with it; AWS load balancers do not.
  if (CLUSTER_TYPES.has(outer.type)) return ofCluster(r, outer);
  return outer.type === 'azurerm_resource_group' && r.id.startsWith(`${outer.id}/`);
}
const ofCluster = (r: Resource, outer: Resource): boolean =>
  (isMachine(r) && r.hidden.cluster === outer.hidden.clusterId) ||
  r.id.startsWith(`${outer.id}/`) ||
  ofAzureGroup(r, outer) ||
  ofEks(r, outer);
const isMachine = (r: Resource): boolean => ['aws_instance', 'azure_vm', 'gcp_instance'].includes(r.type);
const ofAzureGroup = (r: Resource, cluster: Resource): boolean =>
  cluster.type === 'azurerm_kubernetes_cluster' &&
  r.id.startsWith(`/subscriptions/${cluster.account}/resourceGroups/${str(cluster.hidden.nodeGroup)}/`);
const ofEks = (r: Resource, cluster: Resource): boolean =>
  cluster.type === 'aws_eks_cluster' &&
  [
    'aws_eks_addon',
    'aws_eks_access_entry',
    'aws_eks_access_policy_association',
    'aws_eks_pod_identity_association',
  ].includes(r.type) &&
  r.attrs.cluster_name === cluster.attrs.name;
