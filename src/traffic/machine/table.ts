import type { Query, Site, World } from '../model.ts';
import { rule } from './evaluate.ts';
import { hashAddr, hashText, SLOTS, slotOf } from './hash.ts';
import { type Addr, type Cidr, contains, parseCidr, parseIp } from './ip.ts';
import { merge, type ParsedRow, type Resolved, rowsOf } from './map.ts';

/** No site may serve. */
export const NOBODY = 255;

export interface HostTable {
  host: string;
  app: string;
  ttl: number;
  salt: number;
  /** Owner (index of the site) of each of the 1,000 slots, by row. */
  owners: Uint8Array[];
}

/**
 * The law as arrays: sorted disjoint blocks of the address space, each with its map row. Searching one
 * is a binary search; its length is the ECS scope.
 */
export interface Table {
  snapshot: string;
  sites: readonly Site[];
  hosts: HostTable[];
  v4: { starts: Uint32Array; lens: Uint8Array; rows: Uint32Array };
  /** IPv6 by the upper 64 bits: rows are /48 at most. */
  v6: { starts: BigUint64Array; lens: Uint8Array; rows: Uint32Array };
  /** Hash of each row's prefix; row 0 is "nothing known". */
  rowKeys: Uint32Array;
  rowNames: (string | null)[];
}

interface Block {
  start: Addr;
  len: number;
  known: Resolved;
}

function halves(c: Cidr): [Cidr, Cidr] {
  const len = c.len + 1;
  if (c.addr.v === 4) {
    return [
      { addr: c.addr, len },
      { addr: { v: 4, n: (c.addr.n | (1 << (31 - c.len))) >>> 0 }, len },
    ];
  }
  return [
    { addr: c.addr, len },
    { addr: { v: 6, hi: c.addr.hi | (1n << BigInt(63 - c.len)), lo: 0n }, len },
  ];
}

/** Splits a block until no row begins or ends inside it. */
function cut(block: Cidr, rows: readonly ParsedRow[], covering: readonly ParsedRow[], out: Block[]): void {
  const inside = rows.filter((r) => r.cidr.len > block.len && contains(block, r.cidr.addr));
  const here = [...covering, ...rows.filter((r) => r.cidr.len === block.len && contains(block, r.cidr.addr))];
  if (inside.length === 0) {
    out.push({ start: block.addr, len: block.len, known: merge(here) });
    return;
  }
  for (const half of halves(block)) cut(half, inside, here, out);
}

function owners(slots: readonly number[]): Uint8Array {
  const out = new Uint8Array(SLOTS).fill(NOBODY);
  let at = 0;
  for (const [site, n] of slots.entries()) {
    out.fill(site, at, at + n);
    at += n;
  }
  return out;
}

function hostTables(w: World, rows: readonly Resolved[]): HostTable[] {
  const shared = new Map<string, Uint8Array>();
  return w.intents.map((intent) => ({
    host: intent.host,
    app: intent.app,
    ttl: intent.ttl,
    salt: hashText(intent.host),
    owners: rows.map((client) => {
      const { slots } = rule({ world: w, intent, client });
      const key = slots.join();
      const made = shared.get(key) ?? owners(slots);
      shared.set(key, made);
      return made;
    }),
  }));
}

/** Compiles the world for the hot path. At most 254 sites. */
export function compileTable(w: World): Table {
  const parsed = rowsOf(w);
  const of = (v: 4 | 6): ParsedRow[] => parsed.filter((r) => r.cidr.addr.v === v);
  const blocks4: Block[] = [];
  const blocks6: Block[] = [];
  cut({ addr: { v: 4, n: 0 }, len: 0 }, of(4), [], blocks4);
  cut({ addr: { v: 6, hi: 0n, lo: 0n }, len: 0 }, of(6), [], blocks6);
  const rows: Resolved[] = [{ prefix: null, rtt: {} }];
  const index = new Map<string | null, number>([[null, 0]]);
  const rowOf = (known: Resolved): number => {
    const at = index.get(known.prefix) ?? rows.push(known) - 1;
    index.set(known.prefix, at);
    return at;
  };
  const low = (a: Addr): number => (a.v === 4 ? a.n : 0);
  const high = (a: Addr): bigint => (a.v === 6 ? a.hi : 0n);
  const side = (b: readonly Block[]) => ({
    lens: Uint8Array.from(b, (x) => x.len),
    rows: Uint32Array.from(b, (x) => rowOf(x.known)),
  });
  const v4 = { starts: Uint32Array.from(blocks4, (b) => low(b.start)), ...side(blocks4) };
  const v6 = { starts: BigUint64Array.from(blocks6, (b) => high(b.start)), ...side(blocks6) };
  return {
    snapshot: w.snapshot,
    sites: w.sites,
    hosts: hostTables(w, rows),
    v4,
    v6,
    rowKeys: Uint32Array.from(rows, (r) => (r.prefix === null ? 0 : hashText(r.prefix))),
    rowNames: rows.map((r) => r.prefix),
  };
}

/** Index of the last start that is not above `x`. */
function search<T extends number | bigint>(starts: { length: number; [i: number]: T }, x: T): number {
  let lo = 0;
  let hi = starts.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >>> 1;
    if ((starts[mid] as T) <= x) lo = mid;
    else hi = mid - 1;
  }
  return lo;
}

export interface Found {
  /** Index of the site, or NOBODY. */
  site: number;
  scope: number;
  row: number;
  slot: number;
}

export interface Asked {
  host: HostTable;
  resolver: Addr;
  /** The client of the ECS option, if one came with a source prefix. */
  client?: Addr;
}

/** The hot path: which site answers this client now. */
export function find(t: Table, asked: Asked, now: number): Found {
  const client = asked.client ?? asked.resolver;
  const side = client.v === 4 ? t.v4 : t.v6;
  const at = client.v === 4 ? search(t.v4.starts, client.n) : search(t.v6.starts, client.hi);
  const row = side.rows[at] ?? 0;
  const { host } = asked;
  const slot = slotOf({
    salt: host.salt,
    resolver: hashAddr(asked.resolver),
    row: t.rowKeys[row] ?? 0,
    ttl: host.ttl,
    now,
  });
  return { site: host.owners[row]?.[slot] ?? NOBODY, scope: side.lens[at] ?? 0, row, slot };
}

/** `find` for a query as text; undefined when the name is no app's host. Equal to `evaluate` for every query. */
export function lookup(t: Table, q: Query, now: number): Found | undefined {
  const host = t.hosts.find((h) => h.host === q.name.toLowerCase());
  if (host === undefined) return undefined;
  const ecs = q.ecs === undefined ? undefined : parseCidr(q.ecs);
  const resolver = parseIp(q.source) ?? { v: 4, n: 0 };
  return find(t, { host, resolver, ...(ecs !== undefined && ecs.len > 0 ? { client: ecs.addr } : {}) }, now);
}
