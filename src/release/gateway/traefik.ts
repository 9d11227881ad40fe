import type { Config } from '../../config/index.ts';
import type { KubeObject } from '../../fleet/index.ts';
import { digest, LABEL_PREFIX } from '../../kernel/index.ts';
import { METRICS_PORT } from './names.ts';

export const TRAEFIK_VERSION = '3.7.13';
const IMAGE = `docker.io/library/traefik:v${TRAEFIK_VERSION}`;
const TLS = '/etc/traefik/tls';
/** Upper bounds of the latency buckets, seconds: p99 is judged from them. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface TraefikInput {
  gateway: Config['gateway'];
  labels: Record<string, string>;
  /** Name of the ServiceAccount. */
  account: string;
  /** Host name of the readiness route. */
  readyHost: string;
  certificate: { cert: string; key: string };
}

/** Traefik's static configuration. */
function args(i: TraefikInput): string[] {
  const gateway = 'providers.kubernetesgateway';
  const at = `${gateway}.statusaddress.service`;
  const label = 'app.kubernetes.io/name';
  return [
    ...['global.checknewversion=false', 'global.sendanonymoususage=false', 'log.level=WARN'],
    // 80 as in the Gateway's listener: Traefik finds the entry point of a listener by its port.
    'entrypoints.web.address=:80',
    'entrypoints.web.transport.lifecycle.gracetimeout=15s',
    `entrypoints.traefik.address=:${METRICS_PORT}`,
    `${gateway}=true`,
    // Another Traefik of the cluster has its own classes.
    `${gateway}.labelselector=${label}=${i.labels[label] ?? ''}`,
    // A change within this time after another one waits for it: 2 s by default, and a flip would too.
    ...[`${gateway}.throttleduration=50ms`, 'providers.providersthrottleduration=50ms'],
    ...[`${at}.namespace=${i.gateway.namespace}`, `${at}.name=${i.gateway.name}`],
    ...[`providers.file.filename=${TLS}/tls.yaml`, 'providers.file.watch=false'],
    // A node that died is not waited for.
    'serverstransport.forwardingtimeouts.dialtimeout=3s',
    ...['ping=true', 'metrics.prometheus=true', `metrics.prometheus.buckets=${BUCKETS.join(',')}`],
    ...['metrics.prometheus.addrouterslabels=true', 'metrics.prometheus.addserviceslabels=true'],
  ].map((a) => `--${a}`);
}

function container(i: TraefikInput): Record<string, unknown> {
  return {
    name: 'traefik',
    image: IMAGE,
    args: args(i),
    env: [{ name: 'GOMEMLIMIT', value: '200MiB' }],
    ports: [
      { name: 'web', containerPort: 80, protocol: 'TCP' },
      { name: 'metrics', containerPort: METRICS_PORT, protocol: 'TCP' },
    ],
    readinessProbe: {
      httpGet: { path: '/ping', port: 'web', httpHeaders: [{ name: 'Host', value: i.readyHost }] },
      periodSeconds: 2,
      timeoutSeconds: 2,
      failureThreshold: 3,
    },
    livenessProbe: {
      httpGet: { path: '/ping', port: 'metrics' },
      periodSeconds: 10,
      timeoutSeconds: 3,
      failureThreshold: 3,
    },
    // Load balancers and proxies send requests for a while after the pod has begun to leave.
    lifecycle: { preStop: { sleep: { seconds: 8 } } },
    resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    },
    volumeMounts: [{ name: 'tls', mountPath: TLS, readOnly: true }],
  };
}

const secretOf = (i: TraefikInput): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'traefik-tls', namespace: i.gateway.namespace, labels: i.labels },
  type: 'Opaque',
  stringData: {
    // Without a default certificate Traefik makes an RSA key at every change of a route (0.04 to 1.5 s).
    'tls.yaml': `tls:\n  stores:\n    default:\n      defaultCertificate: { certFile: ${TLS}/tls.crt, keyFile: ${TLS}/tls.key }\n`,
    'tls.crt': i.certificate.cert,
    'tls.key': i.certificate.key,
  },
});

/** Traefik's pods and what they read from a file. */
export function traefik(i: TraefikInput): KubeObject[] {
  const { namespace } = i.gateway;
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: i.labels },
  };
  const spec = {
    serviceAccountName: i.account,
    enableServiceLinks: false,
    // 8 s preStop + 15 s of grace, and room.
    terminationGracePeriodSeconds: 30,
    topologySpreadConstraints: [spread],
    containers: [container(i)],
    volumes: [{ name: 'tls', secret: { secretName: 'traefik-tls' } }],
  };
  const tls = { [`${LABEL_PREFIX}/tls`]: digest(i.certificate.cert).slice(7, 23) };
  return [
    secretOf(i),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      // After the Gateway and its readiness route, without which no pod becomes ready.
      metadata: { name: 'traefik', namespace, labels: i.labels, annotations: { [`${LABEL_PREFIX}/wave`]: '1' } },
      spec: {
        replicas: 2,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: i.labels },
        template: { metadata: { labels: i.labels, annotations: tls }, spec },
      },
    },
  ];
}
