import type { Config } from '../config/index.ts';
import { type Cloud, type ClusterName, digest, type Json, LABEL_PREFIX } from '../kernel/index.ts';
import { SNAPSHOT_OBJECT } from './sign.ts';

export const SYSTEM_NAMESPACE = 'tradewind-system';
const NAMESERVER_NAME = 'tradewind-nameserver';
/** Inside the pod: no privilege is needed for a port above 1023. The service offers 53. */
const POD_DNS = 5300;
const POD_HTTP = 8053;

/** A Kubernetes object as JSON (the shape of fleet's KubeObject). */
export interface SystemObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

export interface NameserverAppInput {
  config: Config;
  cluster: ClusterName;
  /** Fixed address and the cloud's handle for it, from the cluster's terraform output. */
  nameserver?: { ip: string; ref: string };
  image: string;
  keys: { publicKey: string; hmac: string };
  /** Names of pull secrets in the system namespace. */
  pullSecrets?: readonly string[];
}

/** How each cloud is told to use an address that exists already. */
function addressAnnotations(cloud: Cloud, ref: string): Record<string, string> {
  switch (cloud) {
    case 'aws':
      return {
        'service.beta.kubernetes.io/aws-load-balancer-type': 'external',
        'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internet-facing',
        'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type': 'instance',
        // Port 53 of both protocols is one listener of an NLB.
        'service.beta.kubernetes.io/aws-load-balancer-enable-tcp-udp-listener': 'true',
        'service.beta.kubernetes.io/aws-load-balancer-eip-allocations': ref,
      };
    case 'azure':
      return { 'service.beta.kubernetes.io/azure-pip-name': ref };
    case 'gcp':
      return {
        // Mixed protocols need the load balancer of backend services.
        'cloud.google.com/l4-rbs': 'enabled',
        'networking.gke.io/load-balancer-ip-addresses': ref,
      };
    case 'existing':
      return {};
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function deployment(input: NameserverAppInput, labels: Record<string, string>): SystemObject {
  const selector = { 'app.kubernetes.io/name': NAMESERVER_NAME };
  const keysId = digest({ publicKey: input.keys.publicKey, hmac: input.keys.hmac } satisfies Json).slice(7, 23);
  const args = [
    ...['run', 'nameserver', '--cluster', input.cluster, '--fleet', input.config.fleet],
    ...['--keys', '/etc/tradewind/keys', '--state', '/var/lib/tradewind'],
    ...['--dns-port', String(POD_DNS), '--http-port', String(POD_HTTP)],
  ];
  const container = {
    name: 'nameserver',
    image: input.image,
    args,
    ports: [
      { name: 'dns-udp', containerPort: POD_DNS, protocol: 'UDP' },
      { name: 'dns-tcp', containerPort: POD_DNS, protocol: 'TCP' },
      { name: 'http', containerPort: POD_HTTP, protocol: 'TCP' },
    ],
    readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 2, failureThreshold: 2 },
    // A process without a snapshot waits for one: that is no reason to start it again.
    livenessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 10, failureThreshold: 3 },
    resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
    securityContext: { allowPrivilegeEscalation: false },
    volumeMounts: [
      { name: 'keys', mountPath: '/etc/tradewind/keys', readOnly: true },
      { name: 'state', mountPath: '/var/lib/tradewind' },
    ],
  };
  const spec = {
    serviceAccountName: NAMESERVER_NAME,
    terminationGracePeriodSeconds: 5,
    ...(input.pullSecrets === undefined ? {} : { imagePullSecrets: input.pullSecrets.map((name) => ({ name })) }),
    containers: [container],
    volumes: [
      { name: 'keys', secret: { secretName: NAMESERVER_NAME } },
      { name: 'state', emptyDir: {} },
    ],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: NAMESERVER_NAME, namespace: SYSTEM_NAMESPACE, labels },
    spec: {
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector },
      template: { metadata: { labels, annotations: { [`${LABEL_PREFIX}/keys`]: keysId } }, spec },
    },
  };
}

function service(input: NameserverAppInput, labels: Record<string, string>): SystemObject {
  const cloud = input.config.clusters.find((c) => c.name === input.cluster)?.cloud ?? 'existing';
  const at = input.nameserver;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: NAMESERVER_NAME,
      namespace: SYSTEM_NAMESPACE,
      labels,
      annotations: at === undefined ? {} : addressAnnotations(cloud, at.ref),
    },
    spec: {
      type: 'LoadBalancer',
      // The resolver's address must arrive: it decides the answer.
      externalTrafficPolicy: 'Local',
      ...(at === undefined ? {} : { loadBalancerIP: at.ip }),
      selector: { 'app.kubernetes.io/name': NAMESERVER_NAME },
      ports: [
        { name: 'dns-udp', port: 53, protocol: 'UDP', targetPort: 'dns-udp' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 'dns-tcp' },
        { name: 'http', port: POD_HTTP, protocol: 'TCP', targetPort: 'http' },
      ],
    },
  };
}

/** Everything one cluster needs to run a nameserver; the snapshot object is written by `trafficApply`. */
export function nameserverApp(input: NameserverAppInput): SystemObject[] {
  const labels = {
    'app.kubernetes.io/name': NAMESERVER_NAME,
    'app.kubernetes.io/part-of': 'tradewind',
    [`${LABEL_PREFIX}/fleet`]: input.config.fleet,
  };
  const metadata = { name: NAMESERVER_NAME, namespace: SYSTEM_NAMESPACE, labels };
  const group = 'rbac.authorization.k8s.io';
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: SYSTEM_NAMESPACE, labels: { 'app.kubernetes.io/part-of': 'tradewind' } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: `${group}/v1`,
      kind: 'Role',
      metadata,
      rules: [
        {
          apiGroups: [''],
          resources: ['configmaps'],
          resourceNames: [SNAPSHOT_OBJECT],
          verbs: ['get', 'list', 'watch'],
        },
      ],
    },
    {
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'Role', name: NAMESERVER_NAME },
      subjects: [{ kind: 'ServiceAccount', name: NAMESERVER_NAME, namespace: SYSTEM_NAMESPACE }],
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'Opaque',
      data: { 'public.pem': base64(input.keys.publicKey), hmac: base64(input.keys.hmac) },
    },
    deployment(input, labels),
    service(input, labels),
  ];
}
