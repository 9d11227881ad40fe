import type { World } from '../model.ts';
import { type RecordSet, systemAddress, type Zone, zonesOf } from './model.ts';

/** A record as dns-packet encodes it. */
interface Answer {
  name: string;
  type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'SOA' | 'TXT';
  ttl: number;
  data: string | string[] | Soa;
}
interface Soa {
  mname: string;
  rname: string;
  serial: number;
  refresh: number;
  retry: number;
  expire: number;
  minimum: number;
}
export interface Reply {
  rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED';
  authoritative: boolean;
  answers: Answer[];
  authorities: Answer[];
  additionals: Answer[];
}

/**
 * Seconds that a "no" may be cached. Route 53 says 900; here a name asked for a moment before it is
 * made would then be lost for a quarter of an hour of a demonstration.
 */
const NEGATIVE_TTL = 10;
const MAX_CHASE = 8;

/** What the simulated Internet's name servers say; `u` in [0, 1) decides between weighted sets. */
export function answer(world: World, question: { name: string; type: string }, u: number): Reply {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const zones = zonesOf(world);
  const zone = zoneFor(zones, name);
  if (!zone) return systemReply(world, name, question.type);
  const cut = delegation(zone, name);
  if (cut) return referral(zone, cut);
  return inZone({ world, zones, zone, u }, name, question.type);
}

function zoneFor(zones: Zone[], name: string): Zone | undefined {
  const fit = zones.filter((z) => name === z.name || name.endsWith(`.${z.name}`));
  return fit.toSorted((a, b) => b.name.length - a.name.length)[0];
}

/** The NS set between the zone's apex and the name: everything below is someone else's. */
function delegation(zone: Zone, name: string): RecordSet | undefined {
  const labels = name
    .slice(0, Math.max(0, name.length - zone.name.length - 1))
    .split('.')
    .filter(Boolean);
  for (let i = labels.length - 1; i >= 0; i--) {
    const owner = [...labels.slice(i), zone.name].join('.');
    const ns = zone.records.find((r) => r.type === 'NS' && r.name === owner);
    if (ns) return ns;
  }
  return undefined;
}

function referral(zone: Zone, cut: RecordSet): Reply {
  const names = cut.values.map((v) => v.replace(/\.$/, ''));
  const authorities = names.map((data): Answer => ({ name: cut.name, type: 'NS', ttl: cut.ttl, data }));
  const hosts = new Set(names.map((name) => name.toLowerCase()));
  const glue = zone.records.filter((r) => r.type === 'A' && hosts.has(r.name)).flatMap((r) => plain(r, r.name));
  return { rcode: 'NOERROR', authoritative: false, answers: [], authorities, additionals: glue };
}

interface Scope {
  world: World;
  zones: Zone[];
  zone: Zone;
  u: number;
}

function inZone(s: Scope, name: string, type: string): Reply {
  const answers: Answer[] = [];
  let here: string | undefined = name;
  for (let i = 0; here !== undefined && i < MAX_CHASE; i++) {
    const sets = setsAt(s.zone, here);
    const match = matching(sets, type, s.u);
    if (!match)
      return apex(s, here, type) ?? nothing(s.zone, sets.length > 0 || isEmptyNonTerminal(s.zone, here), answers);
    answers.push(...(match.alias === undefined ? plain(match, here) : aliased(s, match, here)));
    here = match.type === 'CNAME' && type !== 'CNAME' ? ownTarget(s.zone, match) : undefined;
  }
  return { rcode: 'NOERROR', authoritative: true, answers, authorities: [], additionals: [] };
}

function matching(sets: RecordSet[], type: string, u: number): RecordSet | undefined {
  const of = (t: string): RecordSet[] => sets.filter((r) => r.type === t);
  return choose(of(type), u) ?? choose(of('CNAME'), u);
}

/** Where a CNAME leads, if this zone may answer for it. */
function ownTarget(zone: Zone, cname: RecordSet): string | undefined {
  const target = (cname.values[0] ?? '').toLowerCase().replace(/\.$/, '');
  return zoneFor([zone], target) && !delegation(zone, target) ? target : undefined;
}

function setsAt(zone: Zone, name: string): RecordSet[] {
  const exact = zone.records.filter((r) => r.name === name);
  if (exact.length > 0 || name === zone.name || isEmptyNonTerminal(zone, name)) return exact;
  const labels = name.split('.');
  for (let i = 1; i < labels.length; i++) {
    const parent = labels.slice(i).join('.');
    const wild = zone.records.filter((r) => r.name === `*.${parent}`);
    if (wild.length > 0) return wild;
    if (parent === zone.name || zone.records.some((r) => r.name === parent)) return [];
  }
  return [];
}

const isEmptyNonTerminal = (zone: Zone, name: string): boolean => zone.records.some((r) => r.name.endsWith(`.${name}`));

function choose(sets: RecordSet[], u: number): RecordSet | undefined {
  const weighted = sets.filter((r) => r.weight !== undefined);
  const sum = weighted.reduce((n, r) => n + (r.weight ?? 0), 0);
  if (sum > 0) {
    let left = u * sum;
    for (const r of weighted) {
      left -= r.weight ?? 0;
      if (left < 0) return r;
    }
  }
  return sets.find((r) => r.secondary !== true) ?? sets[0];
}

function plain(r: RecordSet, name: string): Answer[] {
  const strip = (v: string): string => v.replace(/\.$/, '');
  return r.values.flatMap((v): Answer[] => {
    if (r.type === 'A' || r.type === 'AAAA') return [{ name, type: r.type, ttl: r.ttl, data: v }];
    if (r.type === 'TXT') return [{ name, type: 'TXT', ttl: r.ttl, data: v.replaceAll('"', '') }];
    return r.type === 'CNAME' || r.type === 'NS' ? [{ name, type: r.type, ttl: r.ttl, data: strip(v) }] : [];
  });
}

function aliased(s: Scope, r: RecordSet, name: string): Answer[] {
  const target = r.alias ?? '';
  const own = setsAt(s.zone, target).filter((x) => x.type === r.type);
  if (own.length > 0) return own.flatMap((x) => plain(x, name));
  const ip = systemAddress(s.world, target);
  return ip === undefined ? [] : [{ name, type: 'A', ttl: 60, data: ip }];
}

function soa(zone: Pick<Zone, 'name' | 'nameServers'>): Answer {
  const mname = (zone.nameServers[0] ?? 'a.root-servers.example').replace(/\.$/, '');
  const data = {
    mname,
    rname: 'hostmaster.tradewind.example',
    serial: 1,
    refresh: 7200,
    retry: 900,
    expire: 1209600,
    minimum: NEGATIVE_TTL,
  };
  return { name: zone.name, type: 'SOA', ttl: NEGATIVE_TTL, data };
}

/** The zone's own NS and SOA. */
function apex(s: Scope, name: string, type: string): Reply | undefined {
  if (name !== s.zone.name || (type !== 'NS' && type !== 'SOA')) return undefined;
  const ns = s.zone.nameServers.map((v): Answer => ({ name, type: 'NS', ttl: 172_800, data: v.replace(/\.$/, '') }));
  return {
    rcode: 'NOERROR',
    authoritative: true,
    answers: type === 'NS' ? ns : [soa(s.zone)],
    authorities: [],
    additionals: [],
  };
}

function nothing(zone: Pick<Zone, 'name' | 'nameServers'>, exists: boolean, answers: Answer[]): Reply {
  const rcode = exists || answers.length > 0 ? 'NOERROR' : 'NXDOMAIN';
  return { rcode, authoritative: true, answers, authorities: [soa(zone)], additionals: [] };
}

const ROOT = { name: '', nameServers: [] };

function systemReply(world: World, name: string, type: string): Reply {
  const ip = systemAddress(world, name);
  if (ip === undefined) return nothing(ROOT, name === '', []);
  if (type !== 'A') return nothing(ROOT, true, []);
  return {
    rcode: 'NOERROR',
    authoritative: true,
    answers: [{ name, type: 'A', ttl: 60, data: ip }],
    authorities: [],
    additionals: [],
  };
}
