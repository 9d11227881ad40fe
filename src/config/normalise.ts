import { isAbsolute, join } from 'node:path';
import { nearest } from '../kernel/index.ts';
import { chatFaults } from './chat.ts';
import { coordinationFaults, coordinationOf } from './coordination.ts';
import type { AppConfig, ClusterConfig, Config, ConfigFault, Placement } from './model.ts';
import { freezeFaults, peopleFaults } from './people.ts';
import { regionFacts, regionNames } from './regions.ts';
import type { ConfigParsed } from './schema.ts';

type ParsedCluster = ConfigParsed['clusters'][string];

function zonesOf(c: ParsedCluster): readonly string[] {
  if (c.zones !== undefined) return c.zones;
  const facts = regionFacts(c.cloud, c.region);
  return facts === undefined || facts.zones.length === 0 ? [c.region] : facts.zones.slice(0, 2);
}

function* placeFaults(at: string, c: ParsedCluster): Generator<ConfigFault> {
  const facts = regionFacts(c.cloud, c.region);
  if (c.cloud !== 'existing' && facts === undefined) {
    yield withNear(
      { path: `${at}.region`, message: `${c.cloud} has no region "${c.region}"` },
      c.region,
      regionNames(c.cloud),
    );
  }
  const zones = facts?.zones ?? [];
  for (const zone of zones.length === 0 ? [] : (c.zones ?? [])) {
    if (!zones.includes(zone)) {
      yield withNear({ path: `${at}.zones`, message: `${c.region} has no zone "${zone}"` }, zone, zones);
    }
  }
}

function withNear(fault: ConfigFault, word: string, candidates: Iterable<string>): ConfigFault {
  const near = nearest(word, candidates);
  return near === undefined ? fault : { ...fault, near };
}

function* clusterFaults(name: string, c: ParsedCluster): Generator<ConfigFault> {
  const at = `clusters.${name}`;
  yield* placeFaults(at, c);
  if (c.cloud === 'existing' && c.location === undefined)
    yield { path: `${at}.location`, message: 'a cluster of cloud "existing" needs its location' };
  if (c.nodes.min > c.nodes.max)
    yield { path: `${at}.nodes`, message: `min ${c.nodes.min} is above max ${c.nodes.max}` };
}

/**
 * The n-th range of nodes: 10.10, 10.20 … 10.240, then what lies between them. 10.244 is the pods' and 10.250 the
 * services'. A cluster beyond the 231st gets a range again, which the check of overlaps names.
 */
function nodesRange(n: number): string {
  const tens = Array.from({ length: 24 }, (_, i) => 10 + i * 10);
  const between = Array.from({ length: 229 }, (_, i) => 11 + i).filter((k) => k % 10 !== 0);
  const all = [...tens, ...between];
  return `10.${all[n % all.length] ?? 10}.0.0/16`;
}

function cluster(name: string, c: ParsedCluster, index: number): ClusterConfig {
  const facts = regionFacts(c.cloud, c.region);
  return {
    name,
    cloud: c.cloud,
    region: c.region,
    zones: zonesOf(c),
    location: c.location ?? { lat: facts?.lat ?? 0, lon: facts?.lon ?? 0 },
    labels: c.labels,
    version: c.version,
    size: c.size,
    nodes: c.nodes,
    network: {
      nodes: c.network.nodes ?? nodesRange(index),
      pods: c.network.pods,
      services: c.network.services,
    },
    admins: c.admins,
    protect: c.protect,
    ...(c.context === undefined ? {} : { context: c.context }),
    ...(c.kubeconfig === undefined ? {} : { kubeconfig: c.kubeconfig }),
  };
}

/** Every place of an app that names clusters, with its path. */
function* clusterRefs(name: string, a: ConfigParsed['apps'][string]): Generator<[path: string, cluster: string]> {
  const at = `apps.${name}`;
  for (const c of a.placement.clusters ?? []) yield [`${at}.placement.clusters`, c];
  yield* overrideRefs(at, a.overrides);
  const weights = a.replicas === 'same' ? {} : (a.replicas.weights ?? {});
  for (const c of Object.keys(weights).filter((k) => k !== '*')) yield [`${at}.replicas.weights`, c];
  yield* trafficRefs(at, a.traffic);
  yield* waveRefs(at, a.release?.waves ?? []);
}

function* overrideRefs(
  at: string,
  overrides: ConfigParsed['apps'][string]['overrides'],
): Generator<[path: string, cluster: string]> {
  for (const [i, o] of overrides.entries())
    for (const c of o.on.clusters ?? []) yield [`${at}.overrides.${i}.on.clusters`, c];
}

function* waveRefs(
  at: string,
  waves: readonly { clusters: readonly string[] }[],
): Generator<[path: string, cluster: string]> {
  for (const [i, w] of waves.entries()) for (const c of w.clusters) yield [`${at}.release.waves.${i}.clusters`, c];
}

function* trafficRefs(
  at: string,
  t: ConfigParsed['apps'][string]['traffic'],
): Generator<[path: string, cluster: string]> {
  if (t === undefined) return;
  if (t.serve.by === 'weights') for (const c of Object.keys(t.serve.weights)) yield [`${at}.traffic.serve.weights`, c];
  if (t.serve.by === 'order') for (const c of t.serve.order.flat()) yield [`${at}.traffic.serve.order`, c];
  for (const [i, r] of t.residency.entries()) for (const c of r.to) yield [`${at}.traffic.residency.${i}.to`, c];
  for (const c of Object.keys(t.capacity)) yield [`${at}.traffic.capacity`, c];
}

/** A release needs a Service to find the pods, and waves that name each cluster once. */
function* releaseFaults(name: string, a: ConfigParsed['apps'][string]): Generator<ConfigFault> {
  if (a.release === undefined) return;
  const at = `apps.${name}`;
  if (a.traffic === undefined)
    yield { path: `${at}.release`, message: 'needs traffic.service: its pods are what is released' };
  if (a.release.strategy === 'atomic' && a.release.waves !== undefined)
    yield { path: `${at}.release.waves`, message: 'strategy atomic has one wave of all clusters' };
  const all = (a.release.waves ?? []).flatMap((w) => w.clusters);
  const twice = all.find((c, i) => all.indexOf(c) !== i);
  if (twice !== undefined) yield { path: `${at}.release.waves`, message: `"${twice}" is in two waves` };
  yield* schemaFaults(`${at}.release.state.schema`, a.release.state?.schema ?? {});
}

type Schema = NonNullable<NonNullable<NonNullable<ConfigParsed['apps'][string]['release']>['state']>['schema']>;

/** A version that cannot read what it writes itself is a slip of the pen. */
function* schemaFaults(at: string, schema: Schema): Generator<ConfigFault> {
  for (const [version, { reads, writes }] of Object.entries(schema))
    if (!reads.includes(writes))
      yield { path: `${at}.${version}`, message: `writes ${writes}, which it does not read (${reads.join(', ')})` };
}

function appFaults(name: string, parsed: ConfigParsed): ConfigFault[] {
  const a = parsed.apps[name];
  if (a === undefined) return [];
  const faults: ConfigFault[] = [];
  const known = Object.keys(parsed.clusters);
  for (const [path, ref] of clusterRefs(name, a)) {
    if (known.includes(ref)) continue;
    faults.push(withNear({ path, message: `no cluster "${ref}" in this fleet` }, ref, known));
  }
  faults.push(...releaseFaults(name, a));
  if (a.traffic !== undefined) {
    if (parsed.dns === undefined)
      faults.push({ path: 'dns', message: `app ${name} has traffic, so the fleet needs dns.zone` });
    else if (!a.traffic.host.endsWith(`.${parsed.dns.zone}`))
      faults.push({
        path: `apps.${name}.traffic.host`,
        message: `"${a.traffic.host}" is not inside the zone ${parsed.dns.zone}`,
      });
  }
  return faults;
}

function accountFaults(parsed: ConfigParsed): ConfigFault[] {
  const used = new Set(Object.values(parsed.clusters).map((c) => c.cloud));
  if (parsed.dns !== undefined) used.add('aws');
  return (['aws', 'azure', 'gcp'] as const)
    .filter((cloud) => used.has(cloud) && parsed.accounts[cloud] === undefined)
    .map((cloud) => ({ path: `accounts.${cloud}`, message: `the fleet uses ${cloud}, so its account must be named` }));
}

const placementOf = (p: Placement): Placement => (Object.keys(p).length === 0 ? { selector: {} } : p);

function app(name: string, a: ConfigParsed['apps'][string], dir: string): AppConfig {
  return {
    name,
    namespace: a.namespace ?? name,
    version: a.version,
    manifests: a.manifests.map((m) => (isAbsolute(m) ? m : join(dir, m))),
    placement: placementOf(a.placement),
    overrides: a.overrides,
    replicas: a.replicas,
    pull: a.pull,
    ...(a.traffic === undefined ? {} : { traffic: a.traffic }),
    ...(a.release === undefined ? {} : { release: a.release }),
    state: a.state,
  };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const v of Object.values(value)) freeze(v);
  }
  return value;
}

function* serverFaults(parsed: ConfigParsed): Generator<ConfigFault> {
  const at = parsed.server?.in;
  if (at === undefined || Object.hasOwn(parsed.clusters, at)) return;
  const near = nearest(at, Object.keys(parsed.clusters));
  yield { path: 'server.in', message: `there is no cluster "${at}"`, ...(near === undefined ? {} : { near }) };
}

/** Blocks that the config has. */
function given<K extends keyof ConfigParsed>(
  parsed: ConfigParsed,
  keys: readonly K[],
): { [P in K]?: NonNullable<ConfigParsed[P]> } {
  return Object.fromEntries(keys.filter((k) => parsed[k] !== undefined).map((k) => [k, parsed[k]])) as never;
}
const OPTIONAL = ['dns', 'people', 'chat', 'server', 'telemetry', 'sandbox'] as const;

/** Cross-field checks and defaults: a parsed config → the frozen Config, or every fault at once. */
export function normalise(
  parsed: ConfigParsed,
  file: string,
  dir: string,
): { config: Config } | { faults: ConfigFault[] } {
  const faults = [
    ...Object.entries(parsed.clusters).flatMap(([name, c]) => [...clusterFaults(name, c)]),
    ...accountFaults(parsed),
    ...coordinationFaults(parsed),
    ...peopleFaults(parsed),
    ...freezeFaults(parsed),
    ...chatFaults(parsed),
    ...serverFaults(parsed),
    ...Object.keys(parsed.apps).flatMap((name) => appFaults(name, parsed)),
  ];
  if (faults.length > 0) return { faults };
  const coordination = coordinationOf(parsed);
  const config: Config = {
    fleet: parsed.fleet,
    file,
    dir,
    clusters: Object.entries(parsed.clusters).map(([name, c], i) => cluster(name, c, i)),
    apps: Object.entries(parsed.apps).map(([name, a]) => app(name, a, dir)),
    gateway: parsed.gateway,
    accounts: parsed.accounts,
    protect: parsed.protect,
    rights: parsed.rights ?? [],
    approvals: parsed.approvals ?? [],
    freezes: parsed.freezes,
    ...(coordination === undefined ? {} : { coordination }),
    infra: parsed.infra,
    ...given(parsed, OPTIONAL),
  };
  return { config: freeze(config) };
}
