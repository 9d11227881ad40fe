import { type Config, isRouted } from '../../config/index.ts';
import { type FleetApp, type KubeObject, placedOn } from '../../fleet/index.ts';
import { type ClusterName, LABEL_PREFIX } from '../../kernel/index.ts';
import { GATEWAY_LABELS, GATEWAY_NAME as NAME } from './names.ts';
import { TRAEFIK_VERSION, traefik } from './traefik.ts';

/** Definitions of the Gateway API, and the certificate nobody is shown; both are read at the rim. */
export interface GatewayParts {
  crds: readonly KubeObject[];
  /** PEM. */
  certificate: { cert: string; key: string };
}
type GatewayConfig = Pick<Config, 'clusters' | 'apps' | 'gateway'>;

/** What fleet does with an object that was there before: it is used as it is, and never deleted. */
const SHARED = { [`${LABEL_PREFIX}/found`]: 'use' };
const RBAC = 'rbac.authorization.k8s.io';
const API = 'gateway.networking.k8s.io';

const shared = (o: KubeObject): KubeObject => ({
  ...o,
  metadata: { ...o.metadata, annotations: { ...o.metadata.annotations, ...SHARED } },
});

/** As Traefik's own manifests have it, without what we do not use. */
function access(namespace: string): KubeObject[] {
  const labels = { ...GATEWAY_LABELS };
  const kinds = ['gatewayclasses', 'gateways', 'httproutes', 'grpcroutes', 'tlsroutes', 'backendtlspolicies'];
  const look = ['get', 'list', 'watch'];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: NAME, namespace, labels } },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata: { name: NAME, labels },
      rules: [
        { apiGroups: [''], resources: ['namespaces', 'services', 'secrets', 'configmaps'], verbs: look },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: look },
        { apiGroups: [API], resources: [...kinds, 'referencegrants'], verbs: look },
        { apiGroups: [API], resources: kinds.map((k) => `${k}/status`), verbs: ['update'] },
      ],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: NAME, labels },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: NAME },
      subjects: [{ kind: 'ServiceAccount', name: NAME, namespace }],
    },
  ];
}

/** The door: users come in by this Service's address, whatever is released behind it. */
function service(g: Config['gateway'], annotations: Record<string, string>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: g.name, namespace: g.namespace, labels: { ...GATEWAY_LABELS }, annotations },
    spec: {
      type: 'LoadBalancer',
      // Apps see who the user is, and only nodes with a ready gateway get users.
      externalTrafficPolicy: 'Local',
      selector: { ...GATEWAY_LABELS },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'web' }],
    },
  };
}

/** Host of the readiness route. */
const readyHost = (g: Config['gateway']): string => `ready.${g.namespace}.internal`;

/** Class, Gateway, and the route by which a pod shows that it serves routes at all: without the API server's
 * answer Traefik says 200 to /ping and 404 to every route. */
function routing(g: Config['gateway']): KubeObject[] {
  const meta = (name: string): KubeObject['metadata'] => ({
    name,
    namespace: g.namespace,
    labels: { ...GATEWAY_LABELS },
  });
  return [
    shared({
      apiVersion: `${API}/v1`,
      kind: 'GatewayClass',
      metadata: { name: NAME, labels: { ...GATEWAY_LABELS } },
      spec: { controllerName: 'traefik.io/gateway-controller' },
    }),
    {
      apiVersion: `${API}/v1`,
      kind: 'Gateway',
      metadata: meta(g.name),
      spec: {
        gatewayClassName: NAME,
        listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'All' } } }],
      },
    },
    {
      apiVersion: `${API}/v1`,
      kind: 'HTTPRoute',
      metadata: meta('ready'),
      spec: {
        parentRefs: [{ group: API, kind: 'Gateway', name: g.name }],
        hostnames: [readyHost(g)],
        rules: [
          {
            matches: [{ path: { type: 'Exact', value: '/ping' } }],
            backendRefs: [{ group: 'traefik.io', kind: 'TraefikService', name: 'ping@internal' }],
          },
        ],
      },
    },
  ];
}

function objects(g: Config['gateway'], parts: GatewayParts): KubeObject[] {
  const { namespace } = g;
  const labels = { ...GATEWAY_LABELS };
  return [
    ...parts.crds.map(shared),
    ...access(namespace),
    ...routing(g),
    ...traefik({ gateway: g, labels, account: NAME, readyHost: readyHost(g), certificate: parts.certificate }),
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'traefik', namespace, labels },
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    },
  ];
}

/** A load balancer of EKS is private unless it is told otherwise. */
const PUBLIC = { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internet-facing' };

/** Clusters that carry a routed app. */
function clustersOf(config: GatewayConfig): ClusterName[] {
  const routed = config.apps.filter(isRouted);
  return config.clusters.filter((c) => routed.some((a) => placedOn(a, [c]).length > 0)).map((c) => c.name);
}

/**
 * The gateway as an app of the fleet, in every cluster that carries an app released by HTTPRoute; `undefined`
 * when there is none, or when the clusters have a gateway of their own.
 */
export function gatewayApp(config: GatewayConfig, parts: () => GatewayParts): FleetApp | undefined {
  const clusters = clustersOf(config);
  const { gateway } = config;
  if (clusters.length === 0 || gateway.install === 'none') return undefined;
  const doors = config.clusters.map((c) => [c.name, [service(gateway, c.cloud === 'aws' ? PUBLIC : {})]]);
  return {
    name: NAME,
    namespace: gateway.namespace,
    version: TRAEFIK_VERSION,
    source: { objects: objects(gateway, parts()), perCluster: Object.fromEntries(doors) },
    placement: { clusters },
    overrides: [],
    replicas: 'same',
    pull: [],
  };
}
