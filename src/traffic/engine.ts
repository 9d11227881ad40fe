import { type Clock, type ClusterName, causes, fault, type Journal, toJson } from '../kernel/index.ts';
import { isNewer, snapshotId } from './machine/world.ts';
import type { HealthView, Ip, Lever, NameserverAt, SignedSnapshot, Snapshot } from './model.ts';
import { createPatience, type Patience } from './patience.ts';
import type { Http, Lookup, SnapshotStore } from './ports.ts';
import {
  dataOf,
  readToken,
  SNAPSHOT_OBJECT,
  signedOf,
  signSnapshot,
  type TrafficKeys,
  verifySnapshot,
} from './sign.ts';

/** What the engine's functions need from outside. */
export interface TrafficDeps {
  fleet: string;
  clusters: readonly ClusterName[];
  store: SnapshotStore;
  lookup: Lookup;
  http: Http;
  keys: TrafficKeys;
  clock: Clock;
  journal?: Journal;
  /** Nameservers to ask before any snapshot is known. */
  nameservers?: Readonly<Record<ClusterName, NameserverAt>>;
  signal?: AbortSignal;
  /** Given when several calls shall remember together who is silent. */
  patience?: Patience;
}
export const patienceOf = (deps: TrafficDeps): Patience => deps.patience ?? createPatience();

/** Time for one call to one cluster or nameserver. */
const CALL_MS = 5000;

export const limited = (deps: TrafficDeps, ms = CALL_MS): AbortSignal => {
  const timeout = AbortSignal.timeout(ms);
  return deps.signal === undefined ? timeout : AbortSignal.any([deps.signal, timeout]);
};

export interface ServerAt extends NameserverAt {
  cluster: ClusterName;
}

export const serversOf = (s: Snapshot): ServerAt[] =>
  s.sites.flatMap((x) => (x.nameserver === undefined ? [] : [{ ...x.nameserver, cluster: x.cluster }]));

export const portOf = (at: { dns?: number }): { port?: number } => (at.dns === undefined ? {} : { port: at.dns });

const urlOf = (at: { ip: Ip; http?: number }, path: string): string =>
  `http://${at.ip.includes(':') ? `[${at.ip}]` : at.ip}:${at.http ?? 8053}${path}`;

/** GET of a nameserver's protected page. Rejects on any other status than 200. */
export async function readPage(deps: TrafficDeps, at: { ip: Ip; http?: number }, path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${readToken(deps.keys.hmac)}` };
  const res = await deps.http.send({ method: 'GET', url: urlOf(at, path), headers }, limited(deps));
  if (res.status !== 200) throw new Error(`${path.split('?')[0]} answered ${res.status}`);
  return JSON.parse(res.body);
}

/** What `/view` of a nameserver says. */
export interface NameserverView {
  cluster: ClusterName;
  at: number;
  snapshot: { id: string; term: number; seq: number; map: string } | null;
  held: boolean;
  health: HealthView;
  edges: Record<string, Ip[]>;
  peers: Record<ClusterName, { heardMsAgo: number | null; error: string | null }>;
  counters: Record<string, number>;
}
export const viewOf = async (deps: TrafficDeps, at: ServerAt): Promise<NameserverView> =>
  (await readPage(deps, at, '/view')) as NameserverView;

export interface Current {
  snapshot: Snapshot;
  signed: SignedSnapshot;
}
export interface Asked {
  /** The newest that verifies, from any cluster or nameserver. */
  current?: Current;
  /** Why a cluster's object could not be read. */
  errors: Record<ClusterName, string>;
}

function newest(found: readonly (SignedSnapshot | undefined)[], deps: TrafficDeps): Current | undefined {
  let best: Current | undefined;
  for (const signed of found) {
    const snapshot = signed && verifySnapshot(signed, deps.keys.publicKey, deps.fleet);
    if (signed !== undefined && snapshot !== undefined && isNewer(snapshot, best?.snapshot))
      best = { snapshot, signed };
  }
  return best;
}

const settledText = (r: PromiseSettledResult<unknown>): string | undefined =>
  r.status === 'rejected' ? causes(r.reason).join(': ') : undefined;

const askServers = (
  deps: TrafficDeps,
  p: Patience,
  servers: readonly ServerAt[],
): Promise<PromiseSettledResult<unknown>[]> =>
  p.all(servers.map((at) => ({ who: `server ${at.cluster}`, run: () => readPage(deps, at, '/snapshot') })));

const served = (told: readonly PromiseSettledResult<unknown>[]): (SignedSnapshot | undefined)[] =>
  told.map((r) => (r.status === 'fulfilled' ? (r.value as SignedSnapshot) : undefined));

/** The snapshot in force. The objects in the clusters are asked, and the nameservers too: either may be dead. */
export async function currentSnapshot(deps: TrafficDeps): Promise<Asked> {
  const patience = patienceOf(deps);
  const hints = Object.entries(deps.nameservers ?? {}).map(([cluster, at]) => ({ ...at, cluster }));
  const [stored, told] = await Promise.all([
    patience.all(
      deps.clusters.map((c) => ({
        who: `api ${c}`,
        run: () => deps.store.get(c, SNAPSHOT_OBJECT, limited(deps)),
      })),
    ),
    askServers(deps, patience, hints),
  ]);
  const errors: Record<ClusterName, string> = {};
  for (const [i, r] of stored.entries()) {
    const text = settledText(r);
    if (text !== undefined) errors[deps.clusters[i] ?? ''] = text;
  }
  const objects = stored.map((r) => (r.status === 'fulfilled' ? signedOf(r.value) : undefined));
  const known = newest([...objects, ...served(told)], deps);
  // Nameservers that only the snapshot names may have a newer one.
  const others =
    known === undefined
      ? []
      : serversOf(known.snapshot).filter((at) => !hints.some((h) => h.ip === at.ip && h.http === at.http));
  const current = newest([known?.signed, ...served(await askServers(deps, patience, others))], deps);
  return current === undefined ? { errors } : { current, errors };
}

/** The snapshot in force, or TW4051. */
export async function needCurrent(deps: TrafficDeps): Promise<Current> {
  const { current, errors } = await currentSnapshot(deps);
  if (current !== undefined) return current;
  const why = Object.entries(errors).map(([c, e]) => `${c}: ${e}`);
  throw fault('TW4051', { why, fix: [{ say: 'Bring the fleet up first.', command: 'tw up' }] });
}

export interface Published {
  signed: SignedSnapshot;
  /** The object in each cluster. */
  api: Record<ClusterName, Lever>;
  errors: Record<ClusterName, string>;
  /** Nameservers that took it directly. */
  told: ClusterName[];
}

async function tell(deps: TrafficDeps, at: ServerAt, signed: SignedSnapshot): Promise<ClusterName> {
  const body = JSON.stringify({ snapshot: signed });
  const headers = { 'content-type': 'application/json' };
  const res = await deps.http.send({ method: 'POST', url: urlOf(at, '/peers'), headers, body }, limited(deps));
  if (res.status !== 200) throw new Error(`/peers answered ${res.status}`);
  return at.cluster;
}

/**
 * Signs and tells a snapshot two ways at once: the object in every cluster and every nameserver itself.
 * Each way alone is enough, since nameservers pass it on. Throws TW4050 when no one could be told.
 */
export async function publish(deps: TrafficDeps, snapshot: Snapshot): Promise<Published> {
  const signed = signSnapshot(snapshot, deps.keys.privateKey);
  const data = dataOf(signed);
  const patience = patienceOf(deps);
  const [api, told] = await Promise.all([
    patience.all(
      deps.clusters.map((c) => ({
        who: `api ${c}`,
        run: () => deps.store.put(c, SNAPSHOT_OBJECT, data, limited(deps)),
      })),
    ),
    patience.all(serversOf(snapshot).map((at) => ({ who: `server ${at.cluster}`, run: () => tell(deps, at, signed) }))),
  ]);
  const errors: Record<ClusterName, string> = {};
  const levers: Record<ClusterName, Lever> = {};
  for (const [i, r] of api.entries()) {
    const cluster = deps.clusters[i] ?? '';
    const text = settledText(r);
    levers[cluster] = text === undefined ? 'confirmed' : 'unreachable';
    if (text !== undefined) errors[cluster] = text;
  }
  const heard = told.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
  if (heard.length === 0 && !Object.values(levers).includes('confirmed')) {
    const why = Object.entries(errors).map(([c, e]) => `${c}: ${e}`);
    throw fault('TW4050', { value: snapshotId(snapshot), why });
  }
  return { signed, api: levers, errors, told: heard };
}

export interface TrafficApplied extends Published {
  snapshot: Snapshot;
  id: string;
  /** Nothing differed: the current snapshot was written again only where it was missing. */
  unchanged: boolean;
}

/**
 * Puts a snapshot in force. Throws TW4042 when a newer one (or another of the same number) exists already,
 * TW4050 when no cluster and no nameserver could be told.
 */
export async function trafficApply(input: { snapshot: Snapshot }, deps: TrafficDeps): Promise<TrafficApplied> {
  const { snapshot } = input;
  const { current } = await currentSnapshot(deps);
  const id = snapshotId(snapshot);
  const same = current !== undefined && snapshotId(current.snapshot) === id;
  if (current !== undefined && !same && !later(snapshot, current.snapshot)) {
    const held = `${current.snapshot.term}.${current.snapshot.seq}`;
    const why = [`it is ${held}, this one ${snapshot.term}.${snapshot.seq}`];
    throw fault('TW4042', { value: held, why, fix: [{ say: 'Plan again and apply that.' }] });
  }
  const published = await publish(deps, snapshot);
  deps.journal?.append({
    kind: 'traffic.snapshot',
    data: toJson({
      id,
      term: snapshot.term,
      seq: snapshot.seq,
      api: published.api,
      told: published.told,
      unchanged: same,
    }),
  });
  return { ...published, snapshot, id, unchanged: same };
}

const later = (a: Snapshot, b: Snapshot): boolean => a.term > b.term || (a.term === b.term && a.seq > b.seq);
