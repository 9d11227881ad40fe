import type { Duplex } from 'node:stream';
import type { ClusterName } from '../kernel/index.ts';
import type { Ballot, Done, EpochValue, Fenced, FenceReport, Lacking, Look, RunId, Unconfirmed } from './model.ts';

/**
 * The Redis beside the agent. One connection, one call at a time; nothing is tried again on a new connection. Redis
 * boots fenced by its config file.
 */
export interface LocalRedis {
  /** Throws when Redis does not answer. */
  look(): Promise<Look>;
  /**
   * Kills other agent connections, switches writes and copies off, leaves its primary, kills clients and replicas,
   * then reads back on the same connection; `fenced` only when all of that is seen. Data, replid and offset stay.
   */
  fence(): Promise<Fenced | Unconfirmed>;
  /** Makes exactly the process `run` primary of `v.epoch`: marker first, then `w`, then writes. Its own marker already there is fine. */
  promote(v: EpochValue, run: RunId): Promise<Done | Unconfirmed>;
  /** Follows what answers at the local port `port`, if the process still is `run`. */
  follow(v: EpochValue, run: RunId, port: number): Promise<Done | Unconfirmed>;
  /** After a fence: what is in memory is on disk, and a start from it has the same offset and marker. */
  save(): Promise<Fenced | Unconfirmed>;
  /** Ends the process. `lose`: at once, also while it loads or hangs; memory is lost. */
  shutdown(lose: boolean): Promise<void>;
  /** `CLIENT PAUSE … WRITE` for `ms`; 0 ends it. */
  pause(ms: number): Promise<void>;
}

/** `direct`, or the name of the cluster in between. */
export type Via = string;

/** What another cluster's Redis says of itself; a Redis that loads answers only while its position is valid. */
export interface Pong {
  epoch: Ballot;
  role: Look['role'];
  offset: number;
  via: Via;
  /** Where all clusters write: what its clock said then, milliseconds since the epoch of Unix. */
  clock?: number;
}

export interface StreamHeader {
  epoch: Ballot;
  hop: 0 | 1;
}
/** A local port whose connections reach a primary's replication door. */
export interface Tunnel {
  port: number;
  /** Ends every connection through it. */
  close(): Promise<void>;
}

/** Streams between clusters: mutual TLS, relayed through a third cluster when the direct way does not open. */
export interface Wire {
  /** Throws when no way opens, or when the other door refuses the epoch. */
  open(to: ClusterName, kind: 'data' | 'repl', h: StreamHeader): Promise<Duplex>;
  /** Leads to the first of `to` that lets it in; unless `counts`, nothing that goes through acknowledges a write. */
  tunnel(to: readonly ClusterName[], epoch: Ballot, counts: boolean): Promise<Tunnel>;
  /** Throws when there is no answer. */
  ping(to: ClusterName, signal: AbortSignal): Promise<Pong>;
  /** p50 to that cluster in milliseconds; undefined = not measured yet. */
  rtt(to: ClusterName): number | undefined;
}

/** What the inbound doors of this cluster ask the agent. A header epoch other than `epoch` is refused. */
export interface AgentDoor {
  /** Epoch that the local Redis was promoted or attached for; 0 = fenced: every door is shut. */
  epoch(): Ballot;
  /** Answer to a ping; undefined = no answer. */
  pong(): Promise<Omit<Pong, 'via'> | undefined>;
}

/** What an agent says of itself to whoever asks its pod. */
export interface AgentReport {
  cluster: ClusterName;
  look?: Look;
  /** Epoch that its Redis was promoted or attached for, 0 = none. */
  applied: Ballot;
  /** How long ago the primary had what is applied here and no more, milliseconds. */
  lagMs: number;
  /** The last ballot, decided or not. */
  last?: { n: Ballot; by: ClusterName; why: string; prefer?: ClusterName };
  /** Who was home before `epoch`, if it saw that. */
  before?: ClusterName;
  /** What it knows of the store, perhaps stale. */
  epoch?: EpochValue;
  /** The ballot that is open; `waits`: it has not moved for 2 s, because these proofs are missing. */
  ballot?: { n: Ballot; by: ClusterName; why: string; waits?: Lacking | undefined };
  /** Whose copies count, as it knows it; absent: an agent of before this could change. */
  voters?: readonly ClusterName[];
  fences: Readonly<Record<ClusterName, FenceReport>>;
  gone: readonly ClusterName[];
  /** p50 to the others, milliseconds. */
  rtts: Readonly<Record<ClusterName, number>>;
  /** The way by which the primary was last reached. */
  via?: Via;
  /** Newest last. */
  events: readonly AgentNote[];
}
export interface AgentNote {
  /** Milliseconds since the epoch of Unix. */
  at: number;
  did: string;
  end: string;
}
