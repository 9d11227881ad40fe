import type { Json } from './json.ts';

/** Result of a compare-and-set; `unknown` = timeout or broken answer: read again before anything else. */
export type CasResult = 'ok' | 'stale' | 'unknown';

export interface StoreEntry {
  key: string;
  value: Json;
  /** Of the write that put it: unique in the store (shared by the keys of one transaction), only grows. */
  revision: number;
}

/** All keys below a prefix at one moment, sorted; `revision` is the store's. */
export interface StoreView {
  revision: number;
  entries: readonly StoreEntry[];
}

export type LeaseId = string;

/** Keys put with it go away when it ends; it is kept alive until it is closed. */
export interface Lease {
  id: LeaseId;
  /** Fires when the lease cannot be counted on any more: it ended, or for too long nobody said that it lives. */
  lost: AbortSignal;
  /** Ends it: its keys are removed. Never throws; what does not arrive ends by the time to live. */
  close(): Promise<void>;
}

/** Everything or nothing: written when every key of `if` has its revision (0 = the key does not exist). */
export interface Txn {
  if: readonly { key: string; revision: number }[];
  /** A key is named once in `put` and `remove` together. */
  put: readonly { key: string; value: Json; lease?: LeaseId }[];
  remove?: readonly string[];
}

/**
 * `ok` with the revision of what was put; `stale`: a guard did not hold, nothing was written; `unknown`: no answer
 * came, it may be written or not.
 */
export type TxnResult = { is: 'ok'; revision: number } | { is: 'stale' } | { is: 'unknown'; why: string };

/**
 * linearizable: nothing that was answered before the call is missing; local: what is at hand, may be old, never
 * waits for a quorum.
 */
export type ReadMode = 'linearizable' | 'local';

/** Where machines agree: values under keys, changed only from the revision that was read. */
export interface Store {
  /** `revision` 0 = the key does not exist. Throws TW1020 when the store cannot be asked. */
  get(key: string): Promise<{ value: Json | undefined; revision: number }>;
  /**
   * Writes `next` if the key still has `revision`; every success moves the revision up, also over a key that was
   * deleted and made again. Throws TW1020 when the store refuses and certainly nothing was written.
   */
  cas(key: string, revision: number, next: Json): Promise<CasResult>;
  /** Keys with this prefix, sorted. Throws TW1020. */
  list(prefix: string): Promise<string[]>;
  /** Throws TW1020 when the store cannot be asked. */
  range(prefix: string, mode?: ReadMode): Promise<StoreView>;
  /** Throws TW1020 when certainly nothing was written: the store refuses, or the lease of a put has ended. */
  txn(t: Txn): Promise<TxnResult>;
  /**
   * A full view at the start and after every change below the prefix; changes that come while the reader is busy
   * are one view. Goes on over lost connections; ends when `signal` fires or the store is closed.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<StoreView>;
  /** `ttlMs`: at least 1000; etcd takes whole seconds and rounds up. Throws TW1020. */
  lease(ttlMs: number): Promise<Lease>;
  /** Leases that are still open are not given back: they end by their time to live. */
  close(): Promise<void>;
}

/** Throws a TypeError where a transaction names a key twice: etcd refuses that, and so does everybody. */
export function checkTxn(t: Txn): void {
  const keys = [...t.put.map((p) => p.key), ...(t.remove ?? [])];
  const twice = keys.find((k, i) => keys.indexOf(k) !== i);
  if (twice !== undefined) throw new TypeError(`transaction writes ${twice} twice`);
}
