import type { KubeObject, Ref } from '../model.ts';

export type Dict = Record<string, unknown>;

export function isDict(v: unknown): v is Dict {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}
export const dictOf = (v: unknown): Dict => (isDict(v) ? v : {});
export const listOf = (v: unknown): Dict[] => (Array.isArray(v) ? v.filter(isDict) : []);
export const textOf = (v: unknown): string | undefined => (typeof v === 'string' ? v : undefined);
export const numberOf = (v: unknown): number | undefined => (typeof v === 'number' ? v : undefined);

/** `apps/v1` → `apps`, `v1` → ``. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function refOf(o: KubeObject): Ref {
  const ns = o.metadata.namespace;
  return {
    group: groupOf(o.apiVersion),
    kind: o.kind,
    ...(ns === undefined ? {} : { namespace: ns }),
    name: o.metadata.name,
  };
}

/** One string per object of a cluster; the key of inventories. */
export function keyOf(ref: Ref): string {
  return `${ref.group}/${ref.kind}/${ref.namespace ?? ''}/${ref.name}`;
}

export function refOfKey(key: string): Ref {
  const [group = '', kind = '', namespace = '', ...name] = key.split('/');
  return { group, kind, ...(namespace === '' ? {} : { namespace }), name: name.join('/') };
}

/** `Deployment guestbook/web` for people. */
export function sayRef(ref: Ref): string {
  return `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
}

const CLUSTER_SCOPED = new Set([
  '/Namespace',
  '/Node',
  '/PersistentVolume',
  'rbac.authorization.k8s.io/ClusterRole',
  'rbac.authorization.k8s.io/ClusterRoleBinding',
  'storage.k8s.io/StorageClass',
  'storage.k8s.io/CSIDriver',
  'scheduling.k8s.io/PriorityClass',
  'networking.k8s.io/IngressClass',
  'gateway.networking.k8s.io/GatewayClass',
  'node.k8s.io/RuntimeClass',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
  'flowcontrol.apiserver.k8s.io/FlowSchema',
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration',
  'certificates.k8s.io/CertificateSigningRequest',
]);

/** Scope without asking a server: built-in kinds, and CRDs that the app itself brings. */
export function isClusterScoped(group: string, kind: string, crds: readonly KubeObject[] = []): boolean {
  if (CLUSTER_SCOPED.has(`${group}/${kind}`)) return true;
  return crds.some((crd) => {
    const spec = dictOf(crd['spec']);
    return spec['group'] === group && dictOf(spec['names'])['kind'] === kind && spec['scope'] === 'Cluster';
  });
}

const POD_TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  'apps/Deployment': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
};

/** The pod template inside a workload (the live sub-object), or the Pod itself. */
export function podTemplateOf(o: KubeObject): Dict | undefined {
  if (o.apiVersion === 'v1' && o.kind === 'Pod') return o as unknown as Dict;
  const path = POD_TEMPLATES[`${groupOf(o.apiVersion)}/${o.kind}`];
  if (path === undefined) return undefined;
  let at: unknown = o;
  for (const part of path) at = dictOf(at)[part];
  return isDict(at) ? at : undefined;
}

/** Containers and init containers of a workload (live sub-objects). */
export function containersOf(o: KubeObject): Dict[] {
  const spec = dictOf(podTemplateOf(o)?.['spec']);
  return [...listOf(spec['initContainers']), ...listOf(spec['containers'])];
}

export const isWorkload = (o: KubeObject): boolean => podTemplateOf(o) !== undefined;

/** A deep copy of plain JSON. */
export function copy<T>(v: T): T {
  return structuredClone(v);
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => equal(v, b[i]));
  if (!isDict(a) || !isDict(b)) return false;
  const keys = Object.keys(a).filter((k) => a[k] !== undefined);
  const others = Object.keys(b).filter((k) => b[k] !== undefined);
  return keys.length === others.length && keys.every((k) => equal(a[k], b[k]));
}
