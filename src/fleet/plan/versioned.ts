import { own } from '../../kernel/index.ts';
import type { KubeObject } from '../model.ts';
import { versionedName } from './names.ts';
import { containersOf, copy, type Dict, dictOf, isDict, listOf, podTemplateOf, textOf } from './objects.ts';
import { podLabels, selects } from './select.ts';
import { LABELS, labelPods } from './shape.ts';

/** Annotations that ask a cloud for a load balancer. */
const BALANCER =
  /^(service\.beta\.kubernetes\.io|cloud\.google\.com|networking\.gke\.io|external-dns\.alpha\.kubernetes\.io|metallb\.(io|universe\.tf))\//;
const BALANCER_FIELDS = [
  'type',
  'externalTrafficPolicy',
  'healthCheckNodePort',
  'loadBalancerIP',
  'loadBalancerClass',
  'loadBalancerSourceRanges',
  'allocateLoadBalancerNodePorts',
] as const;
const NAMES: Readonly<Record<string, 'ConfigMap' | 'Secret'>> = {
  configMap: 'ConfigMap',
  configMapRef: 'ConfigMap',
  configMapKeyRef: 'ConfigMap',
  secret: 'Secret',
  secretRef: 'Secret',
  secretKeyRef: 'Secret',
};

/** Which objects exist once per version, by `Kind/name`. */
export interface Renames {
  version: string;
  names: ReadonlySet<string>;
}
const nameIn = (r: Renames, kind: string, name: unknown): string | undefined =>
  typeof name === 'string' && r.names.has(`${kind}/${name}`) ? versionedName(name, r.version) : undefined;

/** References to ConfigMaps and Secrets of the version, wherever they are inside. */
function renameInside(value: unknown, r: Renames): void {
  if (Array.isArray(value)) for (const v of value) renameInside(v, r);
  if (!isDict(value)) return;
  for (const [field, inner] of Object.entries(value)) {
    const kind = own(NAMES, field);
    if (kind !== undefined && isDict(inner)) renameHere(inner, kind, r);
    renameInside(inner, r);
  }
}

function renameHere(holder: Dict, kind: string, r: Renames): void {
  for (const f of ['name', 'secretName']) {
    const name = nameIn(r, kind, holder[f]);
    if (name !== undefined) holder[f] = name;
  }
}

/** A selector that means the pods themselves means those of their own version. */
function narrow(holder: Dict, labels: Dict, version: string): void {
  const selector = holder['labelSelector'];
  if (!isDict(selector) || !selects(selector, labels)) return;
  selector['matchLabels'] = { ...dictOf(selector['matchLabels']), [LABELS.version]: version };
}

function narrowAll(pod: Dict, labels: Dict, version: string): void {
  for (const t of listOf(pod['topologySpreadConstraints'])) narrow(t, labels, version);
  const affinity = dictOf(pod['affinity']);
  for (const kind of [dictOf(affinity['podAffinity']), dictOf(affinity['podAntiAffinity'])]) {
    for (const t of listOf(kind['requiredDuringSchedulingIgnoredDuringExecution'])) narrow(t, labels, version);
    for (const t of listOf(kind['preferredDuringSchedulingIgnoredDuringExecution']))
      narrow(dictOf(t['podAffinityTerm']), labels, version);
  }
}

function deployment(o: KubeObject, r: Renames): void {
  const spec = dictOf(o['spec']);
  const selector = dictOf(spec['selector']);
  const pod = dictOf(podTemplateOf(o)?.['spec']);
  narrowAll(pod, podLabels(o), r.version);
  spec['selector'] = {
    ...selector,
    matchLabels: { ...dictOf(selector['matchLabels']), [LABELS.version]: r.version },
  };
  labelPods(o, { [LABELS.version]: r.version });
  for (const c of containersOf(o)) renameInside([c['env'], c['envFrom']], r);
  renameInside(pod['volumes'], r);
}

function service(o: KubeObject, version: string): void {
  const spec = dictOf(o['spec']);
  for (const f of BALANCER_FIELDS) delete spec[f];
  spec['selector'] = { ...dictOf(spec['selector']), [LABELS.version]: version };
  const kept = Object.entries(o.metadata.annotations ?? {}).filter(([k]) => !BALANCER.test(k));
  if (kept.length > 0) o.metadata.annotations = Object.fromEntries(kept);
  else delete o.metadata.annotations;
}

/** The object as it exists for one version: own name, own pods, references to what else is of the version. */
export function ofVersion(body: KubeObject, r: Renames): KubeObject {
  const o = copy(body);
  o.metadata.name = versionedName(body.metadata.name, r.version);
  o.metadata.labels = { ...o.metadata.labels, [LABELS.version]: r.version };
  if (o.kind === 'Deployment') deployment(o, r);
  if (o.kind === 'Service') service(o, r.version);
  const target = dictOf(dictOf(o['spec'])['scaleTargetRef']);
  const name = nameIn(r, textOf(target['kind']) ?? '', target['name']);
  if (o.kind === 'HorizontalPodAutoscaler' && name !== undefined) target['name'] = name;
  return o;
}
