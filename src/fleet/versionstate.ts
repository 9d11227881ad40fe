import { blame } from './blame.ts';
import { fenceOf } from './fence.ts';
import type { Inventory, KubeObject } from './model.ts';
import { fold, health } from './plan/health.ts';
import { inventoryRef, readInventory } from './plan/inventory.ts';
import { versionedName } from './plan/names.ts';
import { dictOf, keyOf, listOf, numberOf, refOf, sayRef, textOf } from './plan/objects.ts';
import { LABELS } from './plan/shape.ts';
import type { KubeApi, Selector } from './ports.ts';

/** One version of an app in one cluster. */
export interface VersionState {
  exists: boolean;
  /** False: it is written in part only, or it is being deleted. */
  complete: boolean;
  /** Available at the current generation, with ready endpoints for the wanted count. */
  healthy: boolean;
  ready: number;
  wanted: number;
  /** Counter on the Deployments that makeGreen and retire move. */
  fence: number;
  /** Restarts and OOM kills of its pods, summed. */
  restarts: number;
  /** Innermost cause while it is not healthy. */
  why: readonly string[];
}

/** The version whose objects are looked for. */
export interface VersionOf {
  app: string;
  namespace: string;
  service: string;
  driver: 'httproute' | 'service';
  version: string;
}
/** What a cluster holds of a version. */
export interface Found {
  deployments: readonly KubeObject[];
  /** The inventory as an object, and read. */
  parent?: { object: KubeObject; inventory: Inventory };
  fence: number;
}

const selectorOf = (v: VersionOf): Selector => ({
  namespace: v.namespace,
  labels: { [LABELS.app]: v.app, [LABELS.version]: v.version },
});

/** Deployments by their labels and the inventory by its name. Throws KubeError, TW3031. */
export async function find(api: KubeApi, v: VersionOf): Promise<Found> {
  const [all, cm] = await Promise.all([
    api.list({ group: 'apps', kind: 'Deployment' }, selectorOf(v)),
    api.get(inventoryRef(versionedName(v.app, v.version), v.namespace)),
  ]);
  const deployments = all.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const fence = Math.max(0, ...deployments.map(fenceOf));
  return { deployments, fence, ...(cm === undefined ? {} : { parent: { object: cm, inventory: readInventory(cm) } }) };
}

const isReady = (pod: KubeObject): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  listOf(dictOf(pod['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True');

/** Backends that get requests: of the version's own Service, or its ready pods where the Service is the switch. */
async function endpoints(api: KubeApi, v: VersionOf, pods: readonly KubeObject[]): Promise<number> {
  if (v.driver === 'service') return pods.filter(isReady).length;
  const labels = { 'kubernetes.io/service-name': versionedName(v.service, v.version) };
  const slices = await api.list(
    { group: 'discovery.k8s.io', kind: 'EndpointSlice' },
    { namespace: v.namespace, labels },
  );
  const ready = slices
    .flatMap((s) => listOf(s['endpoints']))
    .filter((e) => dictOf(e['conditions'])['ready'] !== false && dictOf(e['conditions'])['terminating'] !== true)
    .map((e) => textOf(dictOf(e['targetRef'])['uid']) ?? JSON.stringify(e['addresses']));
  return new Set(ready).size;
}

function troubles(pod: KubeObject): number {
  const status = dictOf(pod['status']);
  const all = [...listOf(status['initContainerStatuses']), ...listOf(status['containerStatuses'])];
  const killed = (c: (typeof all)[number]): boolean =>
    dictOf(dictOf(c['state'])['terminated'])['reason'] === 'OOMKilled';
  return all.reduce((n, c) => n + (numberOf(c['restartCount']) ?? 0) + (killed(c) ? 1 : 0), 0);
}

/** How many pods there shall be: as many as now, as the autoscalers must keep, and as a release pinned. */
function wantedOf(found: Found, scalers: readonly KubeObject[]): number {
  const each = found.deployments.map((d) => {
    const hpa = scalers.find((h) => dictOf(dictOf(h['spec'])['scaleTargetRef'])['name'] === d.metadata.name);
    const least = hpa === undefined ? 0 : (numberOf(dictOf(hpa['spec'])['minReplicas']) ?? 1);
    return Math.max(numberOf(dictOf(d['spec'])['replicas']) ?? 1, least);
  });
  const sum = each.reduce((n, x) => n + x, 0);
  return Math.max(sum, found.parent?.inventory.atLeast ?? 0);
}

/** Deployments that the inventory names and the cluster does not have. */
function lost(found: Found): string[] {
  const have = new Set(found.deployments.map((d) => keyOf(refOf(d))));
  const named = Object.keys(found.parent?.inventory.items ?? {});
  return named.filter((k) => k.startsWith('apps/Deployment/') && !have.has(k)).map((k) => k.split('/').at(-1) ?? k);
}

async function whyNot(api: KubeApi, found: Found, counts: { serving: number; wanted: number }): Promise<string[]> {
  const missing = lost(found);
  if (missing.length > 0) return [`Deployment ${missing.join(', ')} is not there`];
  const all = found.deployments.map((d) => ({ d, h: health(d) }));
  const worst = fold(all.map((x) => x.h));
  const sick = all.find((x) => x.h === worst && worst.state !== 'Healthy');
  if (sick !== undefined) return blame(api, refOf(sick.d));
  const short = `${counts.serving} of ${counts.wanted} endpoints are ready`;
  return [short, ...found.deployments.map((d) => sayRef(refOf(d)))];
}

/** How one version stands in one cluster now. Throws KubeError, TW3031. */
export async function versionState(api: KubeApi, v: VersionOf): Promise<VersionState> {
  const found = await find(api, v);
  const { deployments, parent, fence } = found;
  const exists = deployments.length > 0 || parent !== undefined;
  const complete = deployments.length > 0 && parent?.inventory.sealed === true;
  if (!exists) return { exists, complete, healthy: false, ready: 0, wanted: 0, fence, restarts: 0, why: [] };
  const [scalers, pods] = await Promise.all([
    api.list({ group: 'autoscaling', kind: 'HorizontalPodAutoscaler' }, selectorOf(v)),
    api.list({ group: '', kind: 'Pod' }, selectorOf(v)),
  ]);
  const serving = await endpoints(api, v, pods);
  const wanted = wantedOf(found, scalers);
  const well = deployments.length > 0 && lost(found).length === 0;
  const healthy = well && deployments.every((d) => health(d).state === 'Healthy') && serving >= wanted && wanted > 0;
  return {
    exists,
    complete,
    healthy,
    ready: deployments.reduce((n, d) => n + (numberOf(dictOf(d['status'])['readyReplicas']) ?? 0), 0),
    wanted,
    fence,
    restarts: pods.reduce((n, p) => n + troubles(p), 0),
    why: healthy ? [] : await whyNot(api, found, { serving, wanted }),
  };
}
