import type { KubeObject, Ref } from '../model.ts';
import { containersOf, type Dict, dictOf, groupOf, keyOf, listOf, podTemplateOf, refOf, textOf } from './objects.ts';

/** Something an object needs. `path` says where it is written. */
export interface Need {
  by: Ref;
  path: string;
  ref: Ref;
  optional: boolean;
}

const isTrue = (v: unknown): boolean => v === true;

class Needs {
  readonly #by: Ref;
  readonly #ns: string | undefined;
  readonly found: Need[] = [];
  constructor(o: KubeObject) {
    this.#by = refOf(o);
    this.#ns = o.metadata.namespace;
  }
  add(
    kind: string,
    name: unknown,
    path: string,
    x: { group?: string; namespace?: string | null; optional?: boolean } = {},
  ): void {
    const text = textOf(name);
    if (text === undefined || text === '') return;
    const ns = x.namespace === null ? undefined : (x.namespace ?? this.#ns);
    this.found.push({
      by: this.#by,
      path,
      ref: { group: x.group ?? '', kind, ...(ns === undefined ? {} : { namespace: ns }), name: text },
      optional: x.optional ?? false,
    });
  }
}

function envNeeds(needs: Needs, container: Dict, at: string): void {
  for (const [i, from] of listOf(container['envFrom']).entries()) {
    const config = dictOf(from['configMapRef']);
    const secret = dictOf(from['secretRef']);
    needs.add('ConfigMap', config['name'], `${at}.envFrom[${i}]`, { optional: isTrue(config['optional']) });
    needs.add('Secret', secret['name'], `${at}.envFrom[${i}]`, { optional: isTrue(secret['optional']) });
  }
  for (const env of listOf(container['env'])) {
    const from = dictOf(env['valueFrom']);
    const config = dictOf(from['configMapKeyRef']);
    const secret = dictOf(from['secretKeyRef']);
    const path = `${at}.env[name=${String(env['name'])}]`;
    needs.add('ConfigMap', config['name'], path, { optional: isTrue(config['optional']) });
    needs.add('Secret', secret['name'], path, { optional: isTrue(secret['optional']) });
  }
}

function volumeNeeds(needs: Needs, volume: Dict): void {
  const at = `volumes[name=${String(volume['name'])}]`;
  const sources = [volume, ...listOf(dictOf(volume['projected'])['sources'])];
  for (const s of sources) {
    const config = dictOf(s['configMap']);
    const secret = dictOf(s['secret']);
    needs.add('ConfigMap', config['name'], at, { optional: isTrue(config['optional']) });
    needs.add('Secret', secret['secretName'] ?? secret['name'], at, { optional: isTrue(secret['optional']) });
  }
  needs.add('PersistentVolumeClaim', dictOf(volume['persistentVolumeClaim'])['claimName'], at);
}

function podNeeds(needs: Needs, o: KubeObject): void {
  const spec = dictOf(podTemplateOf(o)?.['spec']);
  for (const c of containersOf(o)) envNeeds(needs, c, `containers[name=${String(c['name'])}]`);
  for (const v of listOf(spec['volumes'])) volumeNeeds(needs, v);
  for (const s of listOf(spec['imagePullSecrets'])) needs.add('Secret', s['name'], 'imagePullSecrets');
  if (spec['serviceAccountName'] !== 'default')
    needs.add('ServiceAccount', spec['serviceAccountName'], 'serviceAccountName');
  needs.add('PriorityClass', spec['priorityClassName'], 'priorityClassName', {
    group: 'scheduling.k8s.io',
    namespace: null,
  });
}

function bindingNeeds(needs: Needs, o: KubeObject): void {
  const role = dictOf(o['roleRef']);
  const kind = textOf(role['kind']) ?? 'Role';
  needs.add(kind, role['name'], 'roleRef', {
    group: 'rbac.authorization.k8s.io',
    ...(kind === 'ClusterRole' ? { namespace: null } : {}),
  });
  for (const [i, s] of listOf(o['subjects']).entries()) {
    const ns = textOf(s['namespace']);
    if (s['kind'] === 'ServiceAccount' && s['name'] !== 'default')
      needs.add('ServiceAccount', s['name'], `subjects[${i}]`, ns === undefined ? {} : { namespace: ns });
  }
}

function ingressNeeds(needs: Needs, o: KubeObject): void {
  const spec = dictOf(o['spec']);
  const paths = listOf(spec['rules']).flatMap((r) => listOf(dictOf(r['http'])['paths']));
  for (const b of [dictOf(spec['defaultBackend']), ...paths.map((p) => dictOf(p['backend']))])
    needs.add('Service', dictOf(b['service'])['name'], 'backend.service');
  for (const t of listOf(spec['tls'])) needs.add('Secret', t['secretName'], 'tls');
}

/** Everything the object refers to. */
export function needsOf(o: KubeObject): Need[] {
  const needs = new Needs(o);
  const spec = dictOf(o['spec']);
  if (podTemplateOf(o) !== undefined) podNeeds(needs, o);
  switch (o.kind) {
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      bindingNeeds(needs, o);
      break;
    case 'HorizontalPodAutoscaler': {
      const target = dictOf(spec['scaleTargetRef']);
      const group = groupOf(textOf(target['apiVersion']) ?? 'apps/v1');
      needs.add(textOf(target['kind']) ?? 'Deployment', target['name'], 'scaleTargetRef', { group });
      break;
    }
    case 'Ingress':
      ingressNeeds(needs, o);
      break;
    case 'StatefulSet':
      needs.add('Service', spec['serviceName'], 'serviceName');
      break;
  }
  return needs.found;
}

const BUILT_IN = new Set(['admin', 'cluster-admin', 'edit', 'view']);

/** What every cluster has by itself. */
function isBuiltIn(ref: Ref): boolean {
  if (ref.kind === 'ConfigMap') return ref.name === 'kube-root-ca.crt';
  if (ref.kind === 'PriorityClass') return ref.name.startsWith('system-');
  return ref.kind === 'ClusterRole' && (ref.name.startsWith('system:') || BUILT_IN.has(ref.name));
}

/** Needs that neither the set itself nor Kubernetes fulfils; the cluster may still have them. */
export function openNeeds(objects: readonly KubeObject[]): Need[] {
  const have = new Set(objects.map((o) => keyOf(refOf(o))));
  return objects.flatMap(needsOf).filter((n) => !have.has(keyOf(n.ref)) && !isBuiltIn(n.ref));
}
