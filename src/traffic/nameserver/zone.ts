import dnsPacket, { type Answer } from 'dns-packet';
import { compileTable, type HostTable, type Table } from '../machine/table.ts';
import type { Snapshot, World } from '../model.ts';

/** Records as bytes that point to the question's name as their owner. */
export interface Records {
  bytes: Buffer;
  count: number;
}
/** Answers of one site for one host; absent families are NODATA. */
interface SiteAnswers {
  a?: Records;
  aaaa?: Records;
}
export interface Served {
  table: HostTable;
  /** Lower-cased wire name. */
  apex: Buffer;
  sites: SiteAnswers[];
  ns: Records;
  soa: Records;
  hinfo: Records;
}
/** Everything the hot path needs, swapped as one value. */
export interface Zone {
  table: Table;
  hosts: Map<string, Served>;
  /** Names with no records of their own above a host and below another one (RFC 8020). */
  between: Set<string>;
}

/** NS records live longer than answers: resolvers ask the parent again when they expire. */
const NS_TTL = 300;
const MOST_ADDRESSES = 8;

/** Wire form of a name; labels of more than 63 bytes throw. */
function wireName(name: string): Buffer {
  const parts = name.toLowerCase().split('.').filter(Boolean);
  const bytes = parts.map((p) => {
    const label = Buffer.from(p, 'latin1');
    if (label.length > 63) throw new RangeError(`label too long: ${p}`);
    return Buffer.concat([Buffer.from([label.length]), label]);
  });
  return Buffer.concat([...bytes, Buffer.from([0])]);
}

/** A record without its owner: the encoder wrote `.` there. */
function tail(answer: Answer): Buffer {
  return dnsPacket.encode({ type: 'response', answers: [answer] }).subarray(13);
}
const POINTER = Buffer.from([0xc0, 12]);

function records(answers: readonly Answer[]): Records {
  return { bytes: Buffer.concat(answers.flatMap((a) => [POINTER, tail(a)])), count: answers.length };
}

/** The record with its owner at another offset of the question. */
export function ownedAt(r: Records, offset: number): Buffer {
  const bytes = Buffer.from(r.bytes);
  bytes.writeUInt16BE(0xc000 | offset, 0);
  return bytes;
}

/** From (term, seq), never from a clock: it only grows while these do. */
export const serialOf = (s: Snapshot): number => (((s.term & 0xfff) << 20) | (s.seq & 0xfffff)) >>> 0;

function serve(snapshot: Snapshot, table: Table, host: HostTable): Served {
  const ttl = host.ttl;
  const nameservers = snapshot.sites.flatMap((s) => (s.nameserver === undefined ? [] : [s.nameserver.name]));
  const addresses = (type: 'A' | 'AAAA', ips: readonly string[]): Records | undefined =>
    ips.length === 0
      ? undefined
      : records(ips.slice(0, MOST_ADDRESSES).map((data): Answer => ({ name: '.', type, ttl, data })));
  const sites = table.sites.map((site): SiteAnswers => {
    const a = addresses('A', site.edges[host.app]?.v4 ?? []);
    const aaaa = addresses('AAAA', site.edges[host.app]?.v6 ?? []);
    return { ...(a === undefined ? {} : { a }), ...(aaaa === undefined ? {} : { aaaa }) };
  });
  const soa: Answer = {
    name: '.',
    type: 'SOA',
    ttl,
    data: {
      mname: nameservers[0] ?? host.host,
      rname: `hostmaster.${snapshot.zone}`,
      serial: serialOf(snapshot),
      refresh: 3600,
      retry: 600,
      expire: 604_800,
      minimum: ttl,
    },
  };
  return {
    table: host,
    apex: wireName(host.host),
    sites,
    ns: records(nameservers.map((data): Answer => ({ name: '.', type: 'NS', ttl: NS_TTL, data }))),
    soa: records([soa]),
    hinfo: records([{ name: '.', type: 'HINFO', ttl: 3600, data: { cpu: 'RFC8482', os: '' } }]),
  };
}

const keyOf = (wire: Buffer): string => wire.toString('latin1');

function namesBetween(hosts: readonly string[]): Set<string> {
  const out = new Set<string>();
  for (const host of hosts) {
    const labels = host.split('.');
    for (let i = 1; i < labels.length; i++) out.add(keyOf(wireName(labels.slice(i).join('.'))));
  }
  return out;
}

export function compileZone(snapshot: Snapshot, world: World): Zone {
  const table = compileTable(world);
  const hosts = table.hosts.map((h) => serve(snapshot, table, h));
  return {
    table,
    hosts: new Map(hosts.map((h) => [keyOf(h.apex), h])),
    between: namesBetween(table.hosts.map((h) => h.host)),
  };
}

/** The host whose zone holds a name: itself, or the closest one above; `depth` is the offset of the apex. */
export function zoneOf(zone: Zone, name: Buffer): { served: Served; depth: number } | undefined {
  let at = 0;
  while (at < name.length) {
    const served = zone.hosts.get(keyOf(name.subarray(at)));
    if (served !== undefined) return { served, depth: at };
    const len = name[at] ?? 0;
    if (len === 0) return undefined;
    at += 1 + len;
  }
  return undefined;
}
export const isBetween = (zone: Zone, name: Buffer): boolean => zone.between.has(keyOf(name));
