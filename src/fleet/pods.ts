import { fault } from '../kernel/index.ts';
import type { KubeObject, PodRef } from './model.ts';
import { health } from './plan/health.ts';
import { versionSlug } from './plan/names.ts';
import { dictOf, listOf, textOf } from './plan/objects.ts';
import { LABELS } from './plan/shape.ts';
import type { KubeApi } from './ports.ts';

export interface ClusterApi {
  cluster: string;
  api: KubeApi;
  /** Of a released app: only pods of this version, and those that no version has for itself. Absent: all. */
  version?: string;
}
/** One container of one pod of an app. */
export interface Target extends ClusterApi {
  pod: PodRef & { container: string };
  ready: boolean;
}
export interface PodQuery {
  app: { name: string; namespace: string };
  /** Only this container; default every one (logs) or the first (exec). */
  container?: string;
  /** Only this pod. */
  pod?: string;
}

const isRunning = (pod: KubeObject): boolean => dictOf(pod['status'])['phase'] === 'Running';

function containers(pod: KubeObject): string[] {
  return listOf(dictOf(pod['spec'])['containers']).map((c) => textOf(c['name']) ?? '');
}

/** A pod that exists once per version, of another one than `version`. */
function isOther(pod: KubeObject, version: string | undefined): boolean {
  const own = pod.metadata.labels?.[LABELS.version];
  if (version === undefined || own === undefined || own === version) return false;
  return pod.metadata.name.includes(`-${versionSlug(own)}-`);
}

/** The containers of an app's pods in one cluster, by pod name. Throws KubeError. */
export async function targetsOf(c: ClusterApi, q: PodQuery): Promise<Target[]> {
  const labels = { [LABELS.app]: q.app.name };
  const pods = await c.api.list({ group: '', kind: 'Pod' }, { namespace: q.app.namespace, labels });
  return pods
    .filter((p) => (q.pod === undefined || p.metadata.name === q.pod) && dictOf(p['status'])['phase'] !== 'Pending')
    .filter((p) => !isOther(p, c.version))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((p) =>
      containers(p)
        .filter((name) => q.container === undefined || q.container === name)
        .map((container) => ({
          ...c,
          pod: { namespace: q.app.namespace, name: p.metadata.name, container },
          ready: isRunning(p) && health(p).state === 'Healthy',
        })),
    );
}

/** The pod a person means when none is named: the first ready one. Throws TW3080. */
export async function pickTarget(c: ClusterApi, q: PodQuery): Promise<Target> {
  const all = await targetsOf(c, q);
  const found = all.find((t) => t.ready) ?? all[0];
  if (found !== undefined) return found;
  throw fault('TW3080', {
    value: q.pod ?? q.app.name,
    where: [{ cluster: c.cluster }],
    why: [`no running pod of ${q.app.name}${q.container === undefined ? '' : ` with a container ${q.container}`}`],
    fix: [{ say: 'See what runs there:', command: `tw status --on ${c.cluster}` }],
  });
}
