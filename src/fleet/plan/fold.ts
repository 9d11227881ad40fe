import { digest, fault, type Problem, toJson } from '../../kernel/index.ts';
import type { Base, DesiredItem, FieldChange, Inventory, KubeObject, Op, Ref } from '../model.ts';
import { diff, touched } from './diff.ts';
import { dictOf, keyOf, sayRef } from './objects.ts';
import { type Claim, ownership } from './ownership.ts';

/** An answer of the server that forbids a write, as data. */
export interface Refusal {
  status: number;
  reason: string;
  message: string;
  causes: readonly { reason?: string; field?: string; message?: string }[];
}
/** What the shell learned about one desired object. */
export type Reading =
  | { at: 'absent'; simulated: boolean }
  /** The server says for certain that nothing would change; `result` is the live object. */
  | { at: 'same'; result: KubeObject }
  | { at: 'live'; live: KubeObject; result?: KubeObject; refusal?: Refusal; forced?: KubeObject }
  | { at: 'rejected'; refusal: Refusal };

export type TakeOver = 'never' | 'if-no-diff' | 'always';
/** What a person allowed beyond the defaults. */
export interface Allow {
  takeOver?: TakeOver;
  /** Take conflicting fields over. */
  force?: boolean;
  /** Keys (`keyOf`) of objects that may be deleted and made anew. */
  recreate?: readonly string[];
  /** Send objects whose dry run a webhook prevents. */
  unknown?: boolean;
  /** Id of the plan whose deletions were confirmed. */
  deletes?: string;
}
export interface FoldContext extends Claim {
  manager: string;
  inventory: Inventory | undefined;
  allow: Allow;
}

const dropsOnly = /^metadata\.labels(\.|\[|$)|^metadata\.annotations(\.|\[|$)/;

function baseOf(live: KubeObject, next: KubeObject): Base {
  return {
    uid: live.metadata.uid ?? '',
    resourceVersion: live.metadata.resourceVersion ?? '',
    values: valuesOf(live, next),
  };
}

/** Digest of the live values at the places a write would change. */
export function valuesOf(live: KubeObject, next: KubeObject): string {
  return digest(toJson(touched(live, next)));
}

function rejected(item: { ref: Ref }, c: FoldContext, r: Refusal): Problem {
  const where = [
    {
      cluster: c.cluster,
      resource: sayRef(item.ref),
      ...(r.causes[0]?.field === undefined ? {} : { path: r.causes[0].field }),
    },
  ];
  return fault('TW3070', { value: sayRef(item.ref), where, why: [r.message] }).problem;
}

function conflict(item: DesiredItem, c: FoldContext, r: Refusal): Problem {
  return fault('TW3022', {
    value: sayRef(item.ref),
    where: r.causes.map((x) => ({
      cluster: c.cluster,
      resource: sayRef(item.ref),
      ...(x.field === undefined ? {} : { path: x.field }),
    })),
    why: [...r.causes.map((x) => `${x.field ?? ''}: ${x.message ?? ''}`), r.message],
    fix: [{ say: 'Leave the fields out of the manifest, or allow taking them over.' }],
  }).problem;
}

function immutable(item: DesiredItem, c: FoldContext, r: Refusal): Problem {
  return fault('TW3023', {
    value: sayRef(item.ref),
    where: [{ cluster: c.cluster, resource: sayRef(item.ref) }],
    why: [r.causes[0]?.message ?? r.message],
    fix: [{ say: 'Undo the change, or delete the object so that it is made anew.' }],
  }).problem;
}

const isImmutable = (r: Refusal): boolean =>
  r.status === 422 && /immutable|updates to .* are forbidden|may not change|Forbidden: updates/i.test(r.message);
const isConflict = (r: Refusal): boolean =>
  r.status === 409 && r.causes.some((x) => x.reason === 'FieldManagerConflict');
const isDryRunBlock = (r: Refusal): boolean => r.status === 400 && /dry.?run/i.test(r.message);

interface Draft {
  item: DesiredItem;
  c: FoldContext;
  why: readonly string[];
}

function make(d: Draft, kind: Op['kind'], more: Partial<Op> = {}): Op {
  return {
    ref: d.item.ref,
    kind,
    wave: d.item.wave,
    why: d.why,
    diff: [],
    body: d.item.body,
    hash: d.item.hash,
    ...more,
  };
}

function refusedOp(d: Draft, live: KubeObject, r: Refusal): Op {
  const base = baseOf(live, live);
  if (isDryRunBlock(r)) {
    const problem = rejected(d.item, d.c, r);
    return make(d, 'unknown', { base, ...(d.c.allow.unknown === true ? {} : { refused: problem }) });
  }
  if (!isImmutable(r)) return make(d, 'update', { base, refused: rejected(d.item, d.c, r) });
  const asked = d.c.allow.recreate?.includes(keyOf(d.item.ref)) === true;
  return make(d, 'recreate', { base, ...(asked ? {} : { refused: immutable(d.item, d.c, r) }) });
}

function takeOver(d: Draft, live: KubeObject, changes: readonly FieldChange[]): Problem | undefined {
  const mode = d.c.allow.takeOver ?? 'never';
  const harmless = changes.every((x) => dropsOnly.test(x.path));
  if (mode === 'always' || (mode === 'if-no-diff' && harmless)) return undefined;
  const owners = [...new Set((live.metadata.managedFields ?? []).map((m) => m.manager))];
  return fault('TW3021', {
    value: sayRef(d.item.ref),
    where: [{ cluster: d.c.cluster, resource: sayRef(d.item.ref) }],
    why: [
      `written by ${owners.length === 0 ? 'nobody known' : owners.join(', ')}`,
      ...changes.filter((x) => !dropsOnly.test(x.path)).map((x) => `${x.path} would change`),
    ],
    fix: [
      {
        say: harmless
          ? 'Only labels would change: allow the take-over.'
          : 'Rename it in the app, or allow the take-over.',
      },
    ],
  }).problem;
}

interface Seen {
  live: KubeObject;
  next: KubeObject;
  changes: readonly FieldChange[];
  /** Set when other managers own fields the app wants. */
  conflict: Refusal | undefined;
}

function adoptOp(d: Draft, s: Seen, common: Partial<Op>): Op {
  const problem = takeOver(d, s.live, s.changes);
  const force = d.c.allow.takeOver === 'always' || s.conflict !== undefined;
  return make(d, 'adopt', {
    ...common,
    force,
    origin: 'adopted',
    ...(problem === undefined ? {} : { refused: problem }),
  });
}

function ownOp(d: Draft, s: Seen, common: Partial<Op>): Op {
  const kind = s.changes.length === 0 ? 'same' : 'update';
  if (s.conflict === undefined) return make(d, kind, common);
  const clash = d.c.allow.force === true ? { force: true } : { refused: conflict(d.item, d.c, s.conflict) };
  return make(d, kind, { ...common, ...clash });
}

/** An autoscaler takes `replicas` over: the value is handed on, whatever the dry run says of its default. */
function handsOver(d: Draft, s: Seen): boolean {
  const left = d.item.ref.group === 'apps' && dictOf(d.item.body['spec'])['replicas'] === undefined;
  return left && s.changes.some((c) => c.path === 'spec.replicas');
}

function seenOp(d: Draft, s: Seen): Op {
  if (!handsOver(d, s)) return ownedOp(d, s);
  const shown = { ...s, changes: s.changes.filter((c) => c.path !== 'spec.replicas') };
  const op = ownedOp({ ...d, why: [...d.why, 'replicas are left to the autoscaler'] }, shown);
  return { ...op, kind: op.kind === 'same' ? 'update' : op.kind, yields: ['spec.replicas'] };
}

function ownedOp(d: Draft, s: Seen): Op {
  const common = { diff: s.changes, base: baseOf(s.live, s.next) };
  const owner = ownership(s.live, d.c.inventory?.items[keyOf(d.item.ref)], d.c);
  switch (owner.whose) {
    case 'stranger':
      return make(d, 'unknown', { ...common, refused: owner.problem });
    case 'sibling':
      return make({ ...d, why: [`comes from app ${owner.app}`] }, 'move', { ...common, force: true });
    case 'nobody':
      return adoptOp(d, s, common);
    case 'ours':
      return ownOp(owner.why === undefined ? d : { ...d, why: [...d.why, owner.why] }, s, common);
  }
}

function liveOp(d: Draft, reading: Extract<Reading, { at: 'live' }>): Op {
  const { live, result, refusal } = reading;
  const clash = refusal !== undefined && isConflict(refusal) ? refusal : undefined;
  const next = result ?? (clash === undefined ? undefined : reading.forced);
  if (next !== undefined) return seenOp(d, { live, next, changes: diff(live, next, d.c.manager), conflict: clash });
  if (refusal === undefined) throw new TypeError('a live reading has a result or a refusal');
  if (clash === undefined) return refusedOp(d, live, refusal);
  return make(d, 'update', { base: baseOf(live, live), refused: conflict(d.item, d.c, clash) });
}

function absentOp(d: Draft, simulated: boolean): Op {
  const known = d.c.inventory?.items[keyOf(d.item.ref)];
  const why = known !== undefined && known.uid !== '' ? ['somebody deleted it'] : [];
  return make({ ...d, why }, 'create', simulated ? { simulated: true } : {});
}

function sameOp(d: Draft, live: KubeObject): Op {
  const owner = ownership(live, d.c.inventory?.items[keyOf(d.item.ref)], d.c);
  if (owner.whose !== 'ours') return liveOp(d, { at: 'live', live, result: live });
  return make(d, 'same', { base: baseOf(live, live) });
}

function rejectedOp(d: Draft, r: Refusal): Op {
  if (isDryRunBlock(r) && d.c.allow.unknown === true) return make(d, 'create', { simulated: true });
  return make(d, 'create', { refused: rejected(d.item, d.c, r) });
}

/** One op for one desired object, from what was read about it. */
export function foldItem(item: DesiredItem, reading: Reading, c: FoldContext): Op {
  const d: Draft = { item, c, why: [] };
  switch (reading.at) {
    case 'absent':
      return absentOp(d, reading.simulated);
    case 'same':
      return sameOp(d, reading.result);
    case 'rejected':
      return rejectedOp(d, reading.refusal);
    case 'live':
      return liveOp(d, reading);
  }
}

/** What is known of an object that is in the inventory and not wanted any more. */
export interface Leftover {
  ref: Ref;
  live: KubeObject | undefined;
}

/** Delete ops: inventory minus desired, only what is still exactly the object we made. */
export function foldLeftovers(leftovers: readonly Leftover[], c: FoldContext): { ops: Op[]; withheld: Op[] } {
  const ops: Op[] = [];
  const withheld: Op[] = [];
  for (const { ref, live } of leftovers) {
    const entry = c.inventory?.items[keyOf(ref)];
    if (live === undefined || entry === undefined) continue;
    const base = baseOf(live, live);
    const op: Op = { ref, kind: 'delete', wave: entry.wave, why: ['no longer part of the app'], diff: [], base };
    const owner = ownership(live, entry, c);
    if (owner.whose === 'sibling') continue;
    if (owner.whose !== 'ours' || (entry.uid !== '' && entry.uid !== live.metadata.uid))
      withheld.push({ ...op, why: ['another object bears its name now'] });
    else if (entry.origin === 'adopted') withheld.push({ ...op, why: ['it was taken over, not made, by Tradewind'] });
    else ops.push(op);
  }
  return { ops, withheld };
}
