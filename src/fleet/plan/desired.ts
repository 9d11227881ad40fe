import { digest, fault, nearest, toJson } from '../../kernel/index.ts';
import type {
  ClusterFacts,
  DesiredItem,
  DesiredSet,
  Division,
  FleetApp,
  Kept,
  KubeObject,
  Origin,
  PullCredential,
  Rendered,
  UnitOf,
} from '../model.ts';
import { copy, dictOf, groupOf, isClusterScoped, isWorkload, keyOf, numberOf, refOf, sayRef } from './objects.ts';
import { type Miss, override } from './override.ts';
import { pin } from './pin.ts';
import {
  addPullSecret,
  dropServerFields,
  foldStringData,
  LABELS,
  labelPods,
  pullSecret,
  pullSecretName,
  setVersion,
} from './shape.ts';
import { variablesOf } from './substitute.ts';
import { splitUnit } from './versions.ts';
import { waveOf } from './waves.ts';

export const PART_OF = 'applyset.kubernetes.io/part-of';
const OWN: Origin = { file: '(made by Tradewind)' };

export interface DesireInput {
  fleet: string;
  app: FleetApp;
  rendered: readonly Rendered[];
  cluster: ClusterFacts;
  pull: readonly PullCredential[];
  /** ApplySet id of the app. */
  part: string;
  /** Keys the hashes of Secret values. */
  key: string;
  division?: Division;
  /** Another app of the same cluster brings the namespace. */
  foreignNamespace?: boolean;
}

/** Name of the app whose unit this is. */
export const appName = (app: Pick<FleetApp, 'name' | 'unit'>): string => app.unit?.app ?? app.name;

/** Digest of an object as it is sent; values of a Secret enter under the fleet's key only. */
export function hashOf(o: KubeObject, key: string): string {
  if (o.kind !== 'Secret' || o.apiVersion !== 'v1') return digest(toJson(o));
  const data = Object.entries(dictOf(o['data'])).map(([k, v]) => [k, digest({ key, value: toJson(v) })]);
  return digest(toJson({ ...o, data: Object.fromEntries(data) }));
}

function reserved(o: { kind: string; name: string; namespace: string }, origin: Origin): void {
  if (!o.namespace.startsWith('kube-')) return;
  throw fault('TW3007', {
    value: o.namespace,
    where: [
      {
        file: origin.file,
        ...(origin.line === undefined ? {} : { line: origin.line }),
        resource: `${o.kind} ${o.name}`,
      },
    ],
    fix: [{ say: 'Put the object into a namespace of the app.' }],
  });
}

function settle(r: Rendered, app: FleetApp, crds: readonly KubeObject[]): Rendered {
  const body = copy(r.body);
  if (isClusterScoped(groupOf(body.apiVersion), body.kind, crds)) delete body.metadata.namespace;
  else body.metadata.namespace ??= app.namespace;
  const namespace = body.kind === 'Namespace' ? body.metadata.name : (body.metadata.namespace ?? '');
  reserved({ kind: body.kind, name: body.metadata.name, namespace }, r.origin);
  foldStringData(body);
  dropServerFields(body);
  return { body, origin: r.origin };
}

/** Refuses two objects with one key. Throws TW3003. */
function unique(all: readonly Rendered[], app: string): void {
  const seen = new Map<string, Origin>();
  for (const { body, origin } of all) {
    const key = keyOf(refOf(body));
    const first = seen.get(key);
    if (first !== undefined)
      throw fault('TW3003', {
        value: sayRef(refOf(body)),
        where: [first, origin].map((o) => ({
          file: o.file,
          ...(o.line === undefined ? {} : { line: o.line }),
          resource: app,
        })),
        fix: [{ say: 'Keep one of the two.' }],
      });
    seen.set(key, origin);
  }
}

function withOwn(i: DesireInput, all: readonly Rendered[]): Rendered[] {
  const out = [...all];
  const has = (kind: string, name: string): boolean =>
    all.some((r) => r.body.kind === kind && r.body.metadata.name === name);
  if (i.app.namespace !== 'default' && i.foreignNamespace !== true && !has('Namespace', i.app.namespace))
    out.push({ body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: i.app.namespace } }, origin: OWN });
  if (i.pull.length === 0) return out;
  const name = appName(i.app);
  const used = new Set(all.filter((r) => isWorkload(r.body)).map((r) => r.body.metadata.namespace ?? i.app.namespace));
  for (const ns of used) out.push({ body: pullSecret(name, ns, i.pull), origin: OWN });
  for (const r of all) addPullSecret(r.body, pullSecretName(name));
  return out;
}

/** Sets the app's version; workloads with one of its images carry it as a label, all if none has one. */
function version(app: FleetApp, bodies: readonly KubeObject[]): Set<KubeObject> {
  const workloads = bodies.filter(isWorkload);
  const name = appName(app);
  const own = new Set(workloads.filter((o) => setVersion(o, name, app.version)));
  const carriers = own.size > 0 ? own : new Set(workloads);
  for (const o of workloads)
    labelPods(o, {
      [LABELS.app]: name,
      ...(carriers.has(o) ? { [LABELS.version]: app.version } : {}),
    });
  return carriers;
}

const hpaTarget = (o: KubeObject): string | undefined => {
  const ref = dictOf(dictOf(o['spec'])['scaleTargetRef']);
  return o.kind === 'HorizontalPodAutoscaler' ? `${String(ref['kind'])}/${String(ref['name'])}` : undefined;
};

/** Divided counts, and `replicas` left to an autoscaler where there is one (never below 1). */
function scale(
  bodies: readonly KubeObject[],
  carriers: ReadonlySet<KubeObject>,
  division: Division | undefined,
  share: number,
): void {
  const targets = new Map(bodies.flatMap((o) => (hpaTarget(o) === undefined ? [] : [[hpaTarget(o), o] as const])));
  for (const o of bodies) {
    const hpa = targets.get(`${o.kind}/${o.metadata.name}`);
    const spec = dictOf(o['spec']);
    const divided = division !== undefined && o.kind === 'Deployment' && carriers.has(o);
    if (divided) spec['replicas'] = division.count;
    if (hpa === undefined) continue;
    delete spec['replicas'];
    if (!divided) continue;
    const bounds = dictOf(hpa['spec']);
    for (const f of ['minReplicas', 'maxReplicas']) {
      const n = numberOf(bounds[f]);
      if (n !== undefined) bounds[f] = Math.max(1, Math.round(n * share));
    }
  }
}

/** TW3004 with every miss; the nearest path is part of the reason. */
export function missFault(app: string, misses: readonly Miss[], cluster?: string): Error {
  return fault('TW3004', {
    value: misses[0]?.path ?? app,
    where: misses.map((m) => ({ path: `apps.${app}.${m.path}`, ...(cluster === undefined ? {} : { cluster }) })),
    why: misses.map((m) => (m.near === undefined ? m.why : `${m.why}; did you mean ${m.near}?`)),
  });
}

function seal(o: KubeObject, i: DesireInput, origin: Origin): DesiredItem {
  o.metadata.labels = {
    ...o.metadata.labels,
    [LABELS.fleet]: i.fleet,
    [LABELS.app]: appName(i.app),
    [PART_OF]: i.part,
  };
  return { ref: refOf(o), body: o, wave: waveOf(o), hash: hashOf(o, i.key), origin };
}

interface Part {
  objects: readonly Rendered[];
  replaced?: readonly string[];
}

/** What the unit brings of the app's finished objects. Throws TW7003 with every reason. */
function partOf(i: DesireInput, all: readonly Rendered[]): Part {
  const { unit } = i.app;
  if (unit === undefined) return { objects: all };
  const { objects, replaced, reasons } = splitUnit(all, unit, i.app.namespace);
  if (reasons.length > 0)
    throw fault('TW7003', {
      value: unit.app,
      where: [{ cluster: i.cluster.name, path: `apps.${unit.app}.release` }],
      why: reasons,
      fix: [{ say: 'Change the manifests, or take the release block out of the app.' }],
    });
  if (unit.version === undefined) return { objects, replaced };
  pin(
    objects.map((r) => r.body),
    unit.atLeast ?? 0,
  );
  return { objects };
}

/**
 * All objects one cluster shall hold of an app, or of its unit. Throws TW3003, TW3004, TW3007, TW7003. The caller divides
 * replicas and checks references; `share` of an autoscaler is count ÷ total.
 */
export function desire(i: DesireInput, share = 1): DesiredSet {
  const crds = i.rendered.map((r) => r.body).filter((o) => o.kind === 'CustomResourceDefinition');
  const settled = i.rendered.map((r) => settle(r, i.app, crds));
  const all = withOwn(i, settled);
  unique(all, i.app.name);
  const bodies = all.map((r) => r.body);
  const carriers = version(i.app, bodies);
  scale(bodies, carriers, i.division, share);
  const done = override(bodies, i.app.overrides, i.cluster, variablesOf(i.cluster, { ...i.app, name: appName(i.app) }));
  if (done.misses.length > 0) throw missFault(appName(i.app), done.misses, i.cluster.name);
  const part = partOf(
    i,
    done.objects.map((body, n) => ({ body, origin: all[n]?.origin ?? OWN })),
  );
  const items = part.objects
    .map((r) => seal(r.body, i, r.origin))
    .toSorted((a, b) => a.wave - b.wave || (keyOf(a.ref) < keyOf(b.ref) ? -1 : 1));
  return {
    app: i.app.name,
    cluster: i.cluster.name,
    namespace: i.app.namespace,
    version: i.app.version,
    complete: true,
    hash: digest(items.map((x) => [keyOf(x.ref), x.hash])),
    items,
    ...(i.division === undefined ? {} : { division: i.division }),
    ...keepOf(i.app.unit),
    ...(part.replaced === undefined ? {} : { replaced: part.replaced }),
  };
}

function keepOf(unit: UnitOf | undefined): Pick<DesiredSet, 'keep' | 'atLeast'> {
  if (unit?.version === undefined) return {};
  const pinned = unit.atLeast === undefined || unit.atLeast === 0 ? {} : { atLeast: unit.atLeast };
  return { keep: { app: unit.app, version: unit.version }, ...pinned };
}

/** The set of an app that shall not be in this cluster any more. */
export function nothing(
  app: { name: string; namespace: string; version: string; keep?: Kept },
  cluster: string,
): DesiredSet {
  return {
    app: app.name,
    cluster,
    namespace: app.namespace,
    version: app.version,
    complete: true,
    hash: digest([]),
    items: [],
    ...(app.keep === undefined ? {} : { keep: app.keep }),
  };
}

/** Nearest existing name of the same kind, for TW3006. */
export function nearName(kind: string, name: string, items: readonly DesiredItem[]): string | undefined {
  return nearest(
    name,
    items.filter((x) => x.ref.kind === kind).map((x) => x.ref.name),
  );
}
