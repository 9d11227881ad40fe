import type { DnsCache } from './cache.ts';
import { type Answer, canonicalName, type QType, type Question, type Rec, type Resolved, within } from './model.ts';
import type { ServerTable } from './servers.ts';

/** What a resolution needs from outside. */
export interface ResolverDeps {
  cache: DnsCache;
  servers: ServerTable;
  /** Addresses of the root servers. */
  roots: readonly string[];
  /** Unix ms. */
  now: () => number;
  /** Rejects when the server is silent for `timeoutMs` or answers nonsense. */
  ask: (q: Question) => Promise<Answer>;
  /** Before the next server is asked. Default 800. */
  timeoutMs?: number;
}

/** Questions one resolution may cost: loops and mazes end here. */
const BUDGET = 40;
const CHAIN_MAX = 10;
const DEPTH_MAX = 4;
const ZONES_MAX = 20;
const ROUNDS = 2;
const SERVFAIL_TTL = 5;

class Failed extends Error {}

interface Walk {
  d: ResolverDeps;
  asked: string[];
  depth: number;
}
/** A finished step: records of the name asked, or its absence. */
interface Found {
  rcode: 'NOERROR' | 'NXDOMAIN';
  records: Rec[];
  ttl: number;
}

/**
 * Resolves from the roots as a caching resolver does: referrals with glue, CNAMEs, negative answers, the next server
 * after a silence. Never rejects: a failure is rcode SERVFAIL with the reason.
 */
export async function resolve(name: string, type: QType, d: ResolverDeps): Promise<Resolved> {
  const walk: Walk = { d, asked: [], depth: 0 };
  try {
    const { rcode, records, ttl } = await chain(canonicalName(name), type, walk);
    const addresses = records.filter((r) => r.type === type && (type === 'A' || type === 'AAAA')).map((r) => r.data);
    return { rcode, records, addresses, ttl, asked: walk.asked };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { rcode: 'SERVFAIL', records: [], addresses: [], ttl: SERVFAIL_TTL, asked: walk.asked, why: error.message };
  }
}

/** Follows CNAMEs to records of `type`. */
async function chain(name: string, type: QType, walk: Walk): Promise<Found> {
  const records: Rec[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  for (let at = name, hops = 0; hops < CHAIN_MAX; hops++) {
    const found = await lookup(at, type, walk);
    ttl = Math.min(ttl, found.ttl);
    records.push(...found.records);
    const alias = found.records.find((r) => r.type === 'CNAME' && r.name === at);
    if (alias === undefined || type === 'CNAME') return { rcode: found.rcode, records, ttl };
    at = alias.data;
  }
  throw new Failed(`more than ${CHAIN_MAX} aliases after ${name}`);
}

/** One name: from the cache, else from the servers of the closest zone known. */
async function lookup(name: string, type: QType, walk: Walk): Promise<Found> {
  const known = cached(name, type, walk);
  if (known !== undefined) return known;
  let zone = closestZone(name, walk);
  for (let step = 0; step < ZONES_MAX; step++) {
    const answer = await askZone(zone, name, type, walk);
    const found = positive(answer, name, type, walk);
    if (found !== undefined) return found;
    const deeper = referral(answer, name, zone, walk);
    if (deeper === undefined) return negative(answer, { name, type, zone: zone.name }, walk);
    zone = deeper;
  }
  throw new Failed(`too many referrals for ${name}`);
}

function cached(name: string, type: QType, walk: Walk): Found | undefined {
  const { cache, now } = walk.d;
  const hit = cache.get(name, type, now());
  if (hit !== undefined) return hit;
  const alias = type === 'CNAME' ? undefined : cache.get(name, 'CNAME', now());
  return alias !== undefined && alias.records.length > 0 ? alias : undefined;
}

interface Zone {
  name: string;
  /** Names of its servers; empty for the root, which has addresses. */
  servers: string[];
  /** Addresses that came with the delegation, good for this walk whatever their TTL. */
  glue: string[];
}

function closestZone(name: string, walk: Walk): Zone {
  const { cache, now } = walk.d;
  for (let zone = name; zone !== ''; zone = zone.split('.').slice(1).join('.')) {
    const hit = cache.get(zone, 'NS', now());
    if (hit !== undefined && hit.records.length > 0)
      return { name: zone, servers: hit.records.map((r) => r.data), glue: [] };
  }
  return { name: '', servers: [], glue: [] };
}

/** Asks the servers of a zone, fastest known first, until one answers usefully. */
async function askZone(zone: Zone, name: string, type: QType, walk: Walk): Promise<Answer> {
  const { d } = walk;
  let last = 'no server has an address';
  for (let round = 0; round < ROUNDS; round++) {
    for (const ip of d.servers.order(await addressesOf(zone, walk), d.now())) {
      if (walk.asked.length >= BUDGET) throw new Failed(`gave up after ${BUDGET} questions for ${name}`);
      const said = await askOne(ip, name, type, walk);
      if (typeof said !== 'string') return said;
      last = said;
    }
  }
  throw new Failed(`no server of "${zone.name || '.'}" answers for ${name}: ${last}`);
}

/** A useful answer of one server, or why there is none. */
async function askOne(ip: string, name: string, type: QType, walk: Walk): Promise<Answer | string> {
  const { d } = walk;
  walk.asked.push(ip);
  const began = d.now();
  try {
    const answer = await d.ask({ server: ip, name, type, timeoutMs: d.timeoutMs ?? 800 });
    d.servers.answered(ip, d.now() - began);
    return answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN' ? answer : `${ip} says ${answer.rcode}`;
  } catch (error) {
    d.servers.silent(ip, d.now());
    return `${ip}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Glue first; servers without it are resolved as any other name. */
async function addressesOf(zone: Zone, walk: Walk): Promise<string[]> {
  const { cache, now, roots } = walk.d;
  if (zone.name === '') return [...roots];
  if (zone.glue.length > 0) return zone.glue;
  const known = zone.servers.flatMap((s) => cache.get(s, 'A', now())?.records.map((r) => r.data) ?? []);
  if (known.length > 0) return known;
  if (walk.depth >= DEPTH_MAX) throw new Failed(`the servers of "${zone.name}" need each other to be found`);
  const found: string[] = [];
  for (const server of zone.servers) {
    const inner: Walk = { d: walk.d, asked: walk.asked, depth: walk.depth + 1 };
    const records = await chain(server, 'A', inner).then(
      (f) => f.records,
      () => [],
    );
    found.push(...records.filter((r) => r.type === 'A').map((r) => r.data));
  }
  return found;
}

/** Records that answer the question, kept in the cache. */
function positive(answer: Answer, name: string, type: QType, walk: Walk): Found | undefined {
  const { cache, now } = walk.d;
  const own = answer.answers.filter((r) => r.name === name && (r.type === type || r.type === 'CNAME'));
  if (own.length === 0) return undefined;
  const kind = own.some((r) => r.type === type) ? type : 'CNAME';
  const records = own.filter((r) => r.type === kind);
  cache.put(name, kind, records, now());
  return { rcode: 'NOERROR', records, ttl: Math.min(...records.map((r) => r.ttl)) };
}

/** An absence: said by NXDOMAIN, by the authority, or by a SOA (RFC 2308). Anything else is no answer. */
function negative(answer: Answer, q: { name: string; type: QType; zone: string }, walk: Walk): Found {
  const { cache, now } = walk.d;
  const absent = answer.rcode === 'NXDOMAIN' || answer.authoritative || answer.negativeTtl !== undefined;
  if (!absent) throw new Failed(`the servers of "${q.zone || '.'}" have neither answer nor referral for ${q.name}`);
  const rcode = answer.rcode === 'NXDOMAIN' ? 'NXDOMAIN' : 'NOERROR';
  const ttl = answer.negativeTtl ?? 0;
  cache.putNegative(q.name, q.type, { rcode, ttl }, now());
  return { rcode, records: [], ttl };
}

/** A delegation to a zone between here and the name; its glue is believed only inside the zone that gives it. */
function referral(answer: Answer, name: string, zone: Zone, walk: Walk): Zone | undefined {
  const { cache, now } = walk.d;
  const ns = answer.authority.filter(
    (r) => r.type === 'NS' && r.name !== zone.name && within(name, r.name) && within(r.name, zone.name),
  );
  const to = ns[0]?.name;
  if (to === undefined) return undefined;
  const servers = ns.filter((r) => r.name === to);
  cache.put(to, 'NS', servers, now());
  const names = new Set(servers.map((r) => r.data));
  const glue = answer.additional.filter((r) => r.type === 'A' && names.has(r.name) && within(r.name, zone.name));
  for (const server of names)
    cache.put(
      server,
      'A',
      glue.filter((r) => r.name === server),
      now(),
    );
  return { name: to, servers: [...names], glue: glue.map((r) => r.data) };
}
