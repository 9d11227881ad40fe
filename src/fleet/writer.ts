import { type Clock, fault, type TwError } from '../kernel/index.ts';
import { erase } from './eraser.ts';
import type { FleetEvent, ObjectStep } from './events.ts';
import { isConflict, isFieldConflict } from './faults.ts';
import { expectOf, yieldFields } from './handover.ts';
import type { AppPlan, Inventory, InventoryItem, KubeObject, Op, Ref } from './model.ts';
import { PART_OF } from './plan/desired.ts';
import { valuesOf } from './plan/fold.ts';
import { inventoryObject, inventoryRef, readInventory } from './plan/inventory.ts';
import { keyOf, sayRef } from './plan/objects.ts';
import { type Applied, type Expect, type KubeApi, KubeError } from './ports.ts';

const TRIES = 5;

/** One app in one cluster while it is applied. */
export interface Unit {
  cluster: string;
  fleet: string;
  planId: string;
  plan: AppPlan;
  api: KubeApi;
  manager: string;
  part: string;
  clock: Clock;
  signal: AbortSignal;
  emit(e: FleetEvent): void;
  /** What was written, by key: uid and whether it is ours by making or by taking over. */
  done: Map<string, { uid: string; origin: 'created' | 'adopted' }>;
  /** Our epoch once claimed, the plan's before. */
  epoch: number;
  /** Names this run among writers. */
  run: string;
}

function stale(u: Unit, ref: Ref, why: string): TwError {
  return fault('TW3040', {
    value: sayRef(ref),
    where: [{ cluster: u.cluster, resource: sayRef(ref) }],
    why: [why],
    fix: [{ say: 'Plan again.', command: 'tw plan' }],
  });
}

function secondWriter(u: Unit, why: string): TwError {
  return fault('TW3050', {
    value: u.plan.app,
    where: [{ cluster: u.cluster, resource: sayRef(inventoryRef(u.plan.app, u.plan.namespace)) }],
    why: [why],
    fix: [{ say: 'Wait until the other one is done, then plan again.' }],
  });
}

function told(u: Unit, op: Op, did: ObjectStep, note?: string): void {
  u.emit({
    type: 'object',
    cluster: u.cluster,
    app: u.plan.app,
    ref: op.ref,
    did,
    ...(note === undefined ? {} : { note }),
  });
}

async function parent(u: Unit): Promise<{ object: KubeObject; inventory: Inventory } | undefined> {
  const object = await u.api.get(inventoryRef(u.plan.app, u.plan.namespace));
  return object === undefined ? undefined : { object, inventory: readInventory(object) };
}

async function putInventory(u: Unit, inv: Inventory, expect: Expect): Promise<Applied> {
  try {
    const object = inventoryObject(inv, u.plan.namespace, u.part);
    return await u.api.apply(object, { manager: u.manager, dryRun: false, force: true, expect });
  } catch (e) {
    if (!isConflict(e)) throw e;
    // The first try may have been written and only its answer lost.
    const now = await parent(u);
    if (now !== undefined && isOurs(now.inventory, inv)) return { object: now.object, created: true };
    throw secondWriter(u, 'the inventory changed under this run');
  }
}

const isOurs = (found: Inventory, sent: Inventory): boolean =>
  found.run === sent.run && found.epoch === sent.epoch && found.sealed === sent.sealed;

/** Everything that may exist after this run: what was held plus what is wanted. */
function superset(u: Unit): Record<string, InventoryItem> {
  const items: Record<string, InventoryItem> = { ...u.plan.inventory?.items };
  for (const op of u.plan.ops) {
    if (op.kind === 'delete') continue;
    items[keyOf(op.ref)] = itemOf(op, items[keyOf(op.ref)], u.plan.version);
  }
  return items;
}

/** No uid before the object is made, or before what is taken over is really ours. */
function claimedUid(op: Op, old: InventoryItem | undefined): string {
  if (op.kind === 'create' || op.kind === 'recreate') return '';
  const later = op.kind === 'adopt' || op.kind === 'move';
  return (later ? undefined : op.base?.uid) ?? old?.uid ?? '';
}

function itemOf(op: Op, old: InventoryItem | undefined, version: string): InventoryItem {
  const origin = op.origin ?? old?.origin ?? 'created';
  return { uid: claimedUid(op, old), hash: op.hash ?? '', wave: op.wave, origin, version };
}

function draft(u: Unit, epoch: number, sealed: boolean, items: Record<string, InventoryItem>): Inventory {
  const { division, atLeast, keep = u.plan.inventory?.keep } = u.plan.desired;
  return {
    fleet: u.fleet,
    app: u.plan.app,
    version: u.plan.version,
    epoch,
    plan: u.planId,
    run: u.run,
    sealed,
    items,
    ...(division === undefined ? {} : { division }),
    ...(keep === undefined ? {} : { keep }),
    ...(atLeast === undefined ? {} : { atLeast }),
  };
}

/** The inventory lies in the app's own namespace, so a new one is made before the claim. */
async function homeFirst(u: Unit): Promise<void> {
  const home = u.plan.ops.find(
    (op) => op.kind === 'create' && op.ref.kind === 'Namespace' && op.ref.name === u.plan.namespace,
  );
  if (home !== undefined) await writeOp(u, home);
}

/** Takes the app in this cluster for this run: compare-and-set of the epoch. Throws TW3050, TW3040. */
export async function claim(u: Unit): Promise<void> {
  await homeFirst(u);
  const now = await parent(u);
  const epoch = now?.inventory.epoch ?? 0;
  if (epoch !== u.plan.epoch) {
    const who = now === undefined ? 'the inventory is gone' : `plan ${now.inventory.plan} claimed epoch ${epoch}`;
    throw secondWriter(u, `planned at epoch ${u.plan.epoch}; ${who}`);
  }
  const items = superset(u);
  const made = await putInventory(
    u,
    draft(u, epoch + 1, false, items),
    now === undefined ? 'absent' : expectOf(now.object),
  );
  if (now === undefined && !made.created && readInventory(made.object).run !== u.run)
    throw secondWriter(u, 'another run made the inventory at the same moment');
  u.epoch = epoch + 1;
}

/** Read again before each wave and each deletion; a higher epoch ends this run. Throws TW3050. */
export async function checkEpoch(u: Unit): Promise<void> {
  const now = await parent(u);
  if (now?.inventory.epoch === u.epoch && now.inventory.run === u.run) return;
  const who =
    now === undefined ? 'the inventory is gone' : `plan ${now.inventory.plan} claimed epoch ${now.inventory.epoch}`;
  throw secondWriter(u, who);
}

function send(u: Unit, op: Op, expect: Expect, force: boolean): Promise<Applied> {
  if (op.body === undefined) throw new TypeError(`${sayRef(op.ref)} has no body`);
  return u.api.apply(op.body, { manager: u.manager, dryRun: false, force, expect });
}

function record(u: Unit, op: Op, a: Applied, origin: 'created' | 'adopted'): void {
  u.done.set(keyOf(op.ref), { uid: a.object.metadata.uid ?? '', origin });
}

/** Not created by this call: somebody was faster, unless only the answer of our own first try was lost. */
function wasFaster(a: Applied, manager: string): boolean {
  if (a.created) return false;
  return (a.object.metadata.managedFields ?? []).some((m) => m.manager !== manager && m.subresource === undefined);
}

/** The object under this name now; the kind of a simulated op may not be served yet. */
async function present(u: Unit, op: Op): Promise<KubeObject | undefined> {
  try {
    return await u.api.get(op.ref);
  } catch (e) {
    if (op.simulated === true && e instanceof KubeError && e.status === 404) return undefined;
    throw e;
  }
}

async function create(u: Unit, op: Op): Promise<void> {
  if (u.done.has(keyOf(op.ref))) return;
  const live = await present(u, op);
  if (live !== undefined && live.metadata.labels?.[PART_OF] !== u.part)
    throw stale(u, op.ref, 'planned as new, but somebody made it meanwhile');
  const a = await send(u, op, live === undefined ? 'absent' : expectOf(live), false);
  const raced = live === undefined && wasFaster(a, u.manager);
  record(u, op, a, raced ? 'adopted' : 'created');
  told(u, op, raced ? 'adopted' : 'created', raced ? 'somebody was faster' : undefined);
}

/**
 * The live object is still what the plan was made from, as far as this op touches it; `done` when it
 * is already what the op wants (our own earlier try). Throws TW3040.
 */
async function compare(u: Unit, op: Op, live: KubeObject, force: boolean): Promise<'as-planned' | 'done'> {
  if (live.metadata.uid !== op.base?.uid) throw stale(u, op.ref, 'it was deleted and made anew since the plan');
  if (live.metadata.resourceVersion === op.base?.resourceVersion || op.kind === 'unknown') return 'as-planned';
  if (op.body === undefined) return 'as-planned';
  const again = await u.api.apply(op.body, { manager: u.manager, dryRun: true, force, expect: 'any' });
  const values = valuesOf(live, again.object);
  if (values === op.base?.values) return 'as-planned';
  if (values === valuesOf(live, live)) return 'done';
  throw stale(u, op.ref, 'a value this plan changes was changed meanwhile');
}

const DID: Partial<Record<Op['kind'], ObjectStep>> = { adopt: 'adopted', move: 'moved' };

async function update(u: Unit, op: Op): Promise<void> {
  const force = op.force === true;
  for (let n = 1; ; n++) {
    const live = await u.api.get(op.ref);
    if (live === undefined) throw stale(u, op.ref, 'it is gone since the plan');
    if ((await compare(u, op, live, force)) === 'done') return updated(u, op, { object: live, created: false });
    try {
      const handed = await yieldFields(u.api, op, live);
      const a = await send(u, op, expectOf(handed), force);
      return updated(u, op, a);
    } catch (e) {
      if (!isConflict(e) || isFieldConflict(e) || n >= TRIES) throw e;
    }
  }
}

function updated(u: Unit, op: Op, a: Applied): void {
  const before = u.plan.inventory?.items[keyOf(op.ref)]?.origin;
  record(u, op, a, op.origin ?? before ?? 'created');
  told(u, op, DID[op.kind] ?? 'updated');
}

async function recreate(u: Unit, op: Op): Promise<void> {
  await eraseOp(u, op, op.ref.kind === 'StatefulSet' ? 'orphan' : 'background');
  const a = await send(u, op, 'absent', false);
  record(u, op, a, 'created');
  told(u, op, 'recreated');
}

/** One object of a wave. Throws KubeError, TW3040. */
export async function writeOp(u: Unit, op: Op): Promise<void> {
  u.signal.throwIfAborted();
  switch (op.kind) {
    case 'create':
      return create(u, op);
    case 'update':
    case 'adopt':
    case 'move':
    case 'unknown':
      return update(u, op);
    case 'recreate':
      return recreate(u, op);
    case 'same':
    case 'delete':
      return;
  }
}

function eraseOp(u: Unit, op: Op, cascade: 'background' | 'orphan'): Promise<boolean> {
  const { api, cluster, clock, signal } = u;
  return erase({ api, cluster, clock, signal, ref: op.ref, uid: op.base?.uid ?? '', cascade });
}

/** Deletes one object of the plan; another uid under its name is left alone. */
export async function removeOp(u: Unit, op: Op): Promise<void> {
  u.signal.throwIfAborted();
  const live = await u.api.get(op.ref);
  const part = live?.metadata.labels?.[PART_OF];
  if (live !== undefined && part !== undefined && part !== u.part)
    return told(u, op, 'kept', 'it belongs to another app now');
  const gone = await eraseOp(u, op, 'background');
  told(u, op, gone ? 'deleted' : 'kept', gone ? undefined : 'it was gone, or another object bears its name');
}

function exact(u: Unit): Record<string, InventoryItem> {
  const held = u.plan.inventory?.items ?? {};
  const items: Record<string, InventoryItem> = {};
  for (const op of u.plan.withheld) {
    const old = held[keyOf(op.ref)];
    if (old !== undefined) items[keyOf(op.ref)] = old;
  }
  const all = superset(u);
  for (const op of u.plan.ops) {
    const key = keyOf(op.ref);
    const item = all[key];
    if (op.kind === 'delete' || item === undefined) continue;
    const done = u.done.get(key);
    items[key] = done === undefined ? item : { ...item, ...done };
  }
  return items;
}

/** Writes the exact inventory; an app with nothing left loses its inventory too. */
export async function seal(u: Unit): Promise<void> {
  const items = exact(u);
  const now = await parent(u);
  if (now === undefined && Object.keys(items).length === 0) return;
  if (now === undefined || now.inventory.epoch !== u.epoch || now.inventory.run !== u.run)
    throw secondWriter(u, 'the inventory moved before the end');
  if (Object.keys(items).length > 0) {
    await putInventory(u, draft(u, u.epoch, true, items), expectOf(now.object));
    return;
  }
  await dropInventory(u, now.object);
}

async function dropInventory(u: Unit, cm: KubeObject): Promise<void> {
  const { uid = '', resourceVersion = '' } = cm.metadata;
  try {
    await u.api.remove(inventoryRef(u.plan.app, u.plan.namespace), { uid, resourceVersion, cascade: 'background' });
  } catch (e) {
    if (isConflict(e)) throw secondWriter(u, 'the inventory moved before the end');
    throw e;
  }
}
