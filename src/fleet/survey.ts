import pLimit from 'p-limit';
import { fault, type Problem, TwError } from '../kernel/index.ts';
import { isFieldConflict, kubeFault, refusalOf } from './faults.ts';
import type { DesiredItem, DesiredSet, Inventory, Kept, KubeObject, Ref } from './model.ts';
import { nearName } from './plan/desired.ts';
import type { Allow, Leftover, Reading } from './plan/fold.ts';
import { openNeeds } from './plan/follow.ts';
import { INVENTORY_LABEL, keptBy, readInventory } from './plan/inventory.ts';
import { keyOf, refOfKey, sayRef } from './plan/objects.ts';
import { LABELS } from './plan/shape.ts';
import type { KubeApi } from './ports.ts';
import { KubeError } from './ports.ts';

const PARALLEL = 12;

/** The inventory of one app as found in a cluster, or why it cannot be read. */
export interface Held {
  app: string;
  namespace: string;
  inventory?: Inventory;
  problem?: Problem;
  /** Set when it is a version unit. */
  keep?: Kept;
}
/** What one cluster says before anything is planned for it. */
export interface Survey {
  identity: string;
  serverVersion: string;
  held: readonly Held[];
}

const KUBE_SYSTEM: Ref = { group: '', kind: 'Namespace', name: 'kube-system' };

/** An app is its name in its namespace: moved to another namespace it is another one. */
export function heldOf(found: Survey | undefined, app: { name: string; namespace: string }): Held | undefined {
  return found?.held.find((h) => h.app === app.name && h.namespace === app.namespace);
}

function readOne(cm: KubeObject): Held {
  const keep = keptBy(cm);
  const held = {
    app: cm.metadata.name.replace(/^tw-/, ''),
    namespace: cm.metadata.namespace ?? '',
    ...(keep === undefined ? {} : { keep }),
  };
  try {
    return { ...held, inventory: readInventory(cm) };
  } catch (e) {
    if (!(e instanceof TwError)) throw e;
    return { ...held, problem: e.problem };
  }
}

/** Identity, version and inventories of a cluster; three requests. Throws TW3012, TW3013. */
export async function survey(api: KubeApi, cluster: string, fleet: string): Promise<Survey> {
  try {
    const [system, index, maps] = await Promise.all([
      api.get(KUBE_SYSTEM),
      api.index(),
      api.list({ group: '', kind: 'ConfigMap' }, { labels: { [LABELS.fleet]: fleet, [INVENTORY_LABEL]: 'true' } }),
    ]);
    const identity = system?.metadata.uid;
    if (identity === undefined) throw new KubeError(0, 'Unreachable', 'the namespace kube-system has no uid');
    return { identity, serverVersion: index.serverVersion, held: maps.map(readOne) };
  } catch (e) {
    throw kubeFault(e, cluster);
  }
}

export interface ReadContext {
  api: KubeApi;
  cluster: string;
  manager: string;
  allow: Allow;
  /** The app was applied here before: its namespaces are looked for beside the rest, not first. */
  before?: boolean;
}

async function readLive(c: ReadContext, item: DesiredItem, result: KubeObject): Promise<Reading> {
  const live = await c.api.get(item.ref);
  return live === undefined ? { at: 'absent', simulated: false } : { at: 'live', live, result };
}

const dryRun = (c: ReadContext, item: DesiredItem, force: boolean): Promise<Awaited<ReturnType<KubeApi['apply']>>> =>
  c.api.apply(item.body, { manager: c.manager, dryRun: true, force, expect: 'any' });

async function readRefused(c: ReadContext, item: DesiredItem, e: unknown): Promise<Reading> {
  const refusal = refusalOf(e);
  const live = await c.api.get(item.ref).catch((x: unknown) => {
    if (x instanceof KubeError && x.status === 404) return undefined;
    throw x;
  });
  if (live === undefined) return { at: 'rejected', refusal };
  if (!isFieldConflict(e)) return { at: 'live', live, refusal };
  const forced = await dryRun(c, item, true).catch((x: unknown) => {
    refusalOf(x);
    return undefined;
  });
  return { at: 'live', live, refusal, ...(forced === undefined ? {} : { forced: forced.object }) };
}

/** One dry run per object; a GET only where something differs or cannot be told. */
async function readItem(c: ReadContext, item: DesiredItem): Promise<Reading> {
  try {
    const answer = await dryRun(c, item, false);
    if (answer.created) return { at: 'absent', simulated: false };
    if (answer.unchanged === true) return { at: 'same', result: answer.object };
    return await readLive(c, item, answer.object);
  } catch (e) {
    return readRefused(c, item, e);
  }
}

/** Kinds of CRDs that the same set brings; their objects cannot be asked about yet. */
function ownKinds(set: DesiredSet): Set<string> {
  return new Set(
    set.items.flatMap(({ body }) => {
      if (body.kind !== 'CustomResourceDefinition') return [];
      const spec = body['spec'] as { group?: string; names?: { kind?: string } } | undefined;
      return [`${spec?.group ?? ''}/${spec?.names?.kind ?? ''}`];
    }),
  );
}

async function missingNamespaces(c: ReadContext, set: DesiredSet): Promise<Set<string>> {
  const inside = set.items.map((i) => i.ref.namespace).filter((n) => n !== undefined);
  const made = set.items.filter((i) => i.ref.kind === 'Namespace').map((i) => i.ref.name);
  const checked = await Promise.all(
    [...new Set([...inside, ...made])].map(
      async (name) => [name, (await c.api.get({ group: '', kind: 'Namespace', name })) === undefined] as const,
    ),
  );
  return new Set(checked.filter(([, gone]) => gone).map(([name]) => name));
}

/** Readings of a whole set, by key. Throws what is silence (unreachable, 401, 5xx): then nothing is known. */
export async function readSet(c: ReadContext, set: DesiredSet): Promise<Map<string, Reading>> {
  const limit = pLimit(PARALLEL);
  const looked = missingNamespaces(c, set);
  const first = c.before === true ? new Set<string>() : await looked;
  const kinds = ownKinds(set);
  const read = async (item: DesiredItem): Promise<Reading> => {
    if (first.has(item.ref.namespace ?? '')) return { at: 'absent', simulated: true };
    const reading = await readItem(c, item);
    const unborn =
      reading.at === 'rejected' && reading.refusal.status === 404 && kinds.has(`${item.ref.group}/${item.ref.kind}`);
    return unborn ? { at: 'absent', simulated: true } : reading;
  };
  const [gone, ...readings] = await Promise.all([looked, ...set.items.map((item) => limit(() => read(item)))]);
  return new Map(
    set.items.map((item, i) => {
      const reading = gone.has(item.ref.namespace ?? '') ? undefined : readings[i];
      return [keyOf(item.ref), reading ?? { at: 'absent', simulated: true }];
    }),
  );
}

/** Live state of what the inventory holds and no app of the cluster wants: regrouping moves, it never deletes. */
export async function readLeftovers(
  api: KubeApi,
  inventory: Inventory | undefined,
  sets: readonly DesiredSet[],
): Promise<Leftover[]> {
  const wanted = new Set(sets.flatMap((s) => s.items.map((i) => keyOf(i.ref))));
  const left = Object.keys(inventory?.items ?? {}).filter((k) => !wanted.has(k));
  const limit = pLimit(PARALLEL);
  return Promise.all(
    left.map((key) =>
      limit(async () => ({ ref: refOfKey(key), live: await api.get(refOfKey(key)).catch(noSuchKind) })),
    ),
  );
}

function noSuchKind(e: unknown): undefined {
  if (e instanceof KubeError && e.status === 404) return undefined;
  throw e;
}

/**
 * References that neither the set nor the cluster fulfils. Without an API (the cluster does not
 * exist yet) only the set counts. Throws TW3006 with all of them; optional ones come back as warnings.
 */
export async function checkReferences(
  set: DesiredSet,
  all: readonly DesiredSet[],
  api: KubeApi | undefined,
): Promise<string[]> {
  // Units of one app use each other's objects; a Service that is the switch comes after them.
  const app = (s: DesiredSet): string => s.keep?.app ?? s.app;
  const kin = all.filter((s) => s !== set && app(s) === app(set) && s.namespace === set.namespace);
  const given = new Set([...kin.flatMap((s) => s.items.map((i) => keyOf(i.ref))), ...(set.replaced ?? [])]);
  const open = openNeeds(set.items.map((i) => i.body)).filter((n) => !given.has(keyOf(n.ref)));
  const known = new Map<string, Promise<KubeObject | undefined>>();
  const lookup = (ref: Ref): Promise<KubeObject | undefined> => {
    const key = keyOf(ref);
    const found = known.get(key) ?? (api === undefined ? Promise.resolve(undefined) : api.get(ref).catch(noSuchKind));
    known.set(key, found);
    return found;
  };
  const missing = [];
  for (const need of open) if ((await lookup(need.ref)) === undefined) missing.push(need);
  const hard = missing.filter((n) => !n.optional);
  if (hard.length > 0)
    throw fault('TW3006', {
      value: hard.map((n) => sayRef(n.ref)).join(', '),
      where: hard.map((n) => ({ cluster: set.cluster, resource: sayRef(n.by), path: n.path })),
      why: hard.map((n) => {
        const near = nearName(n.ref.kind, n.ref.name, set.items);
        return `${sayRef(n.by)} needs ${sayRef(n.ref)}${near === undefined ? '' : `; did you mean ${near}?`}`;
      }),
    });
  return missing.map((n) => `${set.cluster}: ${sayRef(n.by)} may use ${sayRef(n.ref)}, which is not there`);
}
