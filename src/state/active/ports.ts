import type { ClusterName } from '../../kernel/index.ts';
import type { Done, RunId, Shortage, Unconfirmed } from '../model.ts';
import type { AgentNote, Via } from '../ports.ts';
import type { Id, Origin, Vector } from './ids.ts';

/** One entry of an origin's log; `payload` is for the functions alone. */
export interface LogEntry {
  id: Id;
  payload: Buffer;
}
/** `trimmed`: entries after the place that was asked for are gone. */
export type Tail = { is: 'entries'; entries: readonly LogEntry[] } | { is: 'trimmed' };
/** `gap`: entries before the batch are missing there. `skew`: the batch is so far ahead of the clock there. */
export type Applied = { is: 'applied'; id: Id } | { is: 'gap' } | { is: 'skew'; ms: number };

/** The log of one Redis, own and foreign origins. Every call throws when Redis does not answer or refuses. */
export interface Logs {
  vector(): Promise<Vector>;
  /** At most `count` entries of that origin after `after`. */
  tail(origin: Origin, after: Id, count: number): Promise<Tail>;
}

/** Another cluster's Redis as senders see it. Calls may overlap; they are answered in order. */
export interface Peer extends Logs {
  /** Exactly once, whatever comes again. */
  apply(origin: Origin, prev: Id, entries: readonly LogEntry[]): Promise<Applied>;
  /** How long nothing has been heard though something was asked, milliseconds. */
  readonly silence: number;
  /** Ends every call that is under way. */
  close(): void;
}

/** What was seen of the local Redis in one moment. */
export interface ActiveLook {
  run: RunId;
  role: 'primary' | 'replica';
  /** Of a replica: it has all of its primary's data. */
  link: boolean;
  loading: boolean;
  /** The disk has what memory has, or is not meant to. */
  durable: boolean;
  /** Who it says it is, and which process said so; absent = nobody yet. */
  me?: { origin: Origin; run: RunId };
  vector: Vector;
  /** TW5113. */
  short?: readonly Shortage[];
}

/**
 * The Redis beside the agent, where all clusters write. It boots closed by its config file. What opens or closes it
 * happens on one connection, one call at a time; what changes its data or role, only to the process `run`.
 */
export interface ActiveRedis extends Logs {
  /** Throws when Redis does not answer. A primary has the functions afterwards. */
  look(): Promise<ActiveLook>;
  /** Makes it `origin` and lets apps and senders in. */
  open(origin: Origin, run: RunId): Promise<Done | Unconfirmed>;
  /** Keeps apps out, or `all`: senders too; those who are inside lose their connections. */
  shut(who: 'apps' | 'all'): Promise<Done | Unconfirmed>;
  /** Begins to write the disk's log anew; `durable` says when that is done. Nothing where there is none. */
  rewrite(run: RunId): Promise<Done | Unconfirmed>;
  /** Becomes a copy of what answers at the local port. */
  follow(run: RunId, port: number): Promise<Done | Unconfirmed>;
  /** Stops being a copy; has the functions of this version then. */
  detach(run: RunId): Promise<Done | Unconfirmed>;
  /** Ends the process; everything is on its disk. */
  end(): Promise<void>;

  /**
   * The entries of that origin after `after`, at most `count` of them, as soon as there are any; none after `ms`.
   * Throws, as the three below, when another process than `run` answers: it may have less than that one had.
   */
  grown(run: RunId, x: { origin: Origin; after: Id; count: number; ms: number }): Promise<Tail>;
  trim(run: RunId, origin: Origin, id: Id): Promise<void>;
  /** The id up to which a log of more than `max` entries has to go; undefined = it is short enough. */
  excess(origin: Origin, max: number): Promise<Id | undefined>;
  /** Makes what has expired go; milliseconds until there is more, at most `ms`. */
  sweep(run: RunId, ms: number): Promise<number>;
  /** A peer has own entries up to there. */
  acked(run: RunId, id: Id): Promise<void>;
}

/** What an agent says of one of the other clusters. */
export interface PeerReport {
  up: boolean;
  /** The way of the last ping. */
  via?: Via;
  /** Age of the oldest own entry that it has not confirmed, milliseconds; 0 = none. */
  lagMs: number;
  /** Own entries that it has not confirmed; counted up to 10,000. */
  unsent: number;
  /** How far its clock is behind the stamps it refused. */
  skewMs?: number;
  /** How far its clock is ahead of the one here, at least; absent: by too little to matter. Milliseconds. */
  aheadMs?: number;
  why?: string;
}
/** What an agent says of itself to whoever asks its pod, where all clusters write. */
export interface ActiveReport {
  mode: 'active-active';
  cluster: ClusterName;
  origin?: Origin;
  /** Apps may write here. */
  open: boolean;
  /** Why not. */
  waitsFor?: { what: 'redis' | 'disk' | 'clusters' | 'data'; clusters?: readonly ClusterName[]; why: string };
  vector: Vector;
  /** TW5113. */
  short?: readonly Shortage[];
  peers: Readonly<Record<ClusterName, PeerReport>>;
  /** p50 to the others, milliseconds. */
  rtts: Readonly<Record<ClusterName, number>>;
  /** Newest last. */
  events: readonly AgentNote[];
}
