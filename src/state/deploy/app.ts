import type { AppConfig, ClusterConfig } from '../../config/index.ts';
import type { FleetApp, KubeObject } from '../../fleet/index.ts';
import { type ClusterName, digest, LABEL_PREFIX, toJson } from '../../kernel/index.ts';
import { activeConf, redisConf } from '../redisconf.ts';
import {
  DATA,
  GATEWAY,
  GATEWAY_PEERS,
  KEYS,
  namespaceOf,
  PORTS,
  READ_SERVICE,
  REDIS,
  SETTINGS,
  WIRE,
  WRITE_SERVICE,
} from './names.ts';
import { type DataKeys, FILES, peersIn, type Settings } from './settings.ts';

const REDIS_VERSION = '7.4';
const REDIS_IMAGE = `docker.io/library/redis:${REDIS_VERSION}`;
const [KEYS_AT, SETTINGS_AT] = ['/etc/tradewind/keys', '/etc/tradewind/settings'];
const PART = { 'app.kubernetes.io/part-of': 'tradewind' };

export type SharedState = Exclude<AppConfig['state'], { mode: 'isolated' }>;

/** One cluster of the data plane. */
export interface DataCluster {
  cluster: ClusterConfig;
  settings: Settings;
  keys: DataKeys;
  /** Annotations that make its load balancer reachable from other clouds. */
  balancer: Readonly<Record<string, string>>;
}
export interface StateAppInput {
  app: Pick<AppConfig, 'name' | 'pull'> & { state: SharedState };
  /** Image of the product. */
  image: string;
  clusters: readonly DataCluster[];
}

const select = (name: string): Record<string, string> => ({ 'app.kubernetes.io/name': name });
const labels = (name: string): Record<string, string> => ({ ...select(name), ...PART });

class Objects {
  readonly #x: StateAppInput;
  readonly #c: DataCluster;
  constructor(x: StateAppInput, c: DataCluster) {
    this.#x = x;
    this.#c = c;
  }

  #meta(name: string, annotations: Record<string, string> = {}): KubeObject['metadata'] {
    const namespace = namespaceOf(this.#x.app.name);
    return { name, namespace, labels: labels(name), ...(Object.keys(annotations).length > 0 ? { annotations } : {}) };
  }

  get hasRedis(): boolean {
    return peersIn(this.#c.settings).includes(this.#c.cluster.name);
  }

  files(): KubeObject[] {
    const { keys, settings } = this.#c;
    const { wire, store } = keys;
    const pems = [
      ...(['ca', 'cert', 'key'] as const).map((k) => [FILES.wire[k], wire[k]] as const),
      ...(['ca', 'cert', 'key'] as const).flatMap((k) => (store?.[k] ? [[FILES.store[k], store[k]] as const] : [])),
    ];
    return [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: this.#meta(KEYS),
        type: 'Opaque',
        stringData: {
          [FILES.users]: JSON.stringify(keys.users),
          [FILES.redis]: this.#conf(),
          ...Object.fromEntries(pems),
        },
      },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: this.#meta(SETTINGS),
        data: { [FILES.settings]: JSON.stringify(settings) },
      },
    ];
  }
  #conf(): string {
    const { state } = this.#x.app;
    const memory = state.memory.toLowerCase().replace(/i$/, 'b');
    const base = { port: PORTS.redis, dir: DATA, secrets: this.#c.keys.users, more: [`maxmemory ${memory}`] };
    if (state.mode === 'active-active') return activeConf({ ...base, persist: state.persist });
    return redisConf({ ...base, ...(state.persist ? { saveEvery: 300 } : {}) });
  }

  #service(
    name: string,
    o: { of?: string; notes?: Record<string, string>; spec: Record<string, unknown> },
  ): KubeObject {
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: this.#meta(name, o.notes),
      spec: { selector: select(o.of ?? name), ...o.spec },
    };
  }
  services(): KubeObject[] {
    const port = (name: string, at: number): Record<string, unknown> => ({
      name,
      port: at,
      protocol: 'TCP',
      targetPort: name,
    });
    const notes = this.#c.balancer;
    // Processes must meet before any of them is ready.
    const early = { publishNotReadyAddresses: true };
    const own = [
      this.#service(REDIS, { spec: { type: 'ClusterIP', ...early, ports: [port('redis', PORTS.redis)] } }),
      this.#service(WIRE, {
        of: REDIS,
        notes,
        spec: { type: 'LoadBalancer', ...early, ports: [port('wire', PORTS.wire)] },
      }),
    ];
    const door = (name: string, target: string): KubeObject =>
      this.#service(name, {
        of: GATEWAY,
        spec: { type: 'ClusterIP', ports: [{ ...port(target, PORTS.redis), name: 'redis' }] },
      });
    return [
      ...(this.hasRedis ? own : []),
      door(WRITE_SERVICE, 'write'),
      door(READ_SERVICE, 'read'),
      this.#service(GATEWAY_PEERS, {
        of: GATEWAY,
        spec: { type: 'ClusterIP', clusterIP: 'None', ...early, ports: [port('peers', PORTS.peers)] },
      }),
    ];
  }

  /**
   * Changes when a process must be started anew to work by what it is told. Who counts and who is home it hears from the
   * store.
   */
  #stamp(more: unknown): Record<string, string> {
    const { voters: _, judges: __, home: ___, holdMs: ____, ...settings } = this.#c.settings;
    const of = [{ ...settings, peers: peersIn(this.#c.settings).toSorted() }, more];
    return { [`${LABEL_PREFIX}/told`]: digest(toJson(of)).slice(7, 23) };
  }
  #process(
    name: string,
    verb: string,
    ports: Record<string, number>,
    more: { name: string; mountPath: string; readOnly: true }[] = [],
  ): Record<string, unknown> {
    return {
      name,
      image: this.#x.image,
      args: ['run', verb, '--settings', `${SETTINGS_AT}/${FILES.settings}`, '--keys', KEYS_AT],
      ports: Object.entries(ports).map(([n, containerPort]) => ({ name: n, containerPort, protocol: 'TCP' })),
      readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 2, failureThreshold: 2 },
      resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '384Mi' } },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      volumeMounts: [
        { name: 'keys', mountPath: KEYS_AT, readOnly: true },
        { name: 'settings', mountPath: SETTINGS_AT, readOnly: true },
        ...more,
      ],
    };
  }
  readonly #told = [
    { name: 'keys', secret: { secretName: KEYS } },
    { name: 'settings', configMap: { name: SETTINGS } },
  ];
  readonly #pod = { enableServiceLinks: false, automountServiceAccountToken: false };

  /**
   * Redis is a sidecar of its agent: it starts first and is stopped last, so that an orderly stop can fence, save and
   * seal before it.
   */
  redis(): KubeObject {
    const { state } = this.#x.app;
    const redis = {
      name: 'redis',
      image: REDIS_IMAGE,
      restartPolicy: 'Always',
      args: [`${KEYS_AT}/${FILES.redis}`],
      ports: [{ name: 'redis', containerPort: PORTS.redis, protocol: 'TCP' }],
      startupProbe: { tcpSocket: { port: 'redis' }, periodSeconds: 1, failureThreshold: 60 },
      resources: { requests: { cpu: '50m', memory: '64Mi' } },
      volumeMounts: [
        { name: 'data', mountPath: DATA },
        { name: 'keys', mountPath: KEYS_AT, readOnly: true },
      ],
    };
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '4Gi' } } },
    };
    const told = { keys: this.#c.keys, conf: this.#conf() };
    return {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: this.#meta(REDIS),
      spec: {
        serviceName: REDIS,
        replicas: 1,
        // Copies are renewed one after the other over all clusters, which no StatefulSet can know.
        updateStrategy: { type: 'OnDelete' },
        selector: { matchLabels: select(REDIS) },
        template: {
          metadata: { labels: labels(REDIS), annotations: this.#stamp(told) },
          spec: {
            ...this.#pod,
            terminationGracePeriodSeconds: 90,
            initContainers: [redis],
            // The agent says how full the disk is, which Redis does not know.
            containers: [
              this.#process('agent', 'state-agent', { wire: PORTS.wire, http: PORTS.http }, [
                { name: 'data', mountPath: DATA, readOnly: true },
              ]),
            ],
            volumes: [...this.#told, ...(state.persist ? [] : [{ name: 'data', emptyDir: {} }])],
          },
        },
        ...(state.persist ? { volumeClaimTemplates: [claim] } : {}),
      },
    };
  }

  gateways(): KubeObject {
    const ports = { write: PORTS.write, read: PORTS.read, peers: PORTS.peers, http: PORTS.http };
    const { users, wire, store } = this.#c.keys;
    const { holdMs } = this.#c.settings;
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: this.#meta(GATEWAY),
      spec: {
        replicas: 2,
        strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: select(GATEWAY) },
        template: {
          metadata: { labels: labels(GATEWAY), annotations: this.#stamp([users, wire, store, holdMs]) },
          spec: {
            ...this.#pod,
            terminationGracePeriodSeconds: 30,
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: 'kubernetes.io/hostname',
                whenUnsatisfiable: 'ScheduleAnyway',
                labelSelector: { matchLabels: select(GATEWAY) },
              },
            ],
            // Connections that kube-proxy still sends here end well.
            containers: [
              {
                ...this.#process('gateway', 'state-gateway', ports),
                lifecycle: { preStop: { sleep: { seconds: 5 } } },
              },
            ],
            volumes: this.#told,
          },
        },
      },
    };
  }

  all(): KubeObject[] {
    return [...this.files(), ...this.services(), ...(this.hasRedis ? [this.redis()] : []), this.gateways()];
  }
}

/** The data plane of one app as an app of the fleet: Redis and agent where a copy counts, gateways everywhere. */
export function stateApp(x: StateAppInput): FleetApp {
  const perCluster: Record<ClusterName, KubeObject[]> = Object.fromEntries(
    x.clusters.map((c) => [c.cluster.name, new Objects(x, c).all()]),
  );
  const name = namespaceOf(x.app.name);
  return {
    name,
    namespace: name,
    version: REDIS_VERSION,
    source: { objects: [], perCluster },
    placement: { clusters: x.clusters.map((c) => c.cluster.name) },
    overrides: [],
    replicas: 'same',
    pull: x.app.pull.filter((p) => x.image.startsWith(`${p.registry}/`)),
  };
}

/** Names in the app's own namespace that lead to the gateways. */
export function stateNames(app: Pick<AppConfig, 'name' | 'namespace'> & { state: SharedState }): KubeObject[] {
  const { write, read } = app.state.services;
  const name = (is: string, service: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: is, namespace: app.namespace, labels: labels(service) },
    spec: { type: 'ExternalName', externalName: `${service}.${namespaceOf(app.name)}.svc.cluster.local` },
  });
  return [name(write, WRITE_SERVICE), name(read, READ_SERVICE)];
}
