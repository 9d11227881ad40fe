import type { AppConfig, Config } from '../../config/index.ts';
import { type KubeApi, type KubeObject, versionedName } from '../../fleet/index.ts';
import type { Clock } from '../../kernel/index.ts';
import { type Backend, type Memory, type Reading, readingOf, remember, total } from '../gateway/metrics.ts';
import { GATEWAY_LABELS, METRICS_PORT } from '../gateway/names.ts';
import type { Metrics } from '../ports.ts';

export interface GatewayMetricsInput {
  config: Pick<Config, 'gateway'>;
  app: Pick<AppConfig, 'name' | 'namespace' | 'traffic'>;
  /** Throws when nothing is known of the cluster. */
  api(cluster: string): KubeApi;
  clock: Clock;
}

const PATIENCE_MS = 3000;

/** Running and not leaving; `ready` ones must answer. */
function askable(pods: readonly KubeObject[]): { name: string; uid: string; ready: boolean }[] {
  return pods.flatMap((p) => {
    const status = (p['status'] ?? {}) as { phase?: string; conditions?: { type: string; status: string }[] };
    if (status.phase !== 'Running' || p.metadata.deletionTimestamp !== undefined) return [];
    const ready = status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
    return [{ name: p.metadata.name, uid: p.metadata.uid ?? '', ready }];
  });
}

async function readPods(api: KubeApi, namespace: string, b: Backend, clock: Clock): Promise<Map<string, Reading>> {
  const pods = askable(await api.list({ group: '', kind: 'Pod' }, { namespace, labels: GATEWAY_LABELS }));
  const one = async (p: (typeof pods)[number]): Promise<[string, Reading] | undefined> => {
    const at = { namespace, pod: p.name, port: METRICS_PORT };
    try {
      const text = await api.proxyGet(at, '/metrics', AbortSignal.timeout(PATIENCE_MS));
      return [p.uid, readingOf(text, b, clock.now())];
    } catch (e) {
      if (p.ready) throw e;
      return undefined;
    }
  };
  const answers = await Promise.all(pods.map(one));
  return new Map(answers.filter((a) => a !== undefined));
}

/**
 * Counters of an app's versions as its gateway saw them, from all pods of Traefik through the API server.
 * Only of the route `<app>`: what goes to the preview is judged by its checks. They never go back while this
 * adapter lives, whatever pods come and go. `undefined` on a gateway that is not ours.
 */
export function gatewayMetrics(i: GatewayMetricsInput): Metrics {
  const memories = new Map<string, Memory>();
  return {
    read: async (cluster, version) => {
      const { gateway } = i.config;
      if (gateway.install === 'none' || i.app.traffic === undefined) return undefined;
      const service = versionedName(i.app.traffic.service, version);
      const b: Backend = { namespace: i.app.namespace, route: i.app.name, service };
      const readings = await readPods(i.api(cluster), gateway.namespace, b, i.clock);
      const told = new Map([...readings].map(([uid, r]) => [`${uid} ${r.process}`, r.counters]));
      const at = i.clock.now();
      const key = `${cluster} ${service}`;
      const memory = remember(memories.get(key) ?? new Map(), told, at);
      memories.set(key, memory);
      return total(memory, at);
    },
  };
}
