import { manualClock } from '../kernel/index.ts';
import { KubeTwin, type TwinOptions } from './adapters/kube-twin.ts';
import type { FleetEvent } from './events.ts';
import type { ClusterFacts, FleetApp, KubeObject } from './model.ts';
import type { FleetPorts } from './ports.ts';

/** Values for the tests of this room: three clusters, an app of web and redis, ports in memory. */
export const CLUSTERS = [
  { name: 'sao', cloud: 'aws', region: 'sa-east-1', zones: ['a'], labels: { tier: 'gold' } },
  { name: 'mtl', cloud: 'azure', region: 'canadacentral', zones: ['1'], labels: { tier: 'gold' } },
  { name: 'syd', cloud: 'gcp', region: 'australia-southeast1', zones: ['a'], labels: {} },
] as const satisfies readonly ClusterFacts[];

export function deployment(name: string, image: string, more: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name, image }] } },
      ...more,
    },
  };
}

export function service(name: string, more: Record<string, unknown> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...more },
  };
}

export function configMap(name: string, data: Record<string, string> = { a: '1' }): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

export function webApp(more: Partial<FleetApp> = {}): FleetApp {
  return {
    name: 'guestbook',
    namespace: 'guestbook',
    version: 'v1',
    source: {
      objects: [
        deployment('web', 'registry.tradewind.example/guestbook:dev'),
        deployment('redis', 'docker.io/library/redis:7.4'),
        service('web', { type: 'LoadBalancer' }),
        configMap('settings'),
      ],
    },
    placement: { selector: {} },
    overrides: [],
    replicas: 'same',
    pull: [],
    ...more,
  };
}

export const CONFIG = { fleet: 'demo', clusters: CLUSTERS as never };

export function ports(clock = manualClock(1_700_000_000_000)): FleetPorts {
  return {
    clock,
    renderer: { render: () => Promise.reject(new Error('these tests render nothing')) },
    secret: (ref) => ('value' in ref ? ref.value : 'secret'),
    key: 'key of the fleet',
  };
}

/** A twin whose workloads become healthy as soon as they are looked at, unless `sick`. */
export function liveTwin(name: string, options: TwinOptions = {}, sick: readonly string[] = []): KubeTwin {
  const twin: KubeTwin = new KubeTwin(name, {
    ...options,
    before: (call) => {
      if (call.ref?.kind === 'Deployment' || call.kind === 'Deployment') settle(twin, sick);
      options.before?.(call);
    },
  });
  twin.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }, 'kubelet');
  twin.setStatus({ group: '', kind: 'Node', name: 'n1' }, { conditions: [{ type: 'Ready', status: 'True' }] });
  return twin;
}

function settle(twin: KubeTwin, sick: readonly string[]): void {
  for (const o of twin.all()) {
    const spec = o['spec'] as { replicas?: number } | undefined;
    if (o.kind !== 'Deployment' || sick.includes(o.metadata.name)) continue;
    const n = spec?.replicas ?? 1;
    const status = {
      observedGeneration: o.metadata.generation,
      replicas: n,
      readyReplicas: n,
      updatedReplicas: n,
      availableReplicas: n,
    };
    if (JSON.stringify(o['status']) === JSON.stringify(status)) continue;
    const ref = { group: 'apps', kind: 'Deployment', namespace: o.metadata.namespace ?? '', name: o.metadata.name };
    twin.setStatus(ref, status);
  }
}

export async function collect(events: AsyncIterable<FleetEvent>): Promise<FleetEvent[]> {
  const out: FleetEvent[] = [];
  for await (const e of events) out.push(e);
  return out;
}
