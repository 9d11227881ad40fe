import type { Counted, Loaded, LogEnd, Step } from './model.ts';

/** One copy that is read, and the home that it follows. */
export interface SnapshotSource {
  /** Writes the canary at home and waits until as many copies have it as a write needs. Throws when they do not. */
  plant(value: string): Promise<void>;
  /** Takes the canary away again; best effort. */
  uproot(): Promise<void>;
  /** Resolves once the copy has the canary. */
  arrived(value: string): Promise<void>;
  count(): Promise<Counted>;
  /**
   * The data of the copy at one moment, as a replica would get it. It never acknowledges anything, so no write counts
   * it; a primary refuses it. Throws SnapshotError 'read'.
   */
  open(): Promise<{ log: Omit<LogEnd, 'epoch'>; bytes: AsyncIterable<Uint8Array> }>;
}

/** Where snapshots lie, by name; names have no blanks and use `/` between folders. */
export interface Vault {
  /** Of the place, for people. */
  readonly where: string;
  /** It is there whole afterwards or not at all; one of that name is replaced. */
  put(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** Throws when there is none. */
  get(name: string): AsyncIterable<Uint8Array>;
  /** Names that begin so, sorted. */
  list(prefix: string): Promise<string[]>;
  /** Fine when there is none. */
  remove(name: string): Promise<void>;
}

/** A throw-away Redis of the running version. */
export interface Loader {
  /** Loads `size` bytes; nothing is left of it afterwards. Throws SnapshotError 'load'. */
  load(bytes: AsyncIterable<Uint8Array>, size: number): Promise<Loaded>;
}

/** A step of a snapshot that did not go. */
export class SnapshotError extends Error {
  readonly step: Step;
  constructor(step: Step, why: string, cause?: unknown) {
    super(why, cause === undefined ? {} : { cause });
    this.name = 'SnapshotError';
    this.step = step;
  }
}
