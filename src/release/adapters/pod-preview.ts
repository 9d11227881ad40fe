import { dictOf, type KubeApi, KubeError, type KubeObject, listOf, textOf } from '../../fleet/index.ts';
import type { ClusterName } from '../../kernel/index.ts';
import type { ProbeAnswer } from '../ports.ts';
import { VERSION_LABEL } from './switch/plan/notes.ts';

export interface PodPreview {
  api(c: ClusterName): KubeApi;
  namespace: string;
  /** Name of the Service that users reach. */
  service: string;
  /** Port of that Service. */
  port: number;
}

const isReady = (pod: KubeObject): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  listOf(dictOf(pod['status'])['conditions']).some((c) => c['type'] === 'Ready' && c['status'] === 'True');

/** Number of the port that the Service's target names. */
function portOf(pod: KubeObject, target: unknown): number | undefined {
  if (typeof target === 'number') return target;
  const ports = listOf(dictOf(pod['spec'])['containers']).flatMap((c) => listOf(c['ports']));
  const port = ports.find((p) => p['name'] === target)?.['containerPort'];
  return typeof port === 'number' ? port : undefined;
}

async function findPod(x: PodPreview, api: KubeApi): Promise<{ pod: KubeObject; port: number }> {
  const name = `${x.service}-preview`;
  const { namespace } = x;
  const spec = dictOf((await api.get({ group: '', kind: 'Service', namespace, name }))?.['spec']);
  const labels = Object.fromEntries(
    Object.entries(dictOf(spec['selector'])).flatMap(([k, v]) => (typeof v === 'string' ? [[k, v] as const] : [])),
  );
  if (Object.keys(labels).length === 0) throw new Error(`there is no Service ${namespace}/${name}`);
  const pods = await api.list({ group: '', kind: 'Pod' }, { namespace, labels });
  const pod = pods.find(isReady);
  if (pod === undefined) throw new Error(`no pod of Service ${namespace}/${name} is ready`);
  const port = portOf(pod, listOf(spec['ports']).find((p) => p['port'] === x.port)?.['targetPort'] ?? x.port);
  if (port === undefined) throw new Error(`pod ${pod.metadata.name} has no port for Service ${namespace}/${name}`);
  return { pod, port };
}

/**
 * Asks a ready pod behind the preview Service through the API server: a cluster whose switch is a Service has
 * no preview at its edge. A success is told as 200.
 */
export function podPreview(x: PodPreview): (c: ClusterName, path: string, signal: AbortSignal) => Promise<ProbeAnswer> {
  return async (c, path, signal) => {
    const began = performance.now();
    const api = x.api(c);
    const { pod, port } = await findPod(x, api);
    const version = textOf(pod.metadata.labels?.[VERSION_LABEL]);
    const answer = (status: number): ProbeAnswer => ({
      status,
      ms: performance.now() - began,
      ...(version === undefined ? {} : { version }),
    });
    try {
      await api.proxyGet({ namespace: x.namespace, pod: pod.metadata.name, port }, path, signal);
      return answer(200);
    } catch (e) {
      if (e instanceof KubeError && e.status > 0) return answer(e.status);
      throw e;
    }
  };
}
