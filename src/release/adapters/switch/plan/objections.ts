import { dictOf, type KubeObject, listOf, textOf, versionedName } from '../../../../fleet/index.ts';
import type { ClusterName } from '../../../../kernel/index.ts';
import type { Reason, VersionId } from '../../../model.ts';
import { foreignOwners, sayObject, unsafe } from './notes.ts';
import { type RouteShape, refsOf, routeName, rulesOf } from './route.ts';

type Dict = Record<string, unknown>;

/** Another program that owns the field writes it back after a flip. */
export function ownerReasons(c: ClusterName, o: KubeObject, field: readonly string[]): Reason[] {
  return foreignOwners(o, field).map((m) => {
    const since = m.time === undefined ? '' : ` since ${m.time}`;
    const what = `${field.join('.')} is owned by ${m.manager}${since}, which would undo a flip`;
    return unsafe(c, sayObject(o), what, `take the object out of what ${m.manager} applies, delete it, run "tw up"`);
  });
}

function condition(conditions: unknown, type: string): Dict | undefined {
  return listOf(conditions).find((c) => c['type'] === type);
}

/** Conditions that are not True, in words. */
function unmet(conditions: unknown, types: readonly string[]): string[] {
  return types.flatMap((type) => {
    const at = condition(conditions, type);
    if (at?.['status'] === 'True') return [];
    return [`${type} is ${textOf(at?.['status']) ?? 'not set'} (${textOf(at?.['reason']) ?? 'no reason'})`];
  });
}

export interface Found {
  gateway: KubeObject | undefined;
  class: KubeObject | undefined;
  routes: readonly KubeObject[];
}

const READY: readonly (readonly ['class' | 'gateway', string, readonly string[]])[] = [
  ['class', 'GatewayClass', ['Accepted']],
  ['gateway', 'Gateway', ['Accepted', 'Programmed']],
];

/** A gateway that is absent, or does not serve. */
export function gatewayReasons(c: ClusterName, s: RouteShape, f: Found): Reason[] {
  const gateway = `Gateway ${s.gateway.namespace}/${s.gateway.name}`;
  const wanted = textOf(dictOf(f.gateway?.['spec'])['gatewayClassName']) ?? '';
  return READY.flatMap(([key, kind, types]) => {
    const o = f[key];
    const name = key === 'gateway' ? gateway : `${kind} ${wanted}`;
    if (o === undefined && key === 'class' && f.gateway === undefined) return [];
    if (o === undefined) return [unsafe(c, name, 'is not there', 'run "tw up", or name another one in `gateway`')];
    const bad = unmet(dictOf(o['status'])['conditions'], types);
    return bad.length === 0 ? [] : [unsafe(c, name, bad.join(', '), 'see why in its status and its controller’s log')];
  });
}

const parentsHere = (o: KubeObject, s: RouteShape): boolean =>
  listOf(dictOf(o['spec'])['parentRefs']).some(
    (p) =>
      p['name'] === s.gateway.name && (textOf(p['namespace']) ?? o.metadata.namespace ?? '') === s.gateway.namespace,
  );
const hostsHere = (o: KubeObject, s: RouteShape): boolean => {
  const hosts = dictOf(o['spec'])['hostnames'];
  return Array.isArray(hosts) && hosts.includes(s.host);
};

/** Paths of a rule's matches that take everybody's requests: no header, query or method narrows them. */
function openPaths(rule: Dict): string[] {
  const matches = listOf(rule['matches']);
  if (matches.length === 0) return ['/'];
  return matches
    .filter((m) => m['headers'] === undefined && m['queryParams'] === undefined && m['method'] === undefined)
    .map((m) => textOf(dictOf(m['path'])['value']) ?? '/');
}

/** Second routes of the same host: they would answer in place of the switch, or reach a version around it. */
export function rivalReasons(c: ClusterName, s: RouteShape, f: Found, versions: readonly VersionId[]): Reason[] {
  const names = routeName(s);
  const own = f.routes.find((o) => isOwn(o, s, names.live));
  const paths = new Set(own === undefined ? ['/'] : rulesOf(own).flatMap(openPaths));
  const backends = new Set(versions.map((v) => versionedName(s.service, v)));
  const reaches = (o: KubeObject): boolean =>
    rulesOf(o).some((rule) => refsOf(rule).some((ref) => backends.has(textOf(ref['name']) ?? '')));
  return f.routes
    .filter((o) => !isOwn(o, s, names.live) && !isOwn(o, s, names.preview) && parentsHere(o, s) && hostsHere(o, s))
    .flatMap((o) => {
      const same = rulesOf(o)
        .flatMap(openPaths)
        .find((p) => paths.has(p));
      if (same === undefined && !reaches(o)) return [];
      const what = same === undefined ? 'reaches a version around the switch' : `takes ${s.host}${same} as well`;
      return [unsafe(c, sayObject(o), `spec.hostnames: ${what}: two switches`, `delete it, or give it another host`)];
    });
}

const isOwn = (o: KubeObject, s: RouteShape, name: string): boolean =>
  o.metadata.namespace === s.namespace && o.metadata.name === name;

/** Versioned backends that do not exist: their share of requests would be answered 500. */
export function backendReasons(
  c: ClusterName,
  s: Pick<RouteShape, 'namespace' | 'service'>,
  live: VersionId,
  services: readonly KubeObject[],
): Reason[] {
  const name = versionedName(s.service, live);
  if (services.some((o) => o.metadata.name === name)) return [];
  return [unsafe(c, `Service ${s.namespace}/${name}`, 'the backend of the live version is not there', 'run "tw up"')];
}

const EKS = 'service.beta.kubernetes.io/aws-load-balancer-';
const NEG = 'cloud.google.com/neg';

/** How a load balancer reaches pods without kube-proxy; undefined = it goes through the nodes. */
function direct(o: KubeObject): string | undefined {
  const notes = o.metadata.annotations ?? {};
  const target = notes[`${EKS}nlb-target-type`] ?? notes[`${EKS}target-type`];
  if (target === 'ip') return `${EKS}nlb-target-type: ip`;
  if (notes[`${EKS}type`] === 'nlb-ip') return `${EKS}type: nlb-ip`;
  if (/"(exposed_ports|ingress)"/.test(notes[NEG] ?? '')) return NEG;
  const auto = dictOf(o['spec'])['loadBalancerClass'] === 'eks.amazonaws.com/nlb' && target !== 'instance';
  return auto ? 'loadBalancerClass: eks.amazonaws.com/nlb' : undefined;
}

/** A flip would swap the targets of the load balancer: minutes of drained connections. */
export function balancerReasons(c: ClusterName, o: KubeObject): Reason[] {
  const how = dictOf(o['spec'])['type'] === 'LoadBalancer' ? direct(o) : undefined;
  if (how === undefined) return [];
  const what = `type LoadBalancer sends to pods directly (${how}): a flip cuts connections and takes minutes`;
  const fix = 'use driver httproute, targets by instance, or set release.acceptLoss';
  return [unsafe(c, sayObject(o), what, fix)];
}

/** Other Services that select pods of all versions mix the colours. */
export function mixReasons(c: ClusterName, names: readonly string[], seen: Seen): Reason[] {
  const { services, pods, versionLabel } = seen;
  return services.flatMap((o) => {
    const selector = Object.entries(dictOf(dictOf(o['spec'])['selector']));
    const picks = (p: KubeObject): boolean => selector.every(([k, v]) => p.metadata.labels?.[k] === v);
    const whole = selector.length > 0 && selector.every(([k]) => k !== versionLabel);
    if (names.includes(o.metadata.name) || !whole || !pods.some(picks)) return [];
    const what = 'spec.selector: selects pods of every version';
    return [unsafe(c, sayObject(o), what, `delete it, or add ${versionLabel} to its selector`)];
  });
}
interface Seen {
  services: readonly KubeObject[];
  /** Pods of the app, of any version. */
  pods: readonly KubeObject[];
  versionLabel: string;
}
