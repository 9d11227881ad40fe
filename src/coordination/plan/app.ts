import type { ClusterConfig } from '../../config/index.ts';
import { balancerNotes, type FleetApp, type KubeObject } from '../../fleet/index.ts';
import { type ClusterName, digest, LABEL_PREFIX } from '../../kernel/index.ts';
import {
  type Certificate,
  CLIENT_HOST,
  CLIENT_SECRET,
  ETCD_VERSION,
  LABELS,
  MEMBER_SECRET,
  NAME,
  NAMESPACE,
  PEERS_SERVICE,
  PORTS,
  peerService,
  START,
} from '../model.ts';
import { peerUrl, type Start, startObject } from './start.ts';
import { type Timing, timingOf } from './timing.ts';

const IMAGE = `gcr.io/etcd-development/etcd:v${ETCD_VERSION}`;
const [TLS, DATA] = ['/etc/etcd/tls', '/var/lib/etcd'];
const SELECTOR = { 'app.kubernetes.io/name': NAME };

export interface CoordinationInput {
  fleet: string;
  /** Clusters that run a member, in the order of the config. */
  members: readonly ClusterConfig[];
  /** Clusters without a member whose pods ask the members elsewhere. */
  guests: readonly ClusterName[];
  certificates: Readonly<Record<ClusterName, Certificate>>;
  /** How each member starts where its disk is blank. */
  starts: Readonly<Record<ClusterName, Start>>;
  /** What clients show; the same in every cluster. */
  client: Certificate;
}

const meta = (name: string, annotations: Record<string, string> = {}): KubeObject['metadata'] => ({
  name,
  namespace: NAMESPACE,
  labels: { ...LABELS },
  ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
});

const secret = (name: string, c: Certificate): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: meta(name),
  type: 'kubernetes.io/tls',
  stringData: { 'ca.crt': c.ca, 'tls.crt': c.cert, 'tls.key': c.key },
});

/** etcd's own flags, as its documentation has them. */
function flags(i: CoordinationInput, me: ClusterName, timing: Timing): string[] {
  const tls = (p: string): string[] => [
    `--${p}cert-file=${TLS}/tls.crt`,
    `--${p}key-file=${TLS}/tls.key`,
    `--${p}trusted-ca-file=${TLS}/ca.crt`,
    `--${p}client-cert-auth`,
  ];
  return [
    ...[`--name=${me}`, `--data-dir=${DATA}/data`, '--log-level=warn'],
    `--listen-peer-urls=https://0.0.0.0:${PORTS.peer}`,
    `--initial-advertise-peer-urls=${peerUrl(me)}`,
    `--listen-client-urls=https://0.0.0.0:${PORTS.client}`,
    `--advertise-client-urls=https://${CLIENT_HOST}:${PORTS.client}`,
    `--listen-metrics-urls=http://0.0.0.0:${PORTS.metrics}`,
    `--initial-cluster-token=${i.fleet}`,
    ...[`--heartbeat-interval=${timing.heartbeat}`, `--election-timeout=${timing.election}`],
    ...tls(''),
    ...tls('peer-'),
    // Peers come from behind their cloud's address translation: their names are not where they come from.
    '--peer-skip-client-san-verification',
    ...['--auto-compaction-mode=periodic', '--auto-compaction-retention=1h'],
  ];
}

function container(args: readonly string[]): Record<string, unknown> {
  return {
    name: NAME,
    image: IMAGE,
    command: ['/usr/local/bin/etcd'],
    args,
    // Read at every start of the container, so that a member can be replaced and no other one is touched.
    env: [
      { name: 'ETCD_INITIAL_CLUSTER', valueFrom: { configMapKeyRef: { name: START, key: 'cluster' } } },
      { name: 'ETCD_INITIAL_CLUSTER_STATE', valueFrom: { configMapKeyRef: { name: START, key: 'state' } } },
      { name: 'ETCD_FORCE_NEW_CLUSTER', valueFrom: { configMapKeyRef: { name: START, key: 'force' } } },
    ],
    ports: [
      { name: 'client', containerPort: PORTS.client, protocol: 'TCP' },
      { name: 'peer', containerPort: PORTS.peer, protocol: 'TCP' },
      { name: 'metrics', containerPort: PORTS.metrics, protocol: 'TCP' },
    ],
    // The process, not the majority: a member that waits for the others is where it should be.
    readinessProbe: { httpGet: { path: '/livez', port: 'metrics' }, periodSeconds: 2, failureThreshold: 3 },
    livenessProbe: {
      httpGet: { path: '/livez', port: 'metrics' },
      initialDelaySeconds: 30,
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'data', mountPath: DATA },
      { name: 'tls', mountPath: TLS, readOnly: true },
    ],
  };
}

function statefulSet(i: CoordinationInput, me: ClusterName, timing: Timing): KubeObject {
  const tls = { [`${LABEL_PREFIX}/tls`]: digest(i.certificates[me]?.ca ?? '').slice(7, 23) };
  const spec = {
    // etcd reads every variable that begins with ETCD_ as a setting.
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 10,
    containers: [container(flags(i, me, timing))],
    volumes: [{ name: 'tls', secret: { secretName: MEMBER_SECRET } }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta(NAME),
    spec: {
      serviceName: NAME,
      replicas: 1,
      // Members are renewed one after the other over all clusters, which no StatefulSet can know.
      updateStrategy: { type: 'OnDelete' },
      selector: { matchLabels: SELECTOR },
      template: { metadata: { labels: { ...LABELS }, annotations: tls }, spec },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '4Gi' } } },
        },
      ],
    },
  };
}

function services(me: ClusterConfig): KubeObject[] {
  const service = (name: string, spec: Record<string, unknown>, notes: Record<string, string> = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, notes),
    spec,
  });
  const port = (name: 'client' | 'peer'): Record<string, unknown> => ({
    name,
    port: PORTS[name],
    protocol: 'TCP',
    targetPort: name,
  });
  return [
    service(NAME, { type: 'ClusterIP', selector: SELECTOR, ports: [port('client')] }),
    // etcd looks up its own name too when it joins others, and waits half a minute where there is none.
    service(peerService(me.name), {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: SELECTOR,
      ports: [port('peer'), port('client')],
    }),
    service(
      PEERS_SERVICE,
      // Members must meet before any of them is ready.
      {
        type: 'LoadBalancer',
        publishNotReadyAddresses: true,
        selector: SELECTOR,
        ports: [port('peer'), port('client')],
      },
      balancerNotes(me.cloud),
    ),
  ];
}

/** The coordination store as an app of the fleet: one member of etcd in each of these clusters. */
export function coordinationApp(i: CoordinationInput): FleetApp {
  const timing = timingOf(i.members);
  const perCluster = i.members.map((m) => {
    const certificate = i.certificates[m.name];
    const secrets = [secret(CLIENT_SECRET, i.client), ...(certificate ? [secret(MEMBER_SECRET, certificate)] : [])];
    const start = i.starts[m.name];
    const told = start === undefined ? [] : [startObject(start)];
    return [m.name, [...secrets, ...told, ...services(m), statefulSet(i, m.name, timing)]] as const;
  });
  const guests = i.guests.map((g) => [g, [secret(CLIENT_SECRET, i.client)]] as const);
  return {
    name: NAMESPACE,
    namespace: NAMESPACE,
    version: ETCD_VERSION,
    source: { objects: [], perCluster: Object.fromEntries([...perCluster, ...guests]) },
    placement: { clusters: [...i.members.map((m) => m.name), ...i.guests] },
    overrides: [],
    replicas: 'same',
    pull: [],
  };
}
