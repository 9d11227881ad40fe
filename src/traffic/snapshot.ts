import ipaddr from 'ipaddr.js';
import type { Config } from '../config/index.ts';
import { type ClusterName, digest, fault, toJson } from '../kernel/index.ts';
import type { AppName, Edge, Intent, Ip, LatencyMap, ProbeSettings, Site, Snapshot } from './model.ts';
import { intentsOf, PROBE } from './plan.ts';

/** What the clouds and clusters were found to have; a missing part means "not known now", never "gone". */
export interface Discovered {
  cluster: ClusterName;
  /** Apps placed in this cluster. */
  apps: AppName[];
  /** Load balancer of each app's service: addresses, or a host name. */
  edges: Record<AppName, { ips: Ip[]; name?: string }>;
  /** Fixed address of the nameserver. */
  nameserver?: Ip;
}

const HIDDEN = new Set([
  'private',
  'loopback',
  'unspecified',
  'linkLocal',
  'multicast',
  'uniqueLocal',
  'carrierGradeNat',
]);

function checkAddress(cluster: ClusterName, app: AppName, ip: Ip): void {
  const range = ipaddr.isValid(ip) ? ipaddr.process(ip).range() : 'invalid';
  if (range !== 'invalid' && !HIDDEN.has(range)) return;
  throw fault('TW4002', {
    value: ip,
    where: [{ cluster, resource: app }],
    why: [`users on the Internet cannot reach an address that is ${range}`],
  });
}

function edgeOf(found: { ips: Ip[]; name?: string }): Edge {
  const v4 = found.ips.filter((ip) => !ip.includes(':')).toSorted();
  const v6 = found.ips.filter((ip) => ip.includes(':')).toSorted();
  return { v4, v6, ...(found.name === undefined ? {} : { name: found.name.toLowerCase() }) };
}

const NO_EDGE: Edge = { v4: [], v6: [] };
const isUseful = (f: { ips: Ip[]; name?: string } | undefined): f is { ips: Ip[]; name?: string } =>
  f !== undefined && (f.ips.length > 0 || f.name !== undefined);

function edgesOf(found: Discovered | undefined, old: Site | undefined): Record<AppName, Edge> {
  const apps = found?.apps ?? Object.keys(old?.edges ?? {});
  return Object.fromEntries(
    apps.map((app) => {
      const at = found?.edges[app];
      for (const ip of at?.ips ?? []) checkAddress(found?.cluster ?? '', app, ip);
      return [app, isUseful(at) ? edgeOf(at) : (old?.edges[app] ?? NO_EDGE)];
    }),
  );
}

function siteOf(input: SnapshotInput, c: Config['clusters'][number]): Site {
  const found = input.discovered.find((d) => d.cluster === c.name);
  const old = input.current?.sites.find((s) => s.cluster === c.name);
  const ip = found?.nameserver;
  const name = `ns-${c.name}.${input.config.dns?.zone ?? ''}`;
  const nameserver = ip === undefined ? old?.nameserver : { ip, name };
  const edges = edgesOf(found, old);
  const base = { cluster: c.name, cloud: c.cloud, region: c.region, place: { ...c.location }, edges };
  return nameserver === undefined ? base : { ...base, nameserver };
}

const hasLeaf = (sites: readonly Site[], app: AppName): boolean =>
  sites.some((s) => {
    const e = s.edges[app];
    return e !== undefined && e.v4.length + e.v6.length + (e.name === undefined ? 0 : 1) > 0;
  });

export interface SnapshotInput {
  config: Config;
  discovered: readonly Discovered[];
  map: LatencyMap;
  current?: Snapshot;
  probe?: ProbeSettings;
  /** Clusters that are built: only they can observe. All of the config when absent. */
  standing?: readonly ClusterName[];
}

/** TLS takes one round trip more: over the longest distances that is more than a second. */
const probeFor = (intents: readonly Intent[]): ProbeSettings =>
  intents.some((i) => i.health.scheme === 'https') ? { ...PROBE, timeoutMs: 2000 } : PROBE;

/** A name keeps one cluster at least, whatever was not found. */
function keepLeaves(intents: readonly Intent[], sites: readonly Site[], current: Snapshot | undefined): void {
  const before = current?.sites ?? [];
  for (const i of intents) {
    if (!hasLeaf(before, i.app) || hasLeaf(sites, i.app)) continue;
    throw fault('TW4041', { value: i.host, why: ['the plan would leave it no cluster at all'] });
  }
}

/**
 * The snapshot for what was found. Parts that were not found keep their last value. The current one is
 * returned itself when nothing differs. Throws TW4001, TW4002, TW4041 (a name would lose its last cluster).
 */
export function snapshotOf(input: SnapshotInput): Snapshot {
  const { config, current } = input;
  const intents = intentsOf(config);
  const sites = config.clusters.map((c) => siteOf(input, c));
  keepLeaves(intents, sites, current);
  const names = config.clusters.map((c) => c.name);
  const { term, seq, holds } = current ?? { term: 1, seq: 1, holds: [] };
  const next: Snapshot = {
    format: 1,
    fleet: config.fleet,
    zone: config.dns?.zone ?? '',
    term,
    seq,
    intents,
    sites,
    map: input.map,
    holds: holds.filter((h) => names.includes(h.cluster)),
    voters: names.filter((c) => input.standing?.includes(c) !== false),
    probe: input.probe ?? probeFor(intents),
  };
  if (current === undefined) return next;
  return digest(toJson(next)) === digest(toJson(current)) ? current : { ...next, seq: seq + 1 };
}
