import { type Clock, fault } from '../kernel/index.ts';
import { isConflict, kubeFault } from './faults.ts';
import type { KindRef, KubeObject, Ref } from './model.ts';
import { patient } from './patient.ts';
import { dictOf, isWorkload, keyOf, listOf, podTemplateOf, refOf, sayRef, textOf } from './plan/objects.ts';
import { type KubeApi, KubeError } from './ports.ts';

/** Progress of emptying a cluster; `left` counts objects that still hold something in the cloud. */
export interface DrainStep {
  cluster: string;
  note: string;
  left: number;
}
export interface DrainInput {
  cluster: string;
  api: KubeApi;
  clock: Clock;
  signal: AbortSignal;
  /** Milliseconds until it gives up; default 10 min. */
  limitMs?: number;
}

const POLL_MS = 2000;
const LIMIT_MS = 600_000;
const GATEWAY: KindRef = { group: 'gateway.networking.k8s.io', kind: 'Gateway' };
const INGRESS: KindRef = { group: 'networking.k8s.io', kind: 'Ingress' };
const CLAIM: KindRef = { group: '', kind: 'PersistentVolumeClaim' };
const MAKERS: readonly KindRef[] = [
  { group: 'apps', kind: 'StatefulSet' },
  { group: 'apps', kind: 'Deployment' },
  { group: 'apps', kind: 'DaemonSet' },
  { group: 'batch', kind: 'CronJob' },
  { group: 'batch', kind: 'Job' },
];

async function all(api: KubeApi, kind: KindRef): Promise<KubeObject[]> {
  try {
    return await api.list(kind, {});
  } catch (e) {
    if (e instanceof KubeError && e.status === 404) return [];
    throw e;
  }
}

const isBalancer = (o: KubeObject): boolean => dictOf(o['spec'])['type'] === 'LoadBalancer';

/** What a cloud controller made things for: load balancers and volumes. */
async function cloudObjects(api: KubeApi): Promise<KubeObject[]> {
  const [services, ingresses, gateways, claims] = await Promise.all([
    all(api, { group: '', kind: 'Service' }),
    all(api, INGRESS),
    all(api, GATEWAY),
    all(api, CLAIM),
  ]);
  return [...services.filter(isBalancer), ...ingresses, ...gateways, ...claims];
}

function usesClaim(o: KubeObject): boolean {
  if (listOf(dictOf(o['spec'])['volumeClaimTemplates']).length > 0) return true;
  const volumes = listOf(dictOf(podTemplateOf(o)?.['spec'])['volumes']);
  return volumes.some((v) => textOf(dictOf(v['persistentVolumeClaim'])['claimName']) !== undefined);
}

/** A claim stays while a pod uses it, so what makes such pods goes first. */
async function makers(api: KubeApi): Promise<KubeObject[]> {
  const lists = await Promise.all(MAKERS.map((k) => all(api, k)));
  const pods = (await all(api, { group: '', kind: 'Pod' })).filter((p) => p.metadata.ownerReferences === undefined);
  return [...lists.flat(), ...pods].filter((o) => isWorkload(o) && usesClaim(o));
}

async function remove(api: KubeApi, o: KubeObject): Promise<void> {
  if (o.metadata.deletionTimestamp !== undefined) return;
  try {
    await api.remove(refOf(o), { uid: o.metadata.uid ?? '', cascade: 'background' });
  } catch (e) {
    // Another uid bears the name now: the next look finds it.
    if (!isConflict(e)) throw e;
  }
}

/** Asks for the deletion of each object (by uid) once. */
async function removeOnce(api: KubeApi, left: readonly KubeObject[], asked: Set<string>): Promise<void> {
  const id = (o: KubeObject): string => `${keyOf(refOf(o))}@${o.metadata.uid ?? ''}`;
  const first = left.some((o) => o.kind === CLAIM.kind) ? await makers(api) : [];
  const fresh = [...first, ...left].filter((o) => !asked.has(id(o)));
  await Promise.all(fresh.map((o) => remove(api, o)));
  for (const o of fresh) asked.add(id(o));
}

function names(refs: readonly Ref[]): string {
  const shown = refs.slice(0, 3).map(sayRef).join(', ');
  return refs.length > 3 ? `${shown} and ${refs.length - 3} more` : shown;
}

function stuck(i: DrainInput, left: readonly KubeObject[]): Error {
  return fault('TW3090', {
    value: `${left.length} left`,
    where: left.map((o) => ({ cluster: i.cluster, resource: sayRef(refOf(o)) })),
    why: left.map((o) => `${sayRef(refOf(o))}: finalizers ${o.metadata.finalizers?.join(', ') ?? 'none'}`),
  });
}

/**
 * Deletes everything of a cluster that stands for something in its cloud (load balancers, volumes, and
 * the workloads that hold volumes) and waits until it is gone. Throws TW3090, TW3012.
 */
export async function* removeCloudObjects(i: DrainInput): AsyncGenerator<DrainStep> {
  const api = patient(i.api, { clock: i.clock, signal: i.signal });
  const began = i.clock.monotonic();
  const asked = new Set<string>();
  let told = '';
  try {
    for (;;) {
      i.signal.throwIfAborted();
      const left = await cloudObjects(api);
      if (left.length === 0) break;
      await removeOnce(api, left, asked);
      const note = `waiting for ${names(left.map(refOf))}`;
      if (note !== told) yield { cluster: i.cluster, note, left: left.length };
      told = note;
      if (i.clock.monotonic() - began > (i.limitMs ?? LIMIT_MS)) throw stuck(i, left);
      await i.clock.sleep(POLL_MS, i.signal);
    }
    yield { cluster: i.cluster, note: 'no load balancer and no volume left', left: 0 };
  } catch (e) {
    if (i.signal.aborted) throw e;
    throw kubeFault(e, i.cluster);
  }
}
