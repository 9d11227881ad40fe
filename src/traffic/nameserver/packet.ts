import { isIPv4 } from 'node:net';
import dnsPacket, { type OptAnswer } from 'dns-packet';
import { type Addr, parseIp } from '../machine/ip.ts';
import type { Rcode } from '../model.ts';

export const TYPE = { A: 1, NS: 2, SOA: 6, HINFO: 13, AAAA: 28, IXFR: 251, AXFR: 252, ANY: 255 } as const;
export const RCODE: Readonly<Record<Rcode, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
};
const CLASS_IN = 1;
export const ECS_CODE = 8;
/** Nothing real is longer, and decoding time grows with length. */
const LONGEST_QUERY = 4096;

/** A client subnet option that passed every check of RFC 7871; `bytes` is echoed. */
interface Ecs {
  family: 1 | 2;
  bits: number;
  bytes: Buffer;
  addr: Addr;
}
export interface Edns {
  size: number;
  dnssecOk: boolean;
  ecs?: Ecs;
}
export interface Question {
  /** Wire form as it came: the 0x20 case is echoed. */
  raw: Buffer;
  /** Lower-cased wire name. */
  name: Buffer;
  type: number;
}
export interface Request {
  id: number;
  /** Opcode and RD, as they go into the reply. */
  echo: number;
  question?: Question;
  edns?: Edns;
}
export type Parsed =
  | { kind: 'drop'; why: 'short' | 'reply' }
  | { kind: 'refuse'; rcode: Rcode; why: string; request: Request }
  | { kind: 'query'; question: Question; request: Request };

/** Offset after the question's name; undefined when it runs out of the packet or is no plain name. */
function endOfName(packet: Buffer): number | undefined {
  let at = 12;
  for (;;) {
    const len = packet[at];
    // A pointer or a reserved label type has no place in the one question.
    if (len === undefined || len > 63) return undefined;
    at += 1 + len;
    if (len === 0) return at - 12 > 255 || at + 4 > packet.length ? undefined : at;
  }
}

function lowered(name: Buffer): Buffer {
  const out = Buffer.from(name);
  for (const [i, c] of out.entries()) if (c >= 65 && c <= 90) out[i] = c + 32;
  return out;
}

function readQuestion(packet: Buffer): (Question & { qclass: number }) | undefined {
  const end = endOfName(packet);
  if (end === undefined) return undefined;
  return {
    raw: Buffer.from(packet.subarray(12, end + 4)),
    name: lowered(packet.subarray(12, end)),
    type: packet.readUInt16BE(end),
    qclass: packet.readUInt16BE(end + 2),
  };
}

const clearAfter = (bytes: Buffer, bits: number): boolean =>
  bits % 8 === 0 || ((bytes[bytes.length - 1] ?? 0) & (0xff >> (bits % 8))) === 0;

/** The option's data by RFC 7871 section 6; undefined for what section 7.1.2 answers with FORMERR. */
function readEcs(data: Buffer): Ecs | undefined {
  if (data.length < 4) return undefined;
  const family = data.readUInt16BE(0);
  const [bits, scope] = [data.readUInt8(2), data.readUInt8(3)];
  const bytes = Buffer.from(data.subarray(4));
  if ((family !== 1 && family !== 2) || scope !== 0 || bits > (family === 1 ? 32 : 128)) return undefined;
  if (bytes.length !== Math.ceil(bits / 8) || !clearAfter(bytes, bits)) return undefined;
  return { family, bits, bytes, addr: toAddr(family, bytes) };
}

function toAddr(family: 1 | 2, bytes: Buffer): Addr {
  const full = Buffer.alloc(family === 1 ? 4 : 16);
  bytes.copy(full);
  if (family === 1) return { v: 4, n: full.readUInt32BE(0) };
  return { v: 6, hi: full.readBigUInt64BE(0), lo: full.readBigUInt64BE(8) };
}

const isOpt = (a: { type: string }): a is OptAnswer => a.type === 'OPT';

type EdnsRead = { edns?: Edns; bad?: Rcode; why?: string };
const NO_EDNS: EdnsRead = {};

function readEdns(packet: Buffer): EdnsRead {
  let opts: OptAnswer[];
  try {
    opts = (dnsPacket.decode(packet).additionals ?? []).filter(isOpt);
  } catch {
    return { bad: 'FORMERR', why: 'additional' };
  }
  const opt = opts[0];
  if (opt === undefined) return {};
  if (opts.length > 1) return { bad: 'FORMERR', why: 'two-opt' };
  const edns: Edns = { size: opt.udpPayloadSize, dnssecOk: opt.flag_do };
  if (opt.ednsVersion !== 0) return { edns, bad: 'BADVERS', why: 'edns-version' };
  const subnets = opt.options.filter((o) => Number(o.code) === ECS_CODE);
  if (subnets.length === 0) return { edns };
  const data = (subnets[0] as { data?: Buffer }).data;
  const ecs = data === undefined || subnets.length > 1 ? undefined : readEcs(data);
  return ecs === undefined ? { edns, bad: 'FORMERR', why: 'ecs' } : { edns: { ...edns, ecs } };
}

/** One question, no answers, at most two records after it, and not too long. */
function plausible(packet: Buffer): boolean {
  const counts = [4, 6, 8].map((i) => packet.readUInt16BE(i));
  return counts.join() === '1,0,0' && packet.readUInt16BE(10) <= 2 && packet.length <= LONGEST_QUERY;
}

/**
 * Checks a packet from anyone. The header is looked at before the decoder sees it: a reply is never
 * answered, and a question built from pointers or a long list costs nothing.
 */
export function parse(packet: Buffer): Parsed {
  if (packet.length < 12) return { kind: 'drop', why: 'short' };
  const flags = packet.readUInt16BE(2);
  if (flags >= 0x8000) return { kind: 'drop', why: 'reply' };
  const request: Request = { id: packet.readUInt16BE(0), echo: flags & 0x7900 };
  const refuse = (rcode: Rcode, why: string): Parsed => ({ kind: 'refuse', rcode, why, request });
  if ((flags & 0x7800) !== 0) return refuse('NOTIMP', 'opcode');
  const question = plausible(packet) ? readQuestion(packet) : undefined;
  if (question === undefined) return refuse('FORMERR', 'question');
  request.question = question;
  return withEdns(request, question, packet.readUInt16BE(10) === 0 ? NO_EDNS : readEdns(packet));
}

function withEdns(request: Request, question: Question & { qclass: number }, read: EdnsRead): Parsed {
  if (read.edns !== undefined) request.edns = read.edns;
  if (read.bad !== undefined) return { kind: 'refuse', rcode: read.bad, why: read.why ?? '', request };
  if (question.qclass !== CLASS_IN) return { kind: 'refuse', rcode: 'REFUSED', why: 'class', request };
  return { kind: 'query', question, request };
}

/** A valid dotted address as a number. On the path of every query: the library takes ten times as long. */
function fourParts(text: string): number {
  let [n, part] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) [n, part] = [n * 256 + part, 0];
    else part = part * 10 + c - 48;
  }
  return n * 256 + part;
}

/** A source address of a socket. */
export function addrOf(text: string): Addr {
  if (isIPv4(text)) return { v: 4, n: fourParts(text) };
  return parseIp(text) ?? { v: 4, n: 0 };
}
