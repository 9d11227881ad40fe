import type { ClusterName } from '../../kernel/index.ts';
import type { Ballot } from '../model.ts';

/** Where the log of a snapshot ends. */
export interface LogEnd {
  /** What the marker in the data says; 0 = none. */
  epoch: Ballot;
  /** Redis' replication id: names one stream of bytes. */
  replid: string;
  /** Bytes. */
  offset: number;
}

/** What is known of one snapshot; lies beside its file. */
export interface Manifest {
  id: string;
  fleet: string;
  app: string;
  /** Unix milliseconds of its begin. */
  at: number;
  tookMs: number;
  /** `salvage`: what a restore replaced. */
  kind: 'snapshot' | 'salvage';
  /** The cluster whose copy was read, and who was home. */
  from: ClusterName;
  home: ClusterName | null;
  log: LogEnd;
  /** Version of the Redis that wrote it. */
  engine: string;
  size: number;
  /** Hex, of the bytes as they were read from Redis. */
  sha256: string;
  /** Counted when it was loaded. */
  keys?: number;
  /** `verified`: read back from the vault, equal, loaded, with all that was written just before. Nothing else counts. */
  is: 'verified' | 'failed';
  /** Why it does not count. */
  step?: Step;
  why?: string;
}

/** What a snapshot goes through, in this order. */
export type Step = 'read' | 'store' | 'fetch' | 'digest' | 'load' | 'engine' | 'marker' | 'canary' | 'keys';

/** Key that is written just before a snapshot; reserved. */
export const CANARY = 'tw:canary';

/** One look at the data of a Redis. */
export interface Counted {
  engine: string;
  role: 'primary' | 'replica' | 'fenced';
  link: boolean;
  keys: number;
  /** Bytes applied. */
  offset: number;
  /** Epoch of the marker; 0 = none. */
  epoch: Ballot;
}

/** What came of loading the bytes in a Redis of the running version. */
export interface Loaded {
  engine: string;
  /** Epoch of the marker; 0 = none. */
  epoch: Ballot;
  keys: number;
  canary: string | null;
}

/** What a snapshot must show once it is loaded. */
export interface Expected {
  engine: string;
  epoch: Ballot;
  /** What the canary must say; absent = not asked. */
  canary?: string;
  /** Least and most keys. */
  keys: { least: number; most: number };
}
