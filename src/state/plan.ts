import type { AppConfig } from '../config/index.ts';
import { type ClusterName, fault, type Problem } from '../kernel/index.ts';
import { CONVERGENT } from './active/commands.ts';
import { BEAT_MS, goneAfterMs, STUCK_MS } from './machine/detect.ts';

/** Round trip between two clusters, p50 in milliseconds; `estimated`: from the distance, nothing measured yet. */
export interface Rtt {
  ms: number;
  estimated: boolean;
}
export interface StateInput {
  app: Pick<AppConfig, 'name' | 'state' | 'traffic'>;
  /** Where the app runs. */
  clusters: readonly ClusterName[];
  rtt(a: ClusterName, b: ClusterName): Rtt;
  /** Writes per second and cluster, or any other measure of how many users are there. Absent = 1. */
  traffic: Readonly<Record<ClusterName, number>>;
  /** Clusters (or other places) with a member of the store. */
  members: readonly ClusterName[];
  /** What was decided before: only the figures are computed anew. */
  decided?: { voters: readonly ClusterName[]; home?: ClusterName };
}

/** What may be lost when a cluster vanishes: `inFlight`: what was written in the last `ms`. */
export type Rpo = { is: 'none' } | { is: 'inFlight'; ms: number } | { is: 'all' };
/** What the user buys with the state of one app. */
export interface StatePlan {
  app: string;
  mode: AppConfig['state']['mode'];
  /** Absent where every cluster writes. */
  home?: ClusterName;
  /** Clusters whose copy counts; the others have gateways only. Where all clusters write: all of them. */
  voters: readonly ClusterName[];
  /** p50 of a write in each cluster, milliseconds. */
  writes: readonly { cluster: ClusterName; ms: number }[];
  /** Until writes go on when that cluster is lost, milliseconds; `undefined` = never by itself. */
  rto: readonly { lost: ClusterName; ms: number | undefined }[];
  /** How long a write is kept while there is nobody to send it to; the app gets an error then. Milliseconds. */
  holdMs: number;
  rpo: Rpo;
  survives: string;
  /** Some figure rests on an estimated round trip. */
  estimated: boolean;
  /** What the app may not use, in words. */
  refused: readonly string[];
  /** Why it cannot be had; nothing is applied then. */
  faults: readonly Problem[];
}

/** Waiting before a rival's ballot, on average. Milliseconds. */
const BACKOFF_MS = 250;
/** Transactions of the store, then round trips of the replicas' handshake. */
const TRIPS = 3 + 5;
/** A Redis that starts anew, where there is no other one to write to. Milliseconds. */
const RESTART_MS = 10_000;
const LOCAL_MS = 1;
const BATCH_MS = 10;
const NOT_CONVERGENT = `every command that writes but ${CONVERGENT.join(' ')} (SET with EX and PX only, EXPIRE without options); scripts, blocking commands, databases but 0`;
const REFUSED = ['admin commands', 'FUNCTION', 'REPLICAOF', 'keys that begin with tw:'];

const sum = (ns: readonly number[]): number => ns.reduce((a, b) => a + b, 0);

class Prices {
  readonly #x: StateInput;
  estimated = false;
  constructor(x: StateInput) {
    this.#x = x;
  }
  rtt(a: ClusterName, b: ClusterName): number {
    if (a === b) return 0;
    const { ms, estimated } = this.#x.rtt(a, b);
    this.estimated ||= estimated;
    return ms;
  }
  /** The n-th nearest of `from` to `to`, itself left out. */
  nearest(to: ClusterName, from: readonly ClusterName[], n: number): number {
    const all = from.filter((c) => c !== to).map((c) => this.rtt(to, c));
    return all.toSorted((a, b) => a - b)[n - 1] ?? 0;
  }
  weight(c: ClusterName): number {
    return this.#x.traffic[c] ?? 1;
  }
}

/** Five, three or two of the clusters: those that are nearest to the others. */
function votersOf(x: StateInput, p: Prices): ClusterName[] {
  const count = x.clusters.length >= 5 ? 5 : Math.min(3, x.clusters.length);
  const far = (c: ClusterName): number => sum(x.clusters.map((o) => p.rtt(c, o)));
  return x.clusters
    .toSorted((a, b) => far(a) - far(b) || (a < b ? -1 : 1))
    .slice(0, count)
    .toSorted();
}

/** Clusters that every strict residency rule allows: all data lies at home. */
function allowedHomes(x: StateInput, voters: readonly ClusterName[]): ClusterName[] {
  const rules = (x.app.traffic?.residency ?? []).filter((r) => r.strict);
  return voters.filter((c) => rules.every((r) => r.to.includes(c)));
}

/** Round trip to the copy that completes a quorum. */
const copyAt = (home: ClusterName, voters: readonly ClusterName[], p: Prices): number =>
  p.nearest(home, voters, Math.floor(voters.length / 2));

const writeAt = (c: ClusterName, x: { home: ClusterName; voters: readonly ClusterName[] }, p: Prices): number =>
  Math.max(LOCAL_MS, p.rtt(c, x.home) + copyAt(x.home, x.voters, p));

/** D, a back-off, the store's transactions and the replica's handshake between the two survivors that are nearest. */
function failover(x: StateInput, lost: ClusterName, voters: readonly ClusterName[], p: Prices): number {
  const left = voters.filter((c) => c !== lost);
  // With one survivor the third member of the store is the other side.
  const others = left.length > 1 ? left : [...left, ...x.members.filter((m) => m !== lost)];
  const pairs = left.flatMap((a) => others.filter((b) => b !== a).map((b) => p.rtt(a, b)));
  const detect = goneAfterMs(Math.max(...left.map((c) => p.rtt(c, lost))));
  // One that is left alone waits for the store to miss the other too, and for a report that does not come.
  const alone = left.length > 1 ? 0 : BEAT_MS + STUCK_MS;
  return detect + alone + BACKOFF_MS + TRIPS * Math.min(...pairs);
}

/**
 * Twice the longest failover of all homes and 1 s: home moves without anybody telling the gateways another time, and one
 * that took longer than is printed, on a busy machine, is to be latency, not errors.
 */
function holdOf(x: StateInput, voters: readonly ClusterName[], p: Prices): number {
  const { state } = x.app;
  if (state.mode !== 'isolated' && state.hold !== undefined) return state.hold;
  if (state.mode !== 'single-writer' || isFew(x, voters)) return RESTART_MS;
  const longest = Math.max(...voters.map((home) => failover(x, home, voters, p)));
  return Math.ceil((2 * longest + 1000) / 100) * 100;
}

/** No cluster can take over by itself. */
const isFew = (x: StateInput, voters: readonly ClusterName[]): boolean =>
  voters.length < 2 || new Set(x.members).size < 3;

/** Says before anything is applied what the state of an app costs and what it survives (section 3.6 of the design page). */
export function statePlan(x: StateInput): StatePlan {
  const { app, clusters } = x;
  const { state } = app;
  const p = new Prices(x);
  if (state.mode === 'isolated') {
    return {
      app: app.name,
      mode: state.mode,
      voters: [],
      writes: clusters.map((cluster) => ({ cluster, ms: LOCAL_MS })),
      rto: clusters.map((lost) => ({ lost, ms: undefined })),
      holdMs: 0,
      rpo: { is: 'all' },
      survives: 'nothing is shared: a lost cluster loses what it had',
      estimated: false,
      refused: [],
      faults: [],
    };
  }
  const plan = state.mode === 'active-active' ? everyCluster(x, p) : oneHome(x, x.decided?.voters ?? votersOf(x, p), p);
  return { ...plan, estimated: p.estimated };
}

function everyCluster(x: StateInput, p: Prices): StatePlan {
  const { app, clusters } = x;
  const quorum = app.state.mode === 'active-active' && app.state.ack === 'quorum';
  const peer = (c: ClusterName): number => p.nearest(c, clusters, 1);
  return {
    app: app.name,
    mode: 'active-active',
    voters: clusters.toSorted(),
    writes: clusters.map((cluster) => ({ cluster, ms: Math.max(LOCAL_MS, quorum ? peer(cluster) : 0) })),
    rto: clusters.map((lost) => ({ lost, ms: 0 })),
    holdMs: holdOf(x, clusters, p),
    rpo: quorum ? { is: 'none' } : { is: 'inFlight', ms: Math.max(...clusters.map(peer)) / 2 + BATCH_MS },
    survives: quorum ? 'any one cluster' : 'all clusters but one',
    estimated: false,
    refused: [NOT_CONVERGENT, ...REFUSED],
    faults: [...(clusters.length < 2 ? [alone(x)] : []), ...spread(x)],
  };
}

/** Where home shall be: as decided before, else as the config says. */
const wishOf = ({ app: { state }, decided }: StateInput): string =>
  decided?.home ?? (state.mode === 'single-writer' ? state.home : 'auto');

function oneHome(x: StateInput, voters: readonly ClusterName[], p: Prices): StatePlan {
  const { app, clusters } = x;
  const few = isFew(x, voters);
  const tooFewFaults = few ? [tooFew(x, voters)] : [];
  const base = {
    app: app.name,
    mode: 'single-writer' as const,
    voters,
    holdMs: holdOf(x, voters, p),
    survives: few ? 'no cluster without a person' : `any ${voters.length === 5 ? 'two' : 'one'} of ${voters.length}`,
    estimated: false,
    refused: REFUSED,
  };
  const chosen = homeOf(x, voters, p);
  if ('fault' in chosen)
    return { ...base, writes: [], rto: [], rpo: { is: 'none' }, faults: [...tooFewFaults, chosen.fault] };
  const { home } = chosen;
  const rto = few ? undefined : failover(x, home, voters, p);
  return {
    ...base,
    home,
    writes: clusters.map((cluster) => ({ cluster, ms: writeAt(cluster, { home, voters }, p) })),
    rto: clusters.map((lost) => ({ lost, ms: lost === home ? rto : 0 })),
    rpo: { is: 'none' },
    faults: tooFewFaults,
  };
}

/** The home that is wished for, or the one where the writes of all users together are fastest. */
function homeOf(x: StateInput, voters: readonly ClusterName[], p: Prices): { home: ClusterName } | { fault: Problem } {
  const wish = wishOf(x);
  const allowed = allowedHomes(x, voters);
  const cost = (home: ClusterName): number => sum(x.clusters.map((c) => p.weight(c) * writeAt(c, { home, voters }, p)));
  const best = allowed.toSorted((a, b) => cost(a) - cost(b) || (a < b ? -1 : 1))[0];
  const home = wish === 'auto' ? best : wish;
  return home === undefined || !allowed.includes(home) ? { fault: noHome(x, home, allowed) } : { home };
}

const problem = (...of: Parameters<typeof fault>): Problem => fault(...of).problem;

/** Every cluster has all data, also that of users whose data must stay elsewhere. */
function spread(x: StateInput): Problem[] {
  const allowed = allowedHomes(x, x.clusters);
  const outside = x.clusters.filter((c) => !allowed.includes(c));
  if (outside.length === 0) return [];
  return [
    problem('TW5002', {
      value: outside.join(', '),
      why: [
        'a strict rule of residency leaves it out, and where all clusters write each one has all data',
        `allowed: ${allowed.length === 0 ? 'none' : allowed.join(', ')}`,
      ],
    }),
  ];
}

const alone = (x: StateInput): Problem =>
  problem('TW5001', {
    value: `${x.app.name}: 1 cluster`,
    why: ['one cluster has nobody to share its writes with'],
    fix: [{ say: 'Let the app run in more clusters, or use state.mode isolated.' }],
  });

function tooFew(x: StateInput, voters: readonly ClusterName[]): Problem {
  const members = new Set(x.members).size;
  return problem('TW5001', {
    value: `${x.app.name}: ${voters.length} copies, ${members} members of the store`,
    why: [voters.length < 2 ? 'one cluster has nowhere to put a second copy' : `${members} members are no quorum`],
    fix: [
      voters.length < 2
        ? { say: 'Let the app run in more clusters, or use state.mode isolated.' }
        : { say: 'Add a third place for a member of the store: coordination.etcd.members, or an etcd of your own.' },
    ],
  });
}

function noHome(x: StateInput, home: ClusterName | undefined, allowed: readonly ClusterName[]): Problem {
  const names = allowed.length === 0 ? 'none' : allowed.join(', ');
  const unknown = home !== undefined && !x.clusters.includes(home);
  return problem('TW5002', {
    value: home ?? 'auto',
    why: [
      unknown
        ? `${x.app.name} does not run in a cluster of that name`
        : 'residency or the number of copies leaves it out',
      `allowed: ${names}`,
    ],
  });
}
