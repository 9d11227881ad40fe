import { type ClusterName, causes, fault, nearest, toJson } from '../kernel/index.ts';
import {
  type Current,
  limited,
  type NameserverView,
  needCurrent,
  portOf,
  publish,
  type ServerAt,
  serversOf,
  type TrafficDeps,
  viewOf,
} from './engine.ts';
import { objections } from './machine/guard.ts';
import { snapshotId, worldOf } from './machine/world.ts';
import type { HealthView, Hold, Ip, Lever, LoadView, Receipt, ServerView, Snapshot } from './model.ts';

export interface HoldRequest {
  kind: 'drain' | 'brake';
  cluster: ClusterName;
  why: string;
  by: string;
  /** Unix milliseconds at which it ends by itself. */
  until?: number;
  /** Go on although capacity (TW4030) or another hold (TW4032) speaks against it. TW4031 stays. */
  force?: boolean;
  /** Peak requests per second of the last hour, by cluster. */
  peaks?: LoadView;
  /** How long to wait until no server answers the cluster. Default 30 s. */
  waitMs?: number;
  /** Hears the receipt as it fills. */
  onProgress?: (receipt: Receipt) => void;
}

const WAIT_MS = 30_000;
const POLL_MS = 500;
const ASK_MS = 3000;
const TRIES = 4;
/** Prefixes a nameserver is asked for: all of a small map. */
const MOST_PREFIXES = 16;

interface Seen {
  views: Map<ClusterName, NameserverView>;
  errors: Map<ClusterName, string>;
}

export async function lookAt(deps: TrafficDeps, servers: readonly ServerAt[]): Promise<Seen> {
  const seen: Seen = { views: new Map(), errors: new Map() };
  await Promise.all(
    servers.map(async (at) => {
      try {
        seen.views.set(at.cluster, await viewOf(deps, at));
      } catch (error) {
        seen.errors.set(at.cluster, causes(error).join(': '));
      }
    }),
  );
  return seen;
}

/** Health as most servers see it: the view of the first that could be asked. */
export const healthIn = (seen: Seen): HealthView => [...seen.views.values()][0]?.health ?? {};

/** Which cluster an address belongs to, by the snapshot and by what the nameservers resolved. */
export function ownersOf(s: Snapshot, seen: Seen): Map<Ip, ClusterName> {
  const owners = new Map<Ip, ClusterName>();
  for (const view of seen.views.values()) {
    for (const [target, ips] of Object.entries(view.edges)) {
      for (const ip of ips) owners.set(ip, target.split('/')[0] ?? '');
    }
  }
  for (const site of s.sites) {
    for (const edge of Object.values(site.edges))
      for (const ip of [...edge.v4, ...edge.v6]) owners.set(ip, site.cluster);
  }
  return owners;
}

interface Raw {
  at: ServerAt;
  ips: Ip[];
  error?: string;
}

async function askAll(deps: TrafficDeps, s: Snapshot, at: ServerAt): Promise<Raw> {
  const prefixes = [undefined, ...s.map.rows.slice(0, MOST_PREFIXES).map((r) => r.prefix)];
  const questions = s.intents.flatMap(({ host }) =>
    prefixes.map((ecs) => (ecs === undefined ? { host } : { host, ecs })),
  );
  const server = { server: at.ip, ...portOf(at), type: 'A' as const };
  const replies = await Promise.allSettled(
    questions.map(({ host, ...rest }) => deps.lookup.ask({ ...server, ...rest, name: host }, limited(deps, ASK_MS))),
  );
  const ips = replies.flatMap((r) => (r.status === 'fulfilled' ? r.value.data : []));
  const lost = replies.find((r) => r.status === 'rejected');
  return { at, ips, ...(lost === undefined ? {} : { error: causes(lost.reason).join(': ') }) };
}

/** Every server asked over DNS for every prefix of the map (16 at most), and each looked at: what is true now. */
async function truth(deps: TrafficDeps, s: Snapshot): Promise<{ seen: Seen; views: ServerView[] }> {
  const servers = serversOf(s);
  const [seen, raw] = await Promise.all([lookAt(deps, servers), Promise.all(servers.map((at) => askAll(deps, s, at)))]);
  const owners = ownersOf(s, seen);
  const views = raw.map(({ at, ips, error }): ServerView => {
    const answers = [...new Set(ips.map((ip) => owners.get(ip) ?? ip))].toSorted();
    return { cluster: at.cluster, ip: at.ip, answers, ...(error === undefined ? {} : { error }) };
  });
  return { seen, views };
}

function beaconOf(s: Snapshot, seen: Seen, cluster: ClusterName, wanted: boolean): Lever {
  if (!serversOf(s).some((at) => at.cluster === cluster)) return 'none';
  const view = seen.views.get(cluster);
  if (view === undefined) return 'unreachable';
  return view.held === wanted ? 'confirmed' : 'pending';
}

const confirmedBy = (s: Snapshot, seen: Seen): number =>
  [...seen.views.values()].filter((v) => {
    const t = v.snapshot;
    return t !== null && (t.id === snapshotId(s) || t.term > s.term || (t.term === s.term && t.seq > s.seq));
  }).length;

interface Told {
  snapshot: Snapshot;
  hold: Hold;
  api: Record<ClusterName, Lever>;
  notes: string[];
  /** The hold is set (true) or lifted. */
  wanted: boolean;
}

async function receiptOf(deps: TrafficDeps, t: Told): Promise<Receipt> {
  const servers = serversOf(t.snapshot);
  const { seen, views } = await truth(deps, t.snapshot);
  const asked = views.filter((v) => v.error === undefined);
  const still = asked.filter((v) => v.answers.includes(t.hold.cluster));
  const confirmed = confirmedBy(t.snapshot, seen);
  const silent = views
    .filter((v) => v.error !== undefined)
    .map((v) => `nameserver in ${v.cluster} not asked: ${v.error}`);
  return {
    hold: t.hold,
    beacon: beaconOf(t.snapshot, seen, t.hold.cluster, t.wanted),
    peers: { confirmed, of: servers.length },
    api: t.api,
    truth: views,
    done: asked.length > 0 && (t.wanted ? still.length === 0 : confirmed >= asked.length),
    notes: [...t.notes, ...silent],
  };
}

async function follow(
  deps: TrafficDeps,
  t: Told,
  r: { waitMs?: number; onProgress?: (x: Receipt) => void },
): Promise<Receipt> {
  const end = deps.clock.monotonic() + (r.waitMs ?? WAIT_MS);
  for (;;) {
    const receipt = await receiptOf(deps, t);
    r.onProgress?.(receipt);
    if (receipt.done || deps.clock.monotonic() >= end) return receipt;
    await deps.clock.sleep(POLL_MS, deps.signal);
  }
}

function guard(current: Current, hold: Hold, request: HoldRequest, health: HealthView): string[] {
  const s = current.snapshot;
  const world = worldOf(s, { health, names: {}, load: {}, now: hold.since });
  const against = objections(world, hold, request.peaks);
  const stop = against.find((o) => !(o.forcible && request.force === true));
  if (stop !== undefined) {
    const fix = stop.forcible ? [{ say: 'Add capacity or lift the other hold, or go on with --force.' }] : [];
    throw fault(stop.code, { value: stop.value, why: [stop.why], fix });
  }
  const unmeasured = request.peaks === undefined && s.intents.some((i) => Object.keys(i.capacity).length > 0);
  const notes = against.map((o) => `forced although ${o.why}`);
  return unmeasured ? [...notes, 'load is not measured: capacity was not checked'] : notes;
}

function known(s: Snapshot, cluster: ClusterName): void {
  const names = s.sites.map((x) => x.cluster);
  if (names.includes(cluster)) return;
  const near = nearest(cluster, names);
  throw fault('TW4034', { value: cluster, why: near === undefined ? [] : [`did you mean "${near}"?`] });
}

interface Amended {
  snapshot: Snapshot;
  api: Record<ClusterName, Lever>;
}

/**
 * Changes the snapshot in force. Objects in several clusters know no compare-and-set: after writing, the
 * newest is read again, and when a change of another writer won over this one, it is made anew on top.
 */
async function amend(
  deps: TrafficDeps,
  change: (s: Snapshot) => Snapshot,
  holds: (s: Snapshot) => boolean,
): Promise<Amended> {
  let last: Amended | undefined;
  for (let i = 0; i < TRIES; i++) {
    const { snapshot: now } = await needCurrent(deps);
    if (last !== undefined && holds(now)) return last;
    const snapshot = change(now);
    const { api } = await publish(deps, snapshot);
    last = { snapshot, api };
  }
  if (last === undefined || !holds((await needCurrent(deps)).snapshot)) throw fault('TW4042', {});
  return last;
}

/**
 * Takes a cluster out of the answers: guard, journal, then the object in every cluster, every nameserver
 * and the cluster's own beacon at once; then asks every server until none answers it, or the time is up.
 * The receipt says what is confirmed. Throws TW4030, TW4031, TW4032, TW4034, TW4050, TW4051.
 */
export async function hold(request: HoldRequest, deps: TrafficDeps): Promise<Receipt> {
  const current = await needCurrent(deps);
  known(current.snapshot, request.cluster);
  const seen = await lookAt(deps, serversOf(current.snapshot));
  const now = deps.clock.now();
  const { kind, cluster, by, why, until } = request;
  const id = `${kind}-${cluster}-${current.snapshot.term}.${current.snapshot.seq + 1}`;
  const wanted: Hold = { id, kind, cluster, by, why, since: now, ...(until === undefined ? {} : { until }) };
  const notes = guard(current, wanted, request, healthIn(seen));
  deps.journal?.append({ kind: 'traffic.hold', cluster, data: toJson(wanted) });
  const done = await amend(
    deps,
    (s) => ({
      ...s,
      seq: s.seq + 1,
      holds: [...s.holds.filter((h) => !(h.cluster === cluster && h.kind === kind)), wanted],
    }),
    (s) => s.holds.some((h) => h.id === id),
  );
  const receipt = await follow(deps, { ...done, hold: wanted, notes, wanted: true }, request);
  deps.journal?.append({ kind: 'traffic.held', cluster, data: toJson(receipt) });
  return receipt;
}

export interface LiftRequest {
  /** Id of a hold, or a cluster: all of its holds. */
  hold: string;
  by: string;
  waitMs?: number;
  onProgress?: (receipt: Receipt) => void;
}

/** Ends holds; done when every server that could be asked runs the change. Throws TW4033, TW4050, TW4051. */
export async function lift(request: LiftRequest, deps: TrafficDeps): Promise<Receipt> {
  const { snapshot: s } = await needCurrent(deps);
  const ended = s.holds.filter((h) => h.id === request.hold || h.cluster === request.hold);
  const first = ended[0];
  if (first === undefined) {
    const why = s.holds.length === 0 ? ['nothing is held'] : s.holds.map((h) => `held: ${h.cluster} (${h.id})`);
    throw fault('TW4033', { value: request.hold, why });
  }
  const ids = ended.map((h) => h.id);
  deps.journal?.append({ kind: 'traffic.lift', cluster: first.cluster, data: toJson({ by: request.by, ended }) });
  const done = await amend(
    deps,
    (now) => ({ ...now, seq: now.seq + 1, holds: now.holds.filter((h) => !ids.includes(h.id)) }),
    (now) => !now.holds.some((h) => ids.includes(h.id)),
  );
  const receipt = await follow(deps, { ...done, hold: first, notes: [], wanted: false }, request);
  deps.journal?.append({ kind: 'traffic.lifted', cluster: first.cluster, data: toJson(receipt) });
  return receipt;
}
