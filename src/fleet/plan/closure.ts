import type { KubeObject, UnitOf } from '../model.ts';
import { needsOf } from './follow.ts';
import { dictOf, groupOf, keyOf, listOf, refOf } from './objects.ts';
import { hasLabels, podLabels } from './select.ts';

/** What exists once per version, by its own objects. */
export interface Closure {
  service: KubeObject | undefined;
  deployments: readonly KubeObject[];
  scalers: readonly KubeObject[];
  /** ConfigMaps and Secrets that only the Deployments name. */
  configs: readonly KubeObject[];
}

const isDeployment = (o: KubeObject): boolean => o.kind === 'Deployment' && groupOf(o.apiVersion) === 'apps';
const isConfig = (o: KubeObject): boolean => o.apiVersion === 'v1' && (o.kind === 'ConfigMap' || o.kind === 'Secret');
const sameSpace = (a: KubeObject, b: KubeObject): boolean => a.metadata.namespace === b.metadata.namespace;

/** Names of Secrets and ConfigMaps that an object knows besides those a pod uses. */
function otherNames(o: KubeObject): string[] {
  const account = o.kind === 'ServiceAccount' ? [...listOf(o['secrets']), ...listOf(o['imagePullSecrets'])] : [];
  const rules = o.kind === 'Role' || o.kind === 'ClusterRole' ? listOf(o['rules']) : [];
  const named = rules.flatMap((r) => (Array.isArray(r['resourceNames']) ? r['resourceNames'] : []));
  return [...account.map((s) => s['name']), ...named].filter((n) => typeof n === 'string');
}

function configsOf(all: readonly KubeObject[], deployments: readonly KubeObject[]): KubeObject[] {
  const needs = all.flatMap((o) => needsOf(o).map((need) => ({ o, need })));
  const known = new Set(all.flatMap(otherNames));
  return all.filter((c) => {
    const users = needs.filter((n) => keyOf(n.need.ref) === keyOf(refOf(c)));
    const own = users.every((u) => deployments.includes(u.o) && u.need.path !== 'imagePullSecrets');
    return isConfig(c) && users.length > 0 && own && !known.has(c.metadata.name);
  });
}

const scales = (o: KubeObject, d: KubeObject): boolean => {
  const target = dictOf(dictOf(o['spec'])['scaleTargetRef']);
  return target['kind'] === d.kind && target['name'] === d.metadata.name && sameSpace(o, d);
};

/** The Deployments behind the Service, what scales them, what only they name, and the Service. */
export function closureOf(all: readonly KubeObject[], unit: UnitOf, namespace: string): Closure {
  const service = all.find(
    (o) => o.kind === 'Service' && o.metadata.name === unit.service && o.metadata.namespace === namespace,
  );
  const selector = dictOf(dictOf(service?.['spec'])['selector']);
  const deployments = all.filter(
    (o) => isDeployment(o) && o.metadata.namespace === namespace && hasLabels(selector, podLabels(o)),
  );
  const scalers = all.filter((o) => o.kind === 'HorizontalPodAutoscaler' && deployments.some((d) => scales(o, d)));
  return { service, deployments, scalers, configs: configsOf(all, deployments) };
}
