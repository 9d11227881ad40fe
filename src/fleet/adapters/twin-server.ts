import type { KubeObject, Ref } from '../model.ts';
import { type Dict, dictOf, equal, groupOf, keyOf, listOf } from '../plan/objects.ts';
import { type ApiKind, KubeError } from '../ports.ts';

const KINDS: readonly (readonly [string, string, string, boolean])[] = [
  ['', 'v1', 'Namespace', false],
  ['', 'v1', 'Node', false],
  ['', 'v1', 'PersistentVolume', false],
  ['', 'v1', 'ConfigMap', true],
  ['', 'v1', 'Secret', true],
  ['', 'v1', 'Service', true],
  ['', 'v1', 'ServiceAccount', true],
  ['', 'v1', 'Pod', true],
  ['', 'v1', 'Event', true],
  ['', 'v1', 'PersistentVolumeClaim', true],
  ['apps', 'v1', 'Deployment', true],
  ['apps', 'v1', 'ReplicaSet', true],
  ['apps', 'v1', 'StatefulSet', true],
  ['apps', 'v1', 'DaemonSet', true],
  ['batch', 'v1', 'Job', true],
  ['autoscaling', 'v2', 'HorizontalPodAutoscaler', true],
  ['discovery.k8s.io', 'v1', 'EndpointSlice', true],
  ['networking.k8s.io', 'v1', 'Ingress', true],
  ['gateway.networking.k8s.io', 'v1', 'GatewayClass', false],
  ['gateway.networking.k8s.io', 'v1', 'Gateway', true],
  ['gateway.networking.k8s.io', 'v1', 'HTTPRoute', true],
  ['policy', 'v1', 'PodDisruptionBudget', true],
  ['rbac.authorization.k8s.io', 'v1', 'Role', true],
  ['rbac.authorization.k8s.io', 'v1', 'RoleBinding', true],
  ['rbac.authorization.k8s.io', 'v1', 'ClusterRole', false],
  ['rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', false],
];

const plural = (kind: string): string => {
  const k = kind.toLowerCase();
  return k.endsWith('s') ? `${k}es` : k.endsWith('y') ? `${k.slice(0, -1)}ies` : `${k}s`;
};

export const TWIN_KINDS: readonly ApiKind[] = KINDS.map(([group, version, kind, namespaced]) => ({
  group,
  version,
  kind,
  namespaced,
  plural: plural(kind),
}));

const STRICT: Readonly<Record<string, readonly string[]>> = {
  Deployment: [
    'replicas',
    'selector',
    'template',
    'strategy',
    'minReadySeconds',
    'revisionHistoryLimit',
    'paused',
    'progressDeadlineSeconds',
  ],
  Service: [
    'ports',
    'selector',
    'type',
    'clusterIP',
    'clusterIPs',
    'externalName',
    'externalTrafficPolicy',
    'sessionAffinity',
    'loadBalancerIP',
    'internalTrafficPolicy',
    'ipFamilies',
    'ipFamilyPolicy',
    'publishNotReadyAddresses',
    'healthCheckNodePort',
    'loadBalancerClass',
    'loadBalancerSourceRanges',
    'allocateLoadBalancerNodePorts',
  ],
};

/** Strict field validation, for the kinds the tests misspell. Throws 400. */
export function checkFields(o: KubeObject): void {
  const known = STRICT[o.kind];
  for (const field of known === undefined ? [] : Object.keys(dictOf(o['spec'])))
    if (known?.includes(field) !== true)
      throw new KubeError(400, 'BadRequest', `strict decoding error: unknown field "spec.${field}"`);
}

/** The few defaults that a diff must not show. */
export function setDefaults(o: KubeObject): void {
  const spec = dictOf(o['spec']);
  if (o.kind === 'Deployment' || o.kind === 'StatefulSet') spec['replicas'] ??= 1;
  if (o.kind === 'Deployment') spec['revisionHistoryLimit'] ??= 10;
  if (o.kind === 'Service') setServiceDefaults(spec);
  if (o.kind === 'Namespace') o['status'] ??= { phase: 'Active' };
}

function setServiceDefaults(spec: Dict): void {
  spec['type'] ??= 'ClusterIP';
  spec['clusterIP'] ??= '10.250.0.7';
  for (const p of listOf(spec['ports'])) p['protocol'] ??= 'TCP';
}

const HAS_GENERATION = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Job',
  'Pod',
  'Ingress',
  'GatewayClass',
  'Gateway',
  'HTTPRoute',
  'PodDisruptionBudget',
]);

/** Only some kinds count generations; an annotation moves a Deployment's too. */
export function generationAfter(before: KubeObject | undefined, after: KubeObject): number | undefined {
  if (!HAS_GENERATION.has(after.kind)) return undefined;
  if (before === undefined) return 1;
  const same =
    equal(before['spec'], after['spec']) &&
    (after.kind !== 'Deployment' || equal(before.metadata.annotations, after.metadata.annotations));
  return (before.metadata.generation ?? 0) + (same ? 0 : 1);
}

function frozen(o: KubeObject): Dict {
  const spec = dictOf(o['spec']);
  switch (o.kind) {
    case 'Deployment':
      return { selector: spec['selector'] };
    case 'StatefulSet': {
      const { replicas: _r, template: _t, updateStrategy: _u, minReadySeconds: _m, ...rest } = spec;
      return rest;
    }
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return { roleRef: o['roleRef'] };
    case 'Job':
      return { template: spec['template'] };
    default:
      return {};
  }
}

/** Throws 422 when a field that may not change would. */
export function checkImmutable(before: KubeObject, after: KubeObject): void {
  const a = frozen(before);
  const b = frozen(after);
  const field = [...new Set([...Object.keys(a), ...Object.keys(b)])].find((k) => !equal(a[k], b[k]));
  if (field === undefined) return;
  const message = `${after.kind} "${after.metadata.name}" is invalid: spec.${field}: field is immutable`;
  throw new KubeError(422, 'Invalid', message, {
    causes: [{ reason: 'FieldValueInvalid', field: `spec.${field}`, message: 'field is immutable' }],
  });
}

export function notFound(ref: Ref): KubeError {
  return new KubeError(
    404,
    'NotFound',
    `${plural(ref.kind)}${ref.group === '' ? '' : `.${ref.group}`} "${ref.name}" not found`,
  );
}

export function kindOf(ref: { group: string; kind: string }): ApiKind {
  const found = TWIN_KINDS.find((k) => k.group === ref.group && k.kind === ref.kind);
  if (found === undefined)
    throw new KubeError(
      404,
      'NoKindMatch',
      `the server serves no ${ref.kind}${ref.group === '' ? '' : ` of ${ref.group}`}`,
    );
  return found;
}

export function storeKey(o: KubeObject): string {
  const ns = o.metadata.namespace;
  return keyOf({
    group: groupOf(o.apiVersion),
    kind: o.kind,
    ...(ns === undefined ? {} : { namespace: ns }),
    name: o.metadata.name,
  });
}
