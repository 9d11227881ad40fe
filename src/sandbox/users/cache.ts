import { canonicalName, type QType, type Rec } from './model.ts';

interface Entry {
  /** Empty for a negative entry. */
  records: readonly Rec[];
  rcode: 'NOERROR' | 'NXDOMAIN';
  until: number;
}
/** What the cache knows: records with their remaining TTL, in whole seconds. */
export interface Hit {
  records: Rec[];
  rcode: 'NOERROR' | 'NXDOMAIN';
  ttl: number;
}

/** Longest life of an answer and of an absence (RFC 8767, RFC 2308), seconds. */
const MAX_TTL = 86_400;
const MAX_NEGATIVE_TTL = 10_800;

/** A resolver's cache. Pure but for its own table: time comes as `now` (Unix ms). TTL 0 is never kept. */
export class DnsCache {
  readonly #entries = new Map<string, Entry>();
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps one record set; the set lives as long as its shortest TTL (RFC 2181 5.2). */
  put(name: string, type: QType, records: readonly Rec[], now: number): void {
    const ttl = Math.min(MAX_TTL, ...records.map((r) => r.ttl));
    if (records.length > 0)
      this.#set(`${canonicalName(name)} ${type}`, { records, rcode: 'NOERROR', until: now + ttl * 1000 }, ttl);
  }

  /** Keeps an absence: of the type (NOERROR) or of the whole name (NXDOMAIN). */
  putNegative(name: string, type: QType, o: { rcode: Entry['rcode']; ttl: number }, now: number): void {
    const ttl = Math.min(MAX_NEGATIVE_TTL, o.ttl);
    const key = `${canonicalName(name)} ${o.rcode === 'NXDOMAIN' ? '*' : type}`;
    this.#set(key, { records: [], rcode: o.rcode, until: now + ttl * 1000 }, ttl);
  }

  get(name: string, type: QType, now: number): Hit | undefined {
    const n = canonicalName(name);
    for (const key of [`${n} ${type}`, `${n} *`]) {
      const e = this.#entries.get(key);
      if (e === undefined) continue;
      if (e.until <= now) {
        this.#entries.delete(key);
        continue;
      }
      const ttl = Math.ceil((e.until - now) / 1000);
      return { records: e.records.map((r) => ({ ...r, ttl: Math.min(r.ttl, ttl) })), rcode: e.rcode, ttl };
    }
    return undefined;
  }

  #set(key: string, entry: Entry, ttl: number): void {
    this.#entries.delete(key);
    if (ttl <= 0) return;
    this.#entries.set(key, entry);
    // Oldest first: insertion order of a Map.
    for (const old of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(old);
    }
  }
}
