import { type AppConfig, type Config, isRouted, type TrafficConfig } from '../config/index.ts';
import { type ClusterName, digest, type Fix, fault, nearest, toJson } from '../kernel/index.ts';
import { isRegion } from './machine/geo.ts';
import { parseCidr } from './machine/ip.ts';
import { LONGEST } from './machine/map.ts';
import { needOf } from './machine/quorum.ts';
import type { AppName, Intent, LatencyMap, ProbeSettings, Serve, Snapshot } from './model.ts';

interface Change {
  kind: 'create' | 'change' | 'remove';
  /** Such as `name guestbook.example.org` or `cluster sao`. */
  what: string;
  say: string;
}
/** How a promise of the intent is kept. */
interface Gap {
  app: AppName;
  promise: string;
  kept: 'exact' | 'approximate' | 'refused';
  say: string;
  code?: 'TW4020';
  fix?: Fix;
}
export interface TrafficPlan {
  changes: Change[];
  gaps: Gap[];
  /** Over everything the config decides; addresses found later are no part of it. */
  digest: string;
}

/** Default speed of the probes: a dead cluster is out of the answers within 5 s. */
export const PROBE: ProbeSettings = { intervalMs: 1000, timeoutMs: 1000, fall: 2, rise: 5 };
const LOW_WEIGHT = 10;

const trafficApps = (config: Config): (AppConfig & { traffic: NonNullable<AppConfig['traffic']> })[] =>
  config.apps.flatMap((a) => (a.traffic === undefined ? [] : [{ ...a, traffic: a.traffic }]));

function bad(config: Config, path: string, value: string, say: string): never {
  throw fault('TW4001', { value, where: [{ file: config.file, path }], why: [say] });
}

function knownClusters(config: Config, path: string, names: readonly string[]): void {
  const all = config.clusters.map((c) => c.name);
  for (const name of names) {
    if (all.includes(name)) continue;
    const near = nearest(name, all);
    bad(config, path, name, near === undefined ? 'no such cluster' : `no such cluster; did you mean "${near}"?`);
  }
}

function checkServe(config: Config, path: string, serve: Serve): void {
  if (serve.by === 'order') knownClusters(config, `${path}.order`, serve.order.flat());
  if (serve.by !== 'weights') return;
  knownClusters(config, `${path}.weights`, Object.keys(serve.weights));
  const weights = Object.values(serve.weights);
  if (weights.some((w) => !(w >= 0))) bad(config, `${path}.weights`, String(weights), 'a weight is negative');
  if (!weights.some((w) => w > 0)) bad(config, `${path}.weights`, String(weights), 'all weights are 0');
}

function checkOrigin(config: Config, path: string, name: string): void {
  const cidr = parseCidr(name);
  if (cidr === undefined && !isRegion(name)) bad(config, path, name, 'neither a prefix nor a country nor a group');
  if (cidr !== undefined && cidr.len > LONGEST[cidr.addr.v]) {
    bad(config, path, name, `longer than /${LONGEST[cidr.addr.v]}: resolvers tell no more of a client`);
  }
}

/** The intents of all apps with traffic. Throws TW4001 with path and nearest name. */
export function intentsOf(config: Config): Intent[] {
  const seen = new Map<string, string>();
  return trafficApps(config).map((app) => {
    const t = app.traffic;
    const path = `apps.${app.name}.traffic`;
    const zone = config.dns?.zone;
    if (zone === undefined) return bad(config, 'dns', app.name, 'an app has traffic, but no dns.zone is given');
    if (!t.host.endsWith(`.${zone}`)) bad(config, `${path}.host`, t.host, `not inside the zone ${zone}`);
    const other = seen.get(t.host);
    if (other !== undefined) bad(config, `${path}.host`, t.host, `already the host of ${other}`);
    seen.set(t.host, app.name);
    const serve = structuredClone(t.serve) as Serve;
    checkServe(config, `${path}.serve`, serve);
    knownClusters(config, `${path}.capacity`, Object.keys(t.capacity));
    for (const [i, r] of t.residency.entries()) {
      knownClusters(config, `${path}.residency.${i}.to`, r.to);
      for (const from of r.from) checkOrigin(config, `${path}.residency.${i}.from`, from);
    }
    return {
      app: app.name,
      host: t.host.toLowerCase(),
      serve,
      ttl: t.ttl,
      residency: t.residency.map((r) => ({ from: [...r.from], to: [...r.to], strict: r.strict })),
      capacity: { ...t.capacity },
      keepBelow: t.keepBelow,
      health: edgeOf(app, t),
    };
  });
}

/** Where a cluster is asked: at the app's own load balancer, or at the gateway's listener. */
const edgeOf = (app: AppConfig, t: TrafficConfig): Intent['health'] => {
  const port = isRouted(app) ? 80 : t.port;
  return { scheme: port === 443 ? 'https' : 'http', port, path: t.health };
};

const serveText = (s: Serve): string => {
  if (s.by === 'weights')
    return `by weights ${Object.entries(s.weights)
      .map(([c, w]) => `${c} ${w}`)
      .join(', ')}`;
  if (s.by === 'order') return `in the order ${s.order.map((g) => g.join(' = ')).join(', ')}`;
  return `by the ${s.by} cluster`;
};

/** What becomes of users when a cluster dies; `standing` of `all` clusters observe. */
function failover(intent: Intent, clusters: { all: number; standing: number }): Omit<Gap, 'app' | 'promise'> {
  const { all, standing } = clusters;
  const outside = standing - 1;
  const now = standing === all ? '' : ` (${standing} of ${all} clusters stand now)`;
  const need = needOf(outside);
  if (outside >= need) return { kept: 'exact', say: `${need} of ${outside} observers decide, within 5 s${now}` };
  const third = 'it observes as well as it serves.';
  if (outside < 1) {
    const say = `there is no other cluster to go to${now}`;
    return { kept: 'refused', say, code: 'TW4020', fix: { say: `Add two clusters; each ${third}` } };
  }
  const fix = { say: all > standing ? 'Bring the others up: tw up.' : `Add a third cluster; ${third}` };
  if (intent.serve.by === 'order') {
    const say = `a dead app is left within 5 s; a cluster that is silent as a whole keeps its place, since one observer cannot tell death from a cut wire${now}`;
    return { kept: 'refused', say, code: 'TW4020', fix };
  }
  const say = `a dead app or cluster is left within 5 s; one observer cannot tell death from a cut wire, so after a cut each side serves whom it reaches${now}`;
  return { kept: 'approximate', say, fix };
}

type Clusters = Parameters<typeof failover>[1];
function gapsOf(clusters: Clusters, intent: Intent, map: LatencyMap | undefined): Gap[] {
  const { app, serve } = intent;
  const measured = map?.rows.some((r) => r.rtt !== undefined) ?? false;
  const gaps: Gap[] = [];
  const add = (promise: string, kept: Gap['kept'], say: string, more: Partial<Gap> = {}): void => {
    gaps.push({ app, promise, kept, say, ...more });
  };
  if (serve.by !== 'fastest') add(`serve ${serve.by}`, 'exact', serveText(serve));
  else if (measured) add('serve fastest', 'exact', 'by measured round trips');
  else add('serve fastest', 'approximate', 'no round trips are known: estimated from distance');
  if (serve.by === 'weights' && Object.values(serve.weights).some((w) => w > 0 && w < LOW_WEIGHT)) {
    add('low weight', 'approximate', 'a share below 10 % varies by more than half per minute: resolvers keep answers');
  }
  if (intent.residency.length > 0) {
    add(
      'residency',
      'approximate',
      'without client subnet the place of the resolver decides; enforce it at the gateway',
    );
  }
  if (Object.keys(intent.capacity).length > 0) {
    add('capacity', 'approximate', 'no load is measured: a drain is checked against the peaks it is given');
  }
  gaps.push({ app, promise: 'failover', ...failover(intent, clusters) });
  return gaps;
}

function nameChange(i: Intent, before: Intent | undefined): Change[] {
  const what = `name ${i.host}`;
  const say = `${serveText(i.serve)}, TTL ${i.ttl} s`;
  if (before === undefined) return [{ kind: 'create', what, say }];
  return digest(toJson(before)) === digest(toJson(i)) ? [] : [{ kind: 'change', what, say }];
}

function difference(intents: readonly Intent[], clusters: readonly ClusterName[], current?: Snapshot): Change[] {
  const old = current?.intents ?? [];
  const sites = current?.sites.map((s) => s.cluster) ?? [];
  const gone = old.filter((o) => !intents.some((i) => i.host === o.host));
  const come = clusters.filter((c) => !sites.includes(c));
  const left = sites.filter((c) => !clusters.includes(c));
  return [
    ...intents.flatMap((i) =>
      nameChange(
        i,
        old.find((o) => o.host === i.host),
      ),
    ),
    ...gone.map((o): Change => ({ kind: 'remove', what: `name ${o.host}`, say: 'no app has it any more' })),
    ...come.map((c): Change => ({ kind: 'create', what: `nameserver in ${c}`, say: 'answers, probes and votes' })),
    ...left.map((c): Change => ({ kind: 'remove', what: `cluster ${c}`, say: 'leaves the answers' })),
  ];
}

/** What traffic will be, before anything is written. Throws TW4001. Nothing to do for a fleet without hosts. */
export function trafficPlan(input: {
  config: Config;
  current?: Snapshot;
  map?: LatencyMap;
  /** Clusters that are built; those of the config before the first are. */
  standing?: readonly ClusterName[];
}): TrafficPlan {
  const { config } = input;
  const intents = intentsOf(config);
  if (intents.length === 0 && input.current === undefined) return { changes: [], gaps: [], digest: digest([]) };
  const clusters = config.clusters.map((c) => c.name);
  const standing = clusters.filter((c) => input.standing?.includes(c));
  const counts = { all: clusters.length, standing: standing.length > 0 ? standing.length : clusters.length };
  return {
    changes: difference(intents, clusters, input.current),
    gaps: intents.flatMap((i) => gapsOf(counts, i, input.map)),
    digest: digest(toJson({ intents, clusters, zone: config.dns?.zone ?? '' })),
  };
}
