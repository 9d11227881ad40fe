import type { Json } from './json.ts';

/** Result of a compare-and-set; `unknown` = timeout or broken answer: read again before anything else. */
export type CasResult = 'ok' | 'stale' | 'unknown';

/** Where machines agree: values under keys, changed only from the revision that was read. */
export interface Store {
  /** `revision` 0 = the key does not exist. Throws TW1020 when the store cannot be asked. */
  get(key: string): Promise<{ value: Json | undefined; revision: number }>;
  /**
   * Writes `next` if the key still has `revision`; every success moves the revision up, also over a key that was
   * deleted and made again. Throws TW1020 when the store refuses and certainly nothing was written.
   */
  cas(key: string, revision: number, next: Json): Promise<CasResult>;
  /** Keys with this prefix, sorted. */
  list(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}
