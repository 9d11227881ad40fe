import type { ClusterName } from '../../kernel/index.ts';
import { digest, km, toJson } from '../../kernel/index.ts';
import type { Intent, LatencyMap, LatLon, MapRow, Prefix, Rtt, Site } from '../model.ts';
import { type Addr, type Cidr, common, contains, parseCidr } from './ip.ts';

/** Milliseconds for the last mile, and per km of great circle: 10 us of light in glass with a detour of 1.6. */
const PRIOR = { a: 8, b: 0.016 };
/** Longest prefixes a map may hold: less would name single homes. */
export const LONGEST = { 4: 24, 6: 48 } as const;

export interface Known {
  /** Round trips in milliseconds by client prefix and cluster. */
  rtt?: Record<Prefix, Record<ClusterName, number>>;
  /** Where the clients of a prefix are. */
  places?: Record<Prefix, { place?: LatLon; country?: string }>;
  prior?: { a: number; b: number };
}

const usable = (prefix: Prefix): boolean => {
  const c = parseCidr(prefix);
  return c !== undefined && c.len <= LONGEST[c.addr.v];
};

/** A map of what is known; prefixes that are malformed or longer than /24 and /48 are left out. */
export function buildMap(known: Known): LatencyMap {
  const rows = new Map<Prefix, MapRow>();
  const rowFor = (prefix: Prefix): MapRow => {
    const row = rows.get(prefix) ?? { prefix };
    rows.set(prefix, row);
    return row;
  };
  for (const [prefix, place] of Object.entries(known.places ?? {})) {
    if (usable(prefix)) Object.assign(rowFor(prefix), place);
  }
  for (const [prefix, to] of Object.entries(known.rtt ?? {})) {
    const good = Object.entries(to).filter(([, ms]) => Number.isFinite(ms) && ms >= 0);
    if (!usable(prefix) || good.length === 0) continue;
    rowFor(prefix).rtt = Object.fromEntries(good.map(([c, ms]) => [c, { ms: Math.round(ms * 10) / 10, n: 1 }]));
  }
  const sorted = [...rows.values()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  const prior = known.prior ?? PRIOR;
  return { id: digest(toJson({ prior, rows: sorted })).slice(0, 19), prior, rows: sorted };
}

export interface ParsedRow {
  cidr: Cidr;
  row: MapRow;
}
/**
 * The usable rows of a world with their prefixes parsed; of equal prefixes the last one counts. A prefix
 * named by a residency rule is a row as well, so that no row lies half inside a rule.
 */
export function rowsOf(world: { map: LatencyMap; intents: readonly Intent[] }): ParsedRow[] {
  const byPrefix = new Map<string, ParsedRow>();
  const named = world.intents.flatMap((i) => i.residency.flatMap((r) => r.from));
  for (const row of [...named.map((prefix): MapRow => ({ prefix })), ...world.map.rows]) {
    const cidr = parseCidr(row.prefix);
    if (cidr !== undefined && cidr.len <= LONGEST[cidr.addr.v]) byPrefix.set(row.prefix, { cidr, row });
  }
  return [...byPrefix.values()];
}

/** What the map knows of one client; `prefix` is null when no row covers it. */
export interface Resolved {
  prefix: Prefix | null;
  rtt: NonNullable<MapRow['rtt']>;
  place?: LatLon;
  country?: string;
}

/** Rows that all cover one client, merged; a longer prefix overrides a shorter one. */
export function merge(covering: readonly ParsedRow[]): Resolved {
  const sorted = [...covering].sort((a, b) => a.cidr.len - b.cidr.len);
  const out: Resolved = { prefix: null, rtt: {} };
  for (const { row } of sorted) {
    out.prefix = row.prefix;
    out.rtt = { ...out.rtt, ...row.rtt };
    if (row.place !== undefined) out.place = row.place;
    if (row.country !== undefined) out.country = row.country;
  }
  return out;
}

/**
 * The row of a client and the ECS scope of its answer: the shortest prefix around the client within
 * which every address gets the same row (RFC 7871 section 7.2.1: answers must not overlap).
 */
export function locate(rows: readonly ParsedRow[], client: Addr): { known: Resolved; scope: number } {
  const covering = rows.filter((r) => contains(r.cidr, client));
  let scope = covering.reduce((len, r) => Math.max(len, r.cidr.len), 0);
  for (const { cidr } of rows) {
    if (!contains(cidr, client)) scope = Math.max(scope, common(cidr.addr, client) + 1);
  }
  return { known: merge(covering), scope };
}

/** Estimate of the round trip from a client to a site; undefined when nothing is known of the client. */
export function rttTo(map: LatencyMap, known: Resolved, site: Site): Rtt | undefined {
  const measured = known.rtt[site.cluster];
  if (measured !== undefined) return { ms: measured.ms, from: 'prefix', samples: measured.n };
  if (known.place === undefined) return undefined;
  const ms = map.prior.a + map.prior.b * km(known.place, site.place);
  return { ms: Math.round(ms * 10) / 10, from: 'geo', samples: 0 };
}
