import type { AppConfig, Config } from '../config/index.ts';
import { manualClock } from '../kernel/index.ts';
import type { KubeTwin, TwinOptions } from './adapters/kube-twin.ts';
import { fleetApply } from './applier.ts';
import { appsOf } from './apps.ts';
import type { FleetEvent } from './events.ts';
import { CLUSTERS, collect, configMap, deployment, liveTwin, ports, service } from './fixtures.ts';
import type { FleetPlan, KubeObject, Versions } from './model.ts';
import { fleetPlan, type PlanInput } from './planner.ts';
import { VersionedWorkloads } from './workloads.ts';

const IMAGE = 'registry.tradewind.example/guestbook:dev';
const web: KubeObject = deployment('web', IMAGE, {
  template: {
    metadata: { labels: { app: 'web' } },
    spec: {
      serviceAccountName: 'web',
      containers: [{ name: 'web', image: IMAGE, envFrom: [{ configMapRef: { name: 'settings' } }] }],
    },
  },
});
const hpa: KubeObject = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web' },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 2,
    maxReplicas: 6,
  },
};
export const OBJECTS: readonly KubeObject[] = [
  web,
  deployment('redis', 'docker.io/library/redis:7.4'),
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web' } },
  service('web', { type: 'LoadBalancer' }),
  service('redis'),
  configMap('settings'),
  hpa,
];
type Driver = 'httproute' | 'service';

/** The guestbook as config: released by a driver, or not at all. */
export function appConfig(more: Partial<AppConfig> = {}, driver: Driver | 'none' = 'httproute'): AppConfig {
  const plain = {
    name: 'guestbook',
    namespace: 'guestbook',
    version: 'v1',
    manifests: ['m'],
    placement: { selector: {} },
    overrides: [],
    replicas: 'same',
    pull: [],
    traffic: { host: 'g.example', service: 'web' },
    ...(driver === 'none' ? {} : { release: { driver } }),
  };
  return { ...plain, ...more } as never;
}

/** Three clusters in memory and what a person does with them. */
export function releasedWorld(options: TwinOptions = {}, objects: readonly KubeObject[] = OBJECTS) {
  const twins = Object.fromEntries(CLUSTERS.map(({ name }) => [name, liveTwin(name, options)])) as Record<
    (typeof CLUSTERS)[number]['name'],
    KubeTwin
  >;
  const clock = manualClock(1_700_000_000_000);
  const origin = { file: 'm/app.yaml' };
  const rendered = { objects: objects.map((body) => ({ body, origin })), tool: 'test', inputHash: 'x' };
  const inner = { ...ports(clock), renderer: { render: async () => structuredClone(rendered) } };
  const configOf = (apps: readonly AppConfig[]) => ({ fleet: 'demo', clusters: CLUSTERS, apps }) as never as Config;
  const plan = (apps: readonly AppConfig[], versions: Versions = {}, more: Partial<PlanInput> = {}) =>
    fleetPlan(
      {
        config: configOf(apps),
        apps: appsOf(configOf(apps), versions),
        clusters: CLUSTERS.map(({ name }) => ({ name, presence: 'present', api: twins[name] })),
        complete: true,
        ...more,
      },
      inner,
    );
  const apply = (p: FleetPlan): Promise<FleetEvent[]> =>
    collect(fleetApply(p, { api: async (c) => twins[c as 'sao'], clock, gateMs: 5000 }, new AbortController().signal));
  const workloads = (app = appConfig()) =>
    new VersionedWorkloads({ config: configOf([app]), app: app.name, api: (c) => twins[c as 'sao'], ports: inner });
  return {
    twins,
    clock,
    configOf,
    plan,
    apply,
    up: async (apps: readonly AppConfig[], versions: Versions = {}) => apply(await plan(apps, versions)),
    workloads,
  };
}

/** What a plan would do in a cluster, unchanged objects left out. */
export function changes(p: FleetPlan, cluster: string): string[] {
  const apps = p.clusters.find((c) => c.name === cluster)?.apps ?? [];
  return apps.flatMap((a) =>
    a.ops.filter((op) => op.kind !== 'same').map((op) => `${a.app}: ${op.kind} ${op.ref.kind}/${op.ref.name}`),
  );
}
export const held = (twin: KubeTwin): string[] =>
  twin
    .all()
    .filter((o) => o.metadata.namespace === 'guestbook')
    .map((o) => `${o.kind}/${o.metadata.name}`)
    .toSorted();
