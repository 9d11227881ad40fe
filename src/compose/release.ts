import { randomBytes } from 'node:crypto';
import type { ReleaseDoor } from '../commands/index.ts';
import type { AppConfig, Config } from '../config/index.ts';
import { type FleetPorts, type KubeApi, renderedService, VersionedWorkloads } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type Clock, fault, type Journal, type Store } from '../kernel/index.ts';
import { gatewayMetrics } from '../release/adapters/gateway-metrics.ts';
import { podPreview } from '../release/adapters/pod-preview.ts';
import { createProber } from '../release/adapters/prober.ts';
import { httpRouteSwitch } from '../release/adapters/switch/httproute.ts';
import { serviceSwitch } from '../release/adapters/switch/service.ts';
import { Measured, type Metrics, type ReleasePorts, type Switch } from '../release/index.ts';
import type { TrafficBrakes } from '../traffic/index.ts';
import { doorOf } from './door.ts';

export interface ReleaseWiring {
  config: Config;
  clock: Clock;
  journal: Journal;
  store: Store;
  fleet: FleetPorts;
  kube: (cluster: string, outputs: Outputs) => KubeApi | undefined;
  brakes: (by: string, outputs: Outputs) => TrafficBrakes;
  /** Why the state of a cluster forbids a commit now. */
  gate: (x: { app: AppConfig; cluster: string }, outputs: Outputs) => Promise<string[]>;
  /** Whether a failover of the app's state goes on; asked again and again. */
  failover: (app: AppConfig, outputs: Outputs) => () => Promise<boolean>;
  proxyUrl?: string;
}

type Released = AppConfig & { release: NonNullable<AppConfig['release']>; traffic: NonNullable<AppConfig['traffic']> };

function releasedApp(w: ReleaseWiring, name: string): Released {
  const app = w.config.apps.find((a) => a.name === name);
  if (app?.release === undefined || app.traffic === undefined)
    throw fault('TW7006', { value: name, why: ['it has no `release` block'] });
  return app as Released;
}

function apiOf(w: ReleaseWiring, outputs: Outputs): (cluster: string) => KubeApi {
  return (cluster) => {
    const api = w.kube(cluster, outputs);
    if (api === undefined) throw fault('TW3012', { value: cluster, why: ['nothing is known of this cluster'] });
    return api;
  };
}

/** Address of the load balancer through which users of the app enter one cluster. */
async function edgeOf(w: ReleaseWiring, app: Released, api: KubeApi): Promise<string> {
  const found = (await doorOf(w.config, api, app))?.addresses[0];
  if (found === undefined) throw fault('TW7012', { value: app.name, why: ['its load balancer has no address yet'] });
  return found;
}

function switchOf(w: ReleaseWiring, app: Released, outputs: Outputs, secret: string): Switch {
  const { gateway } = w.config;
  const shape = { app: app.name, namespace: app.namespace, service: app.traffic.service, port: app.traffic.port };
  const api = apiOf(w, outputs);
  if (app.release.driver === 'service')
    return serviceSwitch({
      ...shape,
      api,
      acceptLoss: app.release.acceptLoss,
      lagMs: 2000,
      rendered: (cluster) => renderedService({ config: w.config, app, cluster, ports: w.fleet }),
    });
  return httpRouteSwitch({
    ...shape,
    api,
    host: app.traffic.host,
    gateway: { namespace: gateway.namespace, name: gateway.name },
    lagMs: gateway.lag,
    secret: () => secret,
  });
}

/** A Service has no preview at the edge, and moves new connections only. */
const atPods = (app: Released, api: (cluster: string) => KubeApi) => ({
  fresh: true,
  preview: podPreview({ api, namespace: app.namespace, service: app.traffic.service, port: app.traffic.port }),
});

const unmeasured: Metrics = { read: async () => undefined };

function portsOf(w: ReleaseWiring, name: string, outputs: Outputs): ReleasePorts {
  const app = releasedApp(w, name);
  const api = apiOf(w, outputs);
  // Whoever takes over makes the preview anew: its header is known to one process alone.
  const secret = randomBytes(16).toString('hex');
  return {
    app: name,
    clock: w.clock,
    journal: w.journal,
    store: w.store,
    switches: switchOf(w, app, outputs, secret),
    workloads: new VersionedWorkloads({ config: w.config, app: name, api: (c) => w.kube(c, outputs), ports: w.fleet }),
    metrics:
      app.release.driver === 'httproute' ? gatewayMetrics({ app, config: w.config, api, clock: w.clock }) : unmeasured,
    prober: createProber({
      address: (c) => edgeOf(w, app, api(c)),
      host: app.traffic.host,
      secret: () => secret,
      ...(app.release.driver === 'service' ? atPods(app, api) : {}),
      ...(w.proxyUrl === undefined ? {} : { proxyUrl: w.proxyUrl }),
    }),
    brakes: w.brakes(`release ${name}`, outputs),
    gates: async (cluster) =>
      (await w.gate({ app, cluster }, outputs)).map((say) => ({ code: 'TW7011', say, cluster })),
    failover: w.failover(app, outputs),
  };
}

/** release/ wired to the clusters of one fleet; ports are made once per app. */
export function releaseDoor(w: ReleaseWiring): ReleaseDoor {
  const made = new Map<string, ReleasePorts>();
  return {
    ports: (app, outputs) => {
      const key = `${app} ${Object.keys(outputs).join(' ')}`;
      const ports = made.get(key) ?? portsOf(w, app, outputs);
      made.set(key, ports);
      return ports;
    },
    evidence: (app, ports) => new Measured(ports, releasedApp(w, app).release.judge),
  };
}
