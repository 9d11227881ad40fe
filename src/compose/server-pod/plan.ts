import type { KubeObject } from '../../fleet/index.ts';
import { type ClusterName, digest, LABEL_PREFIX, toJson } from '../../kernel/index.ts';
import { NAME, NAMESPACE, PATHS, PLACE, PORTS, PROJECT } from './names.ts';

export interface ServerPodInput {
  fleet: string;
  cluster: ClusterName;
  /** Image with terraform and the dashboard. */
  image: string;
  /** Address of the proxy in front; absent: it is reached through the API server of its cluster alone. */
  publicUrl?: string;
  /** Secret whose keys are its environment. */
  env?: string;
  identity: { annotations: Readonly<Record<string, string>>; labels: Readonly<Record<string, string>> };
  storage: string;
  /** gzip of the project's files, base64. */
  project: string;
  /** How simulated clouds are reached, as JSON. */
  place?: string;
}

const SELECT = { 'app.kubernetes.io/name': 'tradewind-server' };
const LABELS = { ...SELECT, 'app.kubernetes.io/part-of': 'tradewind' };

const meta = (name: string, annotations: Readonly<Record<string, string>> = {}): KubeObject['metadata'] => ({
  name,
  namespace: NAMESPACE,
  labels: { ...LABELS },
  ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
});

function files(x: ServerPodInput): KubeObject[] {
  const secret = (name: string, data: object): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: meta(name),
    type: 'Opaque',
    ...data,
  });
  return [
    secret(PROJECT.secret, { data: { [PROJECT.file]: x.project } }),
    ...(x.place === undefined ? [] : [secret(PLACE.secret, { stringData: { [PLACE.file]: x.place } })]),
  ];
}

const service = (x: ServerPodInput): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(NAME),
  spec: {
    selector: SELECT,
    // Without a proxy in front nobody listens there: a Service for the StatefulSet's name alone.
    ...(x.publicUrl === undefined ? { clusterIP: 'None' } : { type: 'ClusterIP' }),
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'api' }],
  },
});

function container(x: ServerPodInput): Record<string, unknown> {
  const told = [
    '--cluster',
    x.cluster,
    '--fleet',
    x.fleet,
    ...(x.publicUrl === undefined ? [] : ['--public-url', x.publicUrl]),
    ...(x.place === undefined ? [] : ['--place', `${PATHS.place}/${PLACE.file}`]),
  ];
  return {
    name: NAME,
    image: x.image,
    args: ['run', 'server', ...told],
    ...(x.env === undefined ? {} : { envFrom: [{ secretRef: { name: x.env } }] }),
    ports: [
      { name: 'api', containerPort: PORTS.api, protocol: 'TCP' },
      { name: 'health', containerPort: PORTS.health, protocol: 'TCP' },
    ],
    readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 10, failureThreshold: 6 },
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'data', mountPath: PATHS.data },
      { name: 'project', mountPath: PATHS.project, readOnly: true },
      ...(x.place === undefined ? [] : [{ name: 'place', mountPath: PATHS.place, readOnly: true }]),
    ],
  };
}

/** One, never two: a StatefulSet starts no second pod before the first is known to be gone. */
function statefulSet(x: ServerPodInput): KubeObject {
  const { image, publicUrl, place, env, identity } = x;
  const told = { [`${LABEL_PREFIX}/told`]: digest(toJson({ image, publicUrl, place, env, identity })).slice(7, 23) };
  const volumes = [
    { name: 'project', secret: { secretName: PROJECT.secret } },
    ...(place === undefined ? [] : [{ name: 'place', secret: { secretName: PLACE.secret } }]),
  ];
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta(NAME),
    spec: {
      serviceName: NAME,
      replicas: 1,
      selector: { matchLabels: SELECT },
      template: {
        metadata: { labels: { ...LABELS, ...identity.labels }, annotations: told },
        spec: {
          serviceAccountName: NAME,
          enableServiceLinks: false,
          // It works with credentials of the clouds in every cluster alike, not with rights of this one.
          automountServiceAccountToken: false,
          // What runs then stops safely.
          terminationGracePeriodSeconds: 90,
          containers: [container(x)],
          volumes,
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: x.storage } } },
        },
      ],
    },
  };
}

/** All objects of the server, in the order in which they are applied. */
export function serverObjects(x: ServerPodInput): KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: { ...LABELS } } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(NAME, x.identity.annotations) },
    ...files(x),
    service(x),
    statefulSet(x),
  ];
}
