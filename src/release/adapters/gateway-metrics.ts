import type { AppConfig, Config } from '../../config/index.ts';
import { type KubeApi, type KubeObject, versionedName } from '../../fleet/index.ts';
import type { Clock } from '../../kernel/index.ts';
import { countersOf, type PodMemory, remember, type Scrape, scrapeOf, unservedIn } from '../gateway/metrics.ts';
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

/** What every pod of the gateway tells of the app's route, by pod uid. Throws KubeError. */
async function scrapes(i: GatewayMetricsInput, cluster: string): Promise<Map<string, Scrape>> {
  const api = i.api(cluster);
  const { namespace } = i.config.gateway;
  const pods = askable(await api.list({ group: '', kind: 'Pod' }, { namespace, labels: GATEWAY_LABELS }));
  const one = async (p: (typeof pods)[number]): Promise<[string, Scrape] | undefined> => {
    const at = { namespace, pod: p.name, port: METRICS_PORT };
    try {
      const text = await api.proxyGet(at, '/metrics', AbortSignal.timeout(PATIENCE_MS));
      return [p.uid, scrapeOf(text, { namespace: i.app.namespace, route: i.app.name })];
    } catch (e) {
      if (p.ready) throw e;
      return undefined;
    }
  };
  const answers = await Promise.all(pods.map(one));
  return new Map(answers.filter((a) => a !== undefined));
}

interface Memory {
  pods: ReadonlyMap<string, PodMemory>;
  /**
   * Failures that no service has counted: at the first look, and the most seen. Those of services that are gone
   * lie in the first; the two series are not read at one moment, so the difference may dip.
   */
  first: number;
  most: number;
}

function remembered(before: Memory | undefined, told: ReadonlyMap<string, Scrape>): Memory {
  const pods = new Map(before?.pods);
  for (const [uid, scrape] of told) pods.set(uid, remember(pods.get(uid), scrape));
  const now = unservedIn([...pods.values()]);
  return { pods, first: before?.first ?? now, most: Math.max(before?.most ?? 0, now) };
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
      if (i.config.gateway.install === 'none' || i.app.traffic === undefined) return undefined;
      const told = await scrapes(i, cluster);
      const memory = remembered(memories.get(cluster), told);
      memories.set(cluster, memory);
      const service = versionedName(i.app.traffic.service, version);
      const backend = { namespace: i.app.namespace, route: i.app.name, service };
      return countersOf([...memory.pods.values()], backend, i.clock.now(), memory.most - memory.first);
    },
  };
}
