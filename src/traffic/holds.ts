import { type ClusterName, causes, digest, fault, nearest, toJson } from '../kernel/index.ts';
import {
  limited,
  type NameserverView,
  needCurrent,
  patienceOf,
  portOf,
  publish,
  type ServerAt,
  serversOf,
  type TrafficDeps,
  viewOf,
} from './engine.ts';
import { objections } from './machine/guard.ts';
import { snapshotId, worldOf } from './machine/world.ts';
import type { HealthView, Hold, Ip, Lever, LoadView, Receipt, ServerView, Snapshot, Verdict } from './model.ts';

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
  /** How long to wait, from the call on, until no server answers the cluster. Default 30 s; one look in any case. */
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
  const asks = servers.map((at) => ({ who: `server ${at.cluster}`, run: () => viewOf(deps, at) }));
  for (const [i, r] of (await patienceOf(deps).all(asks)).entries()) {
    const cluster = servers[i]?.cluster ?? '';
    if (r.status === 'fulfilled') seen.views.set(cluster, r.value);
    else seen.errors.set(cluster, causes(r.reason).join(': '));
  }
  return seen;
}

/** What most of those servers say that are sure of it; when none is, of those that reach it; else of all. */
function mostly(said: readonly Verdict[]): Verdict | undefined {
  const better = [said.filter((v) => !v.unsure), said.filter((v) => !v.lone), said];
  const heard = better.find((some) => some.length > 0) ?? [];
  const count = (state: Verdict['state']): number => heard.filter((v) => v.state === state).length;
  return heard.toSorted((a, b) => count(b.state) - count(a.state))[0];
}

/** Health as most of the servers that could be asked see it. */
export function healthIn(seen: Seen): HealthView {
  const views = [...seen.views.values()];
  const targets = new Set(views.flatMap((v) => Object.keys(v.health)));
  return Object.fromEntries(
    [...targets].flatMap((t) => {
      const verdict = mostly(views.flatMap((v) => v.health[t] ?? []));
      return verdict === undefined ? [] : [[t, verdict]];
    }),
  );
}

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

async function askAll(deps: TrafficDeps, s: Snapshot, at: ServerAt): Promise<{ ips: Ip[]; error?: string }> {
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
  return { ips, ...(lost === undefined ? {} : { error: causes(lost.reason).join(': ') }) };
}

/** Every server asked over DNS for every prefix of the map (16 at most), and each looked at: what is true now. */
async function truth(deps: TrafficDeps, s: Snapshot): Promise<{ seen: Seen; views: ServerView[] }> {
  const servers = serversOf(s);
  const asks = servers.map((at) => ({ who: `server ${at.cluster}`, run: () => askAll(deps, s, at) }));
  const [seen, raw] = await Promise.all([lookAt(deps, servers), patienceOf(deps).all(asks)]);
  const owners = ownersOf(s, seen);
  const views = raw.map((r, i): ServerView => {
    const at = servers[i] ?? { cluster: '', ip: '' };
    const { ips, error } = r.status === 'fulfilled' ? r.value : { ips: [], error: causes(r.reason).join(': ') };
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

interface Following {
  /** Monotonic milliseconds. */
  end: number;
  onProgress?: ((receipt: Receipt) => void) | undefined;
}
const following = (deps: TrafficDeps, r: Pick<HoldRequest, 'waitMs' | 'onProgress'>): Following => ({
  end: deps.clock.monotonic() + (r.waitMs ?? WAIT_MS),
  onProgress: r.onProgress,
});

async function follow(deps: TrafficDeps, t: Told, r: Following): Promise<Receipt> {
  for (;;) {
    const receipt = await receiptOf(deps, t);
    r.onProgress?.(receipt);
    if (receipt.done || deps.clock.monotonic() >= r.end) return receipt;
    await deps.clock.sleep(POLL_MS, deps.signal);
  }
}

function guard(s: Snapshot, hold: Hold, request: HoldRequest, health: HealthView): string[] {
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

const isSame = (h: Hold, r: HoldRequest): boolean =>
  h.kind === r.kind && h.cluster === r.cluster && h.by === r.by && h.why === r.why && h.until === r.until;

/** The id differs from that of any other writer who counts from the same snapshot. */
function holdOf(r: HoldRequest, s: Snapshot, now: number): Hold {
  const { kind, cluster, by, why } = r;
  const whose = digest([by, now]).slice('sha256:'.length, 'sha256:'.length + 4);
  const id = `${kind}-${cluster}-${s.term}.${s.seq + 1}-${whose}`;
  return { id, kind, cluster, by, why, since: now, ...(r.until === undefined ? {} : { until: r.until }) };
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
  current: Snapshot,
  x: { change(s: Snapshot): Snapshot; holds(s: Snapshot): boolean },
): Promise<Amended> {
  let now = current;
  for (let i = 0; i < TRIES; i++) {
    const snapshot = x.change(now);
    const { api } = await publish(deps, snapshot);
    now = (await needCurrent(deps)).snapshot;
    if (x.holds(now)) return { snapshot, api };
  }
  throw fault('TW4042', {});
}

/**
 * Takes a cluster out of the answers: guard, journal, then the object in every cluster, every nameserver
 * and the cluster's own beacon at once; then asks every server until none answers it, or the time is up.
 * The receipt says what is confirmed. Throws TW4030, TW4031, TW4032, TW4034, TW4050, TW4051.
 */
export async function hold(request: HoldRequest, given: TrafficDeps): Promise<Receipt> {
  const deps = { ...given, patience: patienceOf(given) };
  const until = following(deps, request);
  const { snapshot: current } = await needCurrent(deps);
  known(current, request.cluster);
  const health = healthIn(await lookAt(deps, serversOf(current)));
  const wanted = holdOf(request, current, deps.clock.now());
  const { cluster, kind, by } = wanted;
  const same = current.holds.find((h) => isSame(h, request));
  if (same !== undefined) {
    // Told again, for those that missed it.
    const { api } = await publish(deps, current);
    return await follow(deps, { snapshot: current, api, hold: same, notes: [], wanted: true }, until);
  }
  let notes = guard(current, wanted, request, health);
  deps.journal?.append({ kind: 'traffic.hold', cluster, data: toJson(wanted) });
  const done = await amend(deps, current, {
    change: (s) => {
      // Again on what another writer may have put in force meanwhile: two must not hold the last two.
      notes = guard(s, wanted, request, health);
      const others = s.holds.filter((h) => !(h.cluster === cluster && h.kind === kind && h.by === by));
      return { ...s, seq: s.seq + 1, holds: [...others, wanted] };
    },
    holds: (s) => s.holds.some((h) => h.id === wanted.id),
  });
  const receipt = await follow(deps, { ...done, hold: wanted, notes, wanted: true }, until);
  deps.journal?.append({ kind: 'traffic.held', cluster, data: toJson(receipt) });
  return receipt;
}

export interface LiftRequest {
  /** Id of a hold, or a cluster: all of its drains. A brake is ended by its id only: it keeps users off a wrong version. */
  hold: string;
  by: string;
  /** As of a hold. */
  waitMs?: number;
  onProgress?: (receipt: Receipt) => void;
}

function noSuch(s: Snapshot, wanted: string): never {
  const what = (h: Hold): string => `${h.cluster}: ${h.kind} by ${h.by} (${h.id})`;
  const why = s.holds.length === 0 ? ['nothing is held'] : s.holds.map((h) => `held: ${what(h)}`);
  const braked = s.holds.some((h) => h.cluster === wanted);
  const say = 'Its release lifts a brake when the cluster serves the right version again; if that release is stuck:';
  const fix = braked ? [{ say, command: `tw undrain ${wanted} --brake` }] : [];
  throw fault('TW4033', { value: wanted, why, fix });
}

/** Ends holds; done when every server that could be asked runs the change. Throws TW4033, TW4050, TW4051. */
export async function lift(request: LiftRequest, given: TrafficDeps): Promise<Receipt> {
  const deps = { ...given, patience: patienceOf(given) };
  const until = following(deps, request);
  const { snapshot: s } = await needCurrent(deps);
  const ended = s.holds.filter((h) => h.id === request.hold || (h.cluster === request.hold && h.kind === 'drain'));
  const first = ended[0] ?? noSuch(s, request.hold);
  const ids = ended.map((h) => h.id);
  deps.journal?.append({ kind: 'traffic.lift', cluster: first.cluster, data: toJson({ by: request.by, ended }) });
  const done = await amend(deps, s, {
    change: (now) => ({ ...now, seq: now.seq + 1, holds: now.holds.filter((h) => !ids.includes(h.id)) }),
    holds: (now) => !now.holds.some((h) => ids.includes(h.id)),
  });
  const receipt = await follow(deps, { ...done, hold: first, notes: [], wanted: false }, until);
  deps.journal?.append({ kind: 'traffic.lifted', cluster: first.cluster, data: toJson(receipt) });
  return receipt;
}
