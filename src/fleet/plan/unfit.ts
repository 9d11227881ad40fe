import type { KubeObject, UnitOf } from '../model.ts';
import type { Closure } from './closure.ts';
import { needsOf } from './follow.ts';
import { type Dict, dictOf, groupOf, isDict, isWorkload, keyOf, listOf, refOf, sayRef } from './objects.ts';
import { hasLabels, podLabels } from './select.ts';

interface Case {
  all: readonly KubeObject[];
  c: Closure;
  unit: UnitOf;
  namespace: string;
}
const say = (o: KubeObject): string => sayRef(refOf(o));
const selectorOf = (o: KubeObject | undefined): Dict => dictOf(dictOf(o?.['spec'])['selector']);
const GATEWAY = 'gateway.networking.k8s.io';

function noPods({ c, unit, namespace }: Case): string[] {
  if (c.service === undefined) return [`there is no Service ${namespace}/${unit.service}`];
  if (Object.keys(selectorOf(c.service)).length === 0) return [`${say(c.service)} has no selector`];
  return c.deployments.length > 0 ? [] : [`${say(c.service)} selects no Deployment of the app`];
}

function otherPods({ all, c, namespace }: Case): string[] {
  if (c.service === undefined) return [];
  const { service } = c;
  return all
    .filter((o) => isWorkload(o) && o.metadata.namespace === namespace && !c.deployments.includes(o))
    .filter((o) => hasLabels(selectorOf(service), podLabels(o)))
    .map((o) => `${say(service)} selects ${say(o)} too; only Deployments can run in two versions`);
}

function otherServices({ all, c, namespace }: Case): string[] {
  const mixes = (s: KubeObject): boolean => c.deployments.some((d) => hasLabels(selectorOf(s), podLabels(d)));
  return all
    .filter((o) => o.kind === 'Service' && o !== c.service && o.metadata.namespace === namespace && mixes(o))
    .map((o) => `${say(o)} selects pods of both versions; give them an app of their own or drop it`);
}

function otherSwitches({ all, unit, namespace }: Case): string[] {
  const taken =
    unit.driver === 'httproute'
      ? { group: GATEWAY, kind: 'HTTPRoute', names: [unit.app, `${unit.app}-preview`] }
      : { group: '', kind: 'Service', names: [`${unit.service}-preview`] };
  return all
    .filter((o) => groupOf(o.apiVersion) === taken.group && o.kind === taken.kind)
    .filter((o) => o.metadata.namespace === namespace && taken.names.includes(o.metadata.name))
    .map((o) => `${say(o)} has the name of the switch, which Tradewind makes`);
}

/** Every `backendRefs` of a route, however deep. */
function backends(value: unknown): Dict[] {
  if (Array.isArray(value)) return value.flatMap(backends);
  if (!isDict(value)) return [];
  return [...listOf(value['backendRefs']), ...Object.values(value).flatMap(backends)];
}

function reaches(o: KubeObject, service: KubeObject): boolean {
  if (o.kind === 'Ingress') return needsOf(o).some((n) => keyOf(n.ref) === keyOf(refOf(service)));
  if (groupOf(o.apiVersion) !== GATEWAY) return false;
  return backends(o['spec']).some(
    (b) =>
      b['name'] === service.metadata.name &&
      (b['kind'] ?? 'Service') === 'Service' &&
      (b['namespace'] ?? o.metadata.namespace) === service.metadata.namespace,
  );
}

/** With weights as the switch, the Service of that name exists no more: who sends users there is left alone. */
function otherDoors({ all, c, unit }: Case): string[] {
  const { service } = c;
  if (service === undefined || unit.driver !== 'httproute') return [];
  return all
    .filter((o) => reaches(o, service))
    .map((o) => `${say(o)} sends users to ${say(service)}, which exists once per version; users enter by the gateway`);
}

const SHAREABLE = new Set(['ReadWriteMany', 'ReadOnlyMany']);

function ownVolumes({ all, c }: Case): string[] {
  const claims = all.filter((o) => o.kind === 'PersistentVolumeClaim');
  return c.deployments.flatMap((d) =>
    needsOf(d).flatMap((n) => {
      const claim = claims.find((o) => keyOf(refOf(o)) === keyOf(n.ref));
      const modes = dictOf(claim?.['spec'])['accessModes'];
      if (claim === undefined || !Array.isArray(modes) || modes.some((m) => SHAREABLE.has(String(m)))) return [];
      return [`${say(d)} mounts ${say(claim)}, which two versions cannot mount at once (${modes.join(', ')})`];
    }),
  );
}

function otherScalers({ all, c }: Case): string[] {
  return all.flatMap((o) => {
    if (c.scalers.includes(o)) return [];
    const spec = dictOf(o['spec']);
    return [dictOf(spec['scaleTargetRef']), dictOf(spec['targetRef'])].flatMap((t) => {
      const d = c.deployments.find(
        (x) =>
          x.metadata.name === t['name'] &&
          (t['kind'] ?? 'Deployment') === 'Deployment' &&
          x.metadata.namespace === o.metadata.namespace,
      );
      return d === undefined ? [] : [`${say(o)} steers ${say(d)}, which exists once per version`];
    });
  });
}

/** Why an app cannot run in two versions side by side; all reasons at once. */
export function unfit(all: readonly KubeObject[], c: Closure, unit: UnitOf, namespace: string): string[] {
  const x: Case = { all, c, unit, namespace };
  return [noPods, otherPods, otherServices, otherSwitches, otherDoors, ownVolumes, otherScalers].flatMap((f) => f(x));
}
