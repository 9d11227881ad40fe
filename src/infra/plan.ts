import { canonical, digest, fault, type Json, type Problem } from '../kernel/index.ts';
import type { Action, Change, Digest, Envelope, Root } from './model.ts';

/** Parts of `terraform show -json PLAN` that are read here; it holds secrets in clear. */
interface ResourceChange {
  address: string;
  previous_address?: string;
  type: string;
  mode?: string;
  action_reason?: string;
  change: {
    actions: string[];
    before?: Json;
    after?: Json;
    after_unknown?: Json;
    before_sensitive?: Json;
    after_sensitive?: Json;
    importing?: { id?: string };
  };
}
export interface PlanJson {
  resource_changes?: ResourceChange[];
  resource_drift?: ResourceChange[];
  output_changes?: Record<string, { actions: string[] }>;
}

const MASK = '(sensitive)';
const UNKNOWN = '(known after apply)';
/** Losing one of these loses a cluster or what its load balancers live in (rule 9). */
const CLUSTER_TYPES = new Set([
  'aws_eks_cluster',
  'aws_vpc',
  'azurerm_kubernetes_cluster',
  'azurerm_resource_group',
  'azurerm_virtual_network',
  'google_container_cluster',
  'google_compute_network',
]);

type JsonObject = { readonly [key: string]: Json };
const isObject = (v: Json | undefined): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v);

/** `value` with everything that `mask` (same shape, `true` at a leaf or branch) marks replaced. */
export function masked(value: Json | undefined, mask: Json | undefined, by: string): Json {
  if (mask === true) return by;
  if (Array.isArray(value)) return value.map((v, i) => masked(v, Array.isArray(mask) ? mask[i] : undefined, by));
  if (!isObject(value)) return value ?? null;
  const marks = isObject(mask) ? mask : {};
  const keys = new Set([...Object.keys(value), ...Object.keys(marks).filter((k) => marks[k] === true)]);
  return Object.fromEntries([...keys].map((k) => [k, masked(value[k], marks[k], by)]));
}

function actionOf(c: ResourceChange['change']): Action {
  const a = c.actions.join('+');
  if (a === 'delete+create' || a === 'create+delete') return 'replace';
  if (a === 'no-op' && c.importing !== undefined) return 'import';
  return a as Action;
}

/** Top-level attributes that differ, of two masked objects. */
function differing(before: Json, after: Json): { from: Json; to: Json } | undefined {
  if (!isObject(before) || !isObject(after)) return undefined;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((k) => canonical(before[k] ?? null) !== canonical(after[k] ?? null))
    .sort();
  const pick = (o: JsonObject): Json => Object.fromEntries(keys.map((k) => [k, o[k] ?? null]));
  return { from: pick(before), to: pick(after) };
}

function changeOf(r: ResourceChange): Change {
  const c = r.change;
  const action = actionOf(c);
  const after = masked(masked(c.after, c.after_unknown, UNKNOWN), c.after_sensitive, MASK);
  const diff = differing(masked(c.before, c.before_sensitive, MASK), after);
  return {
    address: r.address,
    type: r.type,
    action,
    ...(r.action_reason === undefined ? {} : { reason: r.action_reason }),
    ...(r.previous_address === undefined ? {} : { previous: r.previous_address }),
    ...(diff === undefined ? {} : diff),
    destroysCluster: (action === 'delete' || action === 'replace') && CLUSTER_TYPES.has(r.type),
  };
}

const isChange = (r: ResourceChange): boolean =>
  r.mode !== 'data' && actionOf(r.change) !== 'no-op' && actionOf(r.change) !== 'read';

export interface PlanFacts {
  root: Root;
  moduleDigest: Digest;
  /** Lineage of the state; null before the first apply. */
  lineage: string | null;
}

/** What the plan means, independent of the bytes of its file, of time and of state serials. */
export function planDigest(plan: PlanJson, facts: PlanFacts): Digest {
  const changes = (plan.resource_changes ?? []).filter(isChange).map((r) => ({
    address: r.address,
    previous: r.previous_address ?? null,
    actions: r.change.actions,
    import: r.change.importing?.id ?? null,
    before: digest(r.change.before ?? null),
    after: digest(r.change.after ?? null),
    unknown: r.change.after_unknown ?? null,
  }));
  changes.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  const { root, moduleDigest, lineage } = facts;
  return digest({ root: root.id, module: moduleDigest, vars: root.vars, lineage, changes });
}

export function changesOf(plan: PlanJson): Change[] {
  return (plan.resource_changes ?? []).filter(isChange).map(changeOf);
}

export function driftOf(plan: PlanJson): Change[] {
  return (plan.resource_drift ?? []).filter((r) => actionOf(r.change) !== 'no-op').map(changeOf);
}

/** Digest of a root that has nothing to do. */
export function unchangedDigest(facts: PlanFacts): Digest {
  const { root, moduleDigest, lineage } = facts;
  return digest({ root: root.id, module: moduleDigest, vars: root.vars, lineage, changes: [] });
}

/** terraform operations of a plan: a replacement is two. */
export function operations(changes: readonly Change[]): number {
  return changes.reduce((n, c) => n + (c.action === 'replace' ? 2 : 1), 0);
}

/** Changes that the envelope does not allow. */
export function surplus(changes: readonly Change[], envelope: Envelope): Change[] {
  const allowed = new Map(envelope.allow.map((a) => [a.address, a.actions as readonly string[]]));
  return changes.filter((c) => !(allowed.get(c.address)?.includes(c.action) ?? false));
}

/** TW2112 when the plan loses a cluster that may serve somebody. */
export function refuseLoss(
  changes: readonly Change[],
  cluster: string | undefined,
  precious: boolean,
): Problem | undefined {
  const lost = changes.filter((c) => c.destroysCluster);
  if (lost.length === 0 || !precious) return undefined;
  const name = cluster ?? '';
  return fault('TW2112', {
    value: name,
    where: lost.map((c) => ({ cluster: name, resource: c.address })),
    why: lost.map((c) => `${c.address}: ${c.action}${c.reason === undefined ? '' : ` (${c.reason})`}`),
    fix: [
      {
        say: 'Undo the change in the config, or take the cluster down on purpose first:',
        command: `tw down --on ${name}`,
      },
    ],
  }).problem;
}
