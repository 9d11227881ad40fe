import { type Step, TEARDOWN, type TrafficDoor, type WhyFacts } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import { type FleetApp, type KubeApi, placedOn } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type Clock, type Journal, toJson } from '../kernel/index.ts';
import { createHttp } from '../traffic/adapters/http.ts';
import { createLookup } from '../traffic/adapters/lookup.ts';
import {
  buildMap,
  currentSnapshot,
  type Discovered,
  hold,
  type Known,
  lift,
  nameserverApp,
  type Receipt,
  type SnapshotStore,
  SYSTEM_NAMESPACE,
  snapshotOf,
  type TrafficBrakes,
  type TrafficDeps,
  type TrafficKeys,
  trafficApply,
  trafficBrakes,
  trafficPlan,
  trafficStatus,
  type Why,
  why,
  worldMap,
} from '../traffic/index.ts';
import { doorOf } from './door.ts';

export interface TrafficWiring {
  config: Config;
  clock: Clock;
  journal: Journal;
  keys: TrafficKeys;
  kube: (cluster: string, outputs: Outputs) => KubeApi | undefined;
  outputs: () => Promise<Outputs>;
  proxyUrl?: string;
  image: string;
  /** Round trips and places that are known beforehand. */
  known: Known;
}

/** ConfigMaps of the system namespace, over fleet's client. */
function storeOver(api: (cluster: string) => KubeApi | undefined): SnapshotStore {
  const need = (cluster: string): KubeApi => {
    const found = api(cluster);
    if (found === undefined) throw new Error(`no way to cluster ${cluster}`);
    return found;
  };
  return {
    put: async (cluster, name, data) => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: SYSTEM_NAMESPACE }, data };
      await need(cluster).apply(object, { manager: 'tw-traffic', dryRun: false, force: true, expect: 'any' });
    },
    get: async (cluster, name) => {
      const found = await need(cluster).get({ group: '', kind: 'ConfigMap', namespace: SYSTEM_NAMESPACE, name });
      return found === undefined ? undefined : (found['data'] as Record<string, string> | undefined);
    },
  };
}

/** Apps with traffic that the config places here: a Service that is away for a moment takes no cluster out. */
function placed(w: TrafficWiring, c: Config['clusters'][number]): string[] {
  return w.config.apps.filter((a) => a.traffic !== undefined && placedOn(a, [c]).length > 0).map((a) => a.name);
}

/** Load balancer addresses of every app in every cluster that answers. */
async function discover(w: TrafficWiring, outputs: Outputs): Promise<Discovered[]> {
  const found = await Promise.all(
    w.config.clusters.map(async (c): Promise<Discovered | undefined> => {
      const api = w.kube(c.name, outputs);
      if (api === undefined) return undefined;
      const edges: Discovered['edges'] = {};
      for (const app of w.config.apps.filter((a) => a.traffic !== undefined)) {
        const mine = await doorOf(w.config, api, app).catch(() => 'silent' as const);
        if (mine === 'silent') return undefined;
        if (mine === undefined) continue;
        const name = mine.addresses.find((a) => !/^[\d.]+$|:/.test(a));
        edges[app.name] = { ips: mine.addresses.filter((a) => a !== name), ...(name === undefined ? {} : { name }) };
      }
      const nameserver = outputs[c.name]?.nameserver?.ip;
      return { cluster: c.name, apps: placed(w, c), edges, ...(nameserver === undefined ? {} : { nameserver }) };
    }),
  );
  return found.filter((d) => d !== undefined);
}

/** Clusters whose app has a service but no address yet. */
function nameless(found: readonly Discovered[]): string[] {
  return found.flatMap((d) =>
    Object.entries(d.edges).flatMap(([app, e]) =>
      e.ips.length === 0 && e.name === undefined ? [`${d.cluster}/${app}`] : [],
    ),
  );
}

const ADDRESS_MS = 120_000;
const AGREE_MS = 60_000;
const POLL_MS = 500;

async function discoverAll(w: TrafficWiring, outputs: Outputs, signal: AbortSignal): Promise<Discovered[]> {
  const until = w.clock.monotonic() + ADDRESS_MS;
  for (;;) {
    const found = await discover(w, outputs);
    if (nameless(found).length === 0 || w.clock.monotonic() > until) return found;
    await w.clock.sleep(POLL_MS, signal);
  }
}

type Server = Awaited<ReturnType<typeof trafficStatus>>['servers'][number];

/** A site that is still to be judged, and can be: so many outside observers answer. */
function owesVerdict(n: Server, all: readonly Server[]): boolean {
  return Object.entries(n.view?.health ?? {}).some(([target, v]) => {
    if (!all.some((s) => target.startsWith(`${s.cluster}/`))) return false;
    const outside = all.filter((s) => s.view !== undefined && !target.startsWith(`${s.cluster}/`));
    return v.state === 'down' || (v.state === 'unknown' && outside.length >= v.votes.need);
  });
}

/** Waits until the nameserver of every cluster that stands runs the snapshot and has a verdict on every site it can have one on; those that do not. */
async function agreed(w: TrafficWiring, deps: TrafficDeps, id: string, signal: AbortSignal): Promise<string[]> {
  const until = w.clock.monotonic() + AGREE_MS;
  for (;;) {
    const servers = (await trafficStatus(deps)).servers.filter((n) => deps.clusters.includes(n.cluster));
    const late = servers.filter((n) => n.view?.snapshot?.id !== id || owesVerdict(n, servers)).map((n) => n.cluster);
    if (late.length === 0 || w.clock.monotonic() > until) return late;
    await w.clock.sleep(POLL_MS, signal);
  }
}

function holdFacts(r: Receipt): { done: boolean; notes: string[]; raw: ReturnType<typeof toJson> } {
  const answers = r.truth.map(
    (s) => `nameserver ${s.cluster} answers ${s.error ?? (s.answers.join(', ') || 'nothing')}`,
  );
  return {
    done: r.done,
    notes: [`${r.peers.confirmed} of ${r.peers.of} nameservers confirm`, ...answers, ...r.notes],
    raw: toJson(r),
  };
}

function whyFacts(w: Why): WhyFacts {
  const { predicted } = w;
  return {
    chosen: predicted.chosen,
    candidates: predicted.candidates.map((k) => ({
      cluster: k.cluster,
      chosen: k.cluster === predicted.chosen,
      why:
        k.out === undefined
          ? k.cluster === predicted.chosen
            ? 'serves this user'
            : 'may serve; another one ranks better'
          : `${k.out.stage}: ${k.out.say}`,
      share: k.share,
      ...(k.rtt === undefined ? {} : { rttMs: k.rtt.ms }),
    })),
    servers: w.servers.map((s) => ({ cluster: s.cluster, answers: s.say, agrees: s.agrees })),
    raw: toJson({ ...w, candidates: predicted.candidates, chosen: predicted.chosen }),
  };
}

/** traffic/ wired to the clusters of one fleet. */
export function trafficDoor(
  w: TrafficWiring,
): TrafficDoor & { brakes(by: string, outputs: Outputs): TrafficBrakes; close(): Promise<void> } {
  const http = createHttp(w.proxyUrl);
  const lookup = createLookup(w.proxyUrl);
  const depsOf = (outputs: Outputs, signal?: AbortSignal): TrafficDeps => ({
    fleet: w.config.fleet,
    clusters: w.config.clusters.map((c) => c.name).filter((c) => outputs[c] !== undefined),
    store: storeOver((c) => w.kube(c, outputs)),
    lookup,
    http,
    keys: w.keys,
    clock: w.clock,
    journal: w.journal,
    nameservers: Object.fromEntries(
      Object.entries(outputs).flatMap(([c, o]) =>
        o.nameserver === undefined ? [] : [[c, { ip: o.nameserver.ip, name: `ns-${c}.${w.config.dns?.zone ?? ''}` }]],
      ),
    ),
    ...(signal === undefined ? {} : { signal }),
  });
  return {
    systemApp: (outputs) => systemApp(w, outputs),
    plan: async (outputs) => {
      const deps = depsOf(outputs);
      const { current } = deps.clusters.length === 0 ? { current: undefined } : await currentSnapshot(deps);
      const p = trafficPlan({
        config: w.config,
        map: buildMap(w.known),
        standing: deps.clusters,
        ...(current === undefined ? {} : { current: current.snapshot }),
      });
      return {
        id: p.digest,
        changes: p.changes.map((c) => `${c.kind} ${c.what}: ${c.say}`),
        gaps: p.gaps.map((g) => [`${g.kept}: ${g.promise}: ${g.say}`, g.code, g.fix?.say].filter(Boolean).join('; ')),
      };
    },
    apply: (outputs, signal) => applied(w, outputs, depsOf(outputs, signal), signal),
    hold: async (cluster, o, signal) =>
      holdFacts(await hold({ kind: 'drain', cluster, ...o }, depsOf(await w.outputs(), signal))),
    lift: async (cluster, signal) =>
      holdFacts(await lift({ hold: cluster, by: 'tw' }, depsOf(await w.outputs(), signal))),
    why: async (ip, host) => whyFacts(await why({ ip, host }, depsOf(await w.outputs()))),
    map: async (without) => await worldMap(depsOf(await w.outputs()), without),
    brakes: (by, outputs) => trafficBrakes(depsOf(outputs), { by }),
    close: async () => http.close(),
  };
}

type Snapshot = ReturnType<typeof snapshotOf>;

interface Found {
  discovered: readonly Discovered[];
  /** Clusters that are built. */
  standing: readonly string[];
}

/** The snapshot to publish. A cluster that was taken down and stands again gets its users back. */
function nextSnapshot(w: TrafficWiring, found: Found, current: Snapshot | undefined): Snapshot {
  const { discovered } = found;
  const input = { config: w.config, ...found, map: buildMap(w.known) };
  if (current === undefined) return snapshotOf(input);
  const holds = current.holds.filter(
    (h) => !(h.by === TEARDOWN.by && h.why === TEARDOWN.why && discovered.some((d) => d.cluster === h.cluster)),
  );
  const next = snapshotOf({ ...input, current: { ...current, holds } });
  return holds.length === current.holds.length ? next : { ...next, seq: current.seq + 1 };
}

async function* applied(
  w: TrafficWiring,
  outputs: Outputs,
  deps: TrafficDeps,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  yield { step: 'addresses', state: 'start' };
  const discovered = await discoverAll(w, outputs, signal);
  const missing = nameless(discovered);
  yield missing.length === 0
    ? { step: 'addresses', state: 'done' }
    : { step: 'addresses', state: 'note', detail: `no address yet: ${missing.join(', ')}` };
  yield { step: 'snapshot', state: 'start' };
  const { current } = await currentSnapshot(deps);
  const snapshot = nextSnapshot(w, { discovered, standing: deps.clusters }, current?.snapshot);
  const done = await trafficApply({ snapshot }, deps);
  yield {
    step: 'snapshot',
    state: 'done',
    detail: `${done.snapshot.term}.${done.snapshot.seq}${done.unchanged ? ' unchanged' : ''}`,
  };
  yield { step: 'nameservers', state: 'start' };
  const late = await agreed(w, deps, done.id, signal);
  yield late.length === 0
    ? { step: 'nameservers', state: 'done' }
    : { step: 'nameservers', state: 'note', detail: `not yet in step: ${late.join(', ')}` };
}

/** The nameservers as an app of the fleet; a cluster whose address is not known yet gets none in its Service. */
function systemApp(w: TrafficWiring, outputs: Outputs): FleetApp | undefined {
  if (w.config.dns === undefined) return undefined;
  const perCluster = Object.fromEntries(
    w.config.clusters.map((c) => {
      const at = outputs[c.name]?.nameserver;
      const objects = nameserverApp({
        config: w.config,
        cluster: c.name,
        image: w.image,
        keys: w.keys,
        ...(at === undefined ? {} : { nameserver: at }),
      });
      return [c.name, objects.filter((o) => o.kind !== 'Namespace')];
    }),
  );
  return {
    name: SYSTEM_NAMESPACE,
    namespace: SYSTEM_NAMESPACE,
    version: w.image.split(':').at(-1) ?? '',
    source: { objects: [], perCluster },
    placement: { selector: {} },
    overrides: [],
    replicas: 'same',
    pull: w.config.apps
      .flatMap((a) => a.pull)
      .filter(
        (p, i, all) => w.image.startsWith(`${p.registry}/`) && all.findIndex((q) => q.registry === p.registry) === i,
      ),
  };
}
