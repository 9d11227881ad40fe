import { type Addr, mask32 } from '../machine/ip.ts';
import { find, NOBODY } from '../machine/table.ts';
import type { Rcode } from '../model.ts';
import { build, limitOf, type Sections, truncate } from './build.ts';
import { type Parsed, parse, type Question, type Request, TYPE } from './packet.ts';
import type { Ring } from './ring.ts';
import { isBetween, ownedAt, type Records, type Served, type Zone, zoneOf } from './zone.ts';

/** Counters by cause, for the view. */
export type Counters = Record<string, number>;
export const count = (c: Counters, what: string): void => {
  c[what] = (c[what] ?? 0) + 1;
};

export interface Responder {
  /** The reply, or undefined when there must be none. Never throws. */
  reply(packet: Buffer, source: Addr, tcp: boolean): Buffer | undefined;
  counters: Counters;
}
export interface ResponderDeps {
  zone(): Zone | undefined;
  now(): number;
  ring: Ring;
  /** UDP queries a /24 may send per second before it is told to come over TCP. */
  perSecond?: number;
}

/** Rate per /24 in a table of fixed size: a flood of sources cannot grow it. */
function createLimiter(perSecond: number, now: () => number): (source: Addr) => boolean {
  const seen = new Uint32Array(16_384);
  let second = 0;
  return (source) => {
    const s = Math.floor(now() / 1000);
    if (s !== second) {
      second = s;
      seen.fill(0);
    }
    const net = source.v === 4 ? source.n >>> 8 : Number((source.hi >> 16n) & 0xffffffffn);
    const at = (Math.imul(net, 0x9e3779b1) >>> 18) & 16_383;
    seen[at] = (seen[at] ?? 0) + 1;
    return (seen[at] ?? 0) > perSecond;
  };
}

const empty = (rcode: Rcode, authoritative = false): Sections => ({ rcode, authoritative });
const positive = (answers: Records, scope = 0): Sections => ({ rcode: 'NOERROR', authoritative: true, answers, scope });
const nodata = (served: Served, offset = 12): Sections => ({
  rcode: 'NOERROR',
  authoritative: true,
  authority: ownedAt(served.soa, offset),
});

interface Context extends ResponderDeps {
  source: Addr;
  request: Request;
}

const subnetOf = (request: Request): Addr | undefined => {
  const ecs = request.edns?.ecs;
  return ecs === undefined || ecs.bits === 0 ? undefined : ecs.addr;
};

function address(zone: Zone, served: Served, type: number, c: Context): Sections {
  const client = subnetOf(c.request);
  const at = c.now();
  const asked = { host: served.table, resolver: c.source };
  const found = find(zone.table, client === undefined ? asked : { ...asked, client }, at);
  const who = client ?? c.source;
  c.ring.put({ ...found, at, net: who.v === 4 ? (who.n & mask32(24)) >>> 0 : 0 });
  if (found.site === NOBODY) return empty('SERVFAIL', true);
  const records = served.sites[found.site]?.[type === TYPE.A ? 'a' : 'aaaa'];
  return records === undefined ? nodata(served) : positive(records, client === undefined ? 0 : found.scope);
}

function atApex(zone: Zone, served: Served, type: number, c: Context): Sections {
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
      return address(zone, served, type, c);
    case TYPE.NS:
      return positive(served.ns);
    case TYPE.SOA:
      return positive(served.soa);
    case TYPE.ANY:
      return positive(served.hinfo);
    default:
      return nodata(served);
  }
}

function decide(q: Question, c: Context): Sections {
  const zone = c.zone();
  if (zone === undefined) return empty('SERVFAIL');
  const at = zoneOf(zone, q.name);
  if (at === undefined || q.type === TYPE.AXFR || q.type === TYPE.IXFR) return empty('REFUSED');
  if (at.depth === 0) return atApex(zone, at.served, q.type, c);
  const negative = nodata(at.served, 12 + at.depth);
  return isBetween(zone, q.name) ? negative : { ...negative, rcode: 'NXDOMAIN' };
}

export function createResponder(deps: ResponderDeps): Responder {
  const counters: Counters = {};
  const flooded = createLimiter(deps.perSecond ?? 5000, () => deps.now());

  function answer(p: Parsed, source: Addr, tcp: boolean): Buffer | undefined {
    if (p.kind === 'drop') {
      count(counters, `drop.${p.why}`);
      return undefined;
    }
    const limit = limitOf(p.request, tcp);
    if (p.kind === 'refuse') {
      count(counters, `bad.${p.why}`);
      return build(p.request, empty(p.rcode), limit);
    }
    if (!tcp && flooded(source)) {
      count(counters, 'limited');
      return truncate(p.request);
    }
    const sections = decide(p.question, { ...deps, source, request: p.request });
    count(counters, `answer.${sections.rcode}`);
    return build(p.request, sections, limit);
  }

  return {
    counters,
    reply: (packet, source, tcp) => {
      try {
        return answer(parse(packet), source, tcp);
      } catch {
        count(counters, 'bug');
        return undefined;
      }
    },
  };
}
