import type { DnsCache } from './cache.ts';
import { type Answer, canonicalName, type QType, type Rec, type Resolved, within } from './model.ts';
import type { ServerTable } from './servers.ts';

/** What a resolution needs from outside. */
export interface ResolverDeps {
  cache: DnsCache;
  servers: ServerTable;
  /** Addresses of the root servers. */
  roots: readonly string[];
  /** Unix ms. */
  now: () => number;
  /** One question to one server; rejects when it is silent for `timeoutMs` or answers nonsense. */
  ask: (server: string, name: string, type: QType, timeoutMs: number) => Promise<Answer>;
  /** Before the next server is asked. Default 800. */
  timeoutMs?: number;
}

/** Questions one resolution may cost: loops and mazes end here. */
const BUDGET = 40;
const CHAIN_MAX = 10;
const DEPTH_MAX = 4;
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
  const { cache, now } = walk.d;
  for (const t of type === 'CNAME' ? [type] : [type, 'CNAME' as const]) {
    const hit = cache.get(name, t, now());
    if (hit !== undefined && (t === type || hit.records.length > 0)) return { rcode: hit.rcode, records: hit.records, ttl: hit.ttl };
  }
  let zone = closestZone(name, walk);
  for (let step = 0; step < 20; step++) {
    const answer = await askZone(zone, name, type, walk);
    const found = taken(answer, name, type, walk);
    if (found !== undefined) return found;
    const deeper = referral(answer, name, zone, walk);
    if (deeper === undefined) throw new Failed(`the servers of "${zone.name || '.'}" gave no answer for ${name} (${answer.rcode})`);
    zone = deeper;
  }
  throw new Failed(`too many referrals for ${name}`);
}

interface Zone {
  name: string;
  /** Names of its servers; empty for the root, which has addresses. */
  servers: string[];
}

function closestZone(name: string, walk: Walk): Zone {
  const { cache, now } = walk.d;
  for (let zone = name; zone !== ''; zone = zone.split('.').slice(1).join('.')) {
    const hit = cache.get(zone, 'NS', now());
    if (hit !== undefined && hit.records.length > 0) return { name: zone, servers: hit.records.map((r) => r.data) };
  }
  return { name: '', servers: [] };
}

/** Asks the servers of a zone, fastest known first, until one answers usefully. */
async function askZone(zone: Zone, name: string, type: QType, walk: Walk): Promise<Answer> {
  const { d } = walk;
  let last = 'no server has an address';
  for (let round = 0; round < ROUNDS; round++) {
    for (const ip of d.servers.order(await addressesOf(zone, walk), d.now())) {
      if (walk.asked.length >= BUDGET) throw new Failed(`gave up after ${BUDGET} questions for ${name}`);
      walk.asked.push(ip);
      const began = d.now();
      try {
        const answer = await d.ask(ip, name, type, d.timeoutMs ?? 800);
        d.servers.answered(ip, d.now() - began);
        if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return answer;
        last = `${ip} says ${answer.rcode}`;
      } catch (error) {
        d.servers.silent(ip, d.now());
        last = `${ip}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
  }
  throw new Failed(`no server of "${zone.name || '.'}" answers for ${name}: ${last}`);
}

/** Glue first; servers without it are resolved as any other name. */
async function addressesOf(zone: Zone, walk: Walk): Promise<string[]> {
  const { cache, now, roots } = walk.d;
  if (zone.name === '') return [...roots];
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

/** The answer to the question itself, kept in the cache; undefined when this is a referral. */
function taken(answer: Answer, name: string, type: QType, walk: Walk): Found | undefined {
  const { cache, now } = walk.d;
  const own = answer.answers.filter((r) => r.name === name && (r.type === type || r.type === 'CNAME'));
  if (own.length > 0) {
    const kind = own.some((r) => r.type === type) ? type : 'CNAME';
    const records = own.filter((r) => r.type === kind);
    cache.put(name, kind, records, now());
    return { rcode: 'NOERROR', records, ttl: Math.min(...records.map((r) => r.ttl)) };
  }
  const absent = answer.rcode === 'NXDOMAIN' || answer.authoritative || answer.negativeTtl !== undefined;
  if (!absent) return undefined;
  const rcode = answer.rcode === 'NXDOMAIN' ? 'NXDOMAIN' : 'NOERROR';
  const ttl = answer.negativeTtl ?? 0;
  cache.putNegative(name, type, { rcode, ttl }, now());
  return { rcode, records: [], ttl };
}

/** A delegation to a zone between here and the name; its glue is believed only inside the zone that gives it. */
function referral(answer: Answer, name: string, zone: Zone, walk: Walk): Zone | undefined {
  const { cache, now } = walk.d;
  const ns = answer.authority.filter((r) => r.type === 'NS' && r.name !== zone.name && within(name, r.name) && within(r.name, zone.name));
  const to = ns[0]?.name;
  if (to === undefined) return undefined;
  const servers = ns.filter((r) => r.name === to);
  cache.put(to, 'NS', servers, now());
  const names = new Set(servers.map((r) => r.data));
  for (const server of names) {
    const glue = answer.additional.filter((r) => r.type === 'A' && r.name === server && within(server, zone.name));
    cache.put(server, 'A', glue, now());
  }
  // A delegation with TTL 0 is good for this walk although the cache did not take it.
  return { name: to, servers: [...names] };
}
