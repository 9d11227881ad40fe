import type { Rcode } from '../model.ts';
import { ECS_CODE, type Edns, RCODE, type Request } from './packet.ts';

export interface Sections {
  rcode: Rcode;
  authoritative: boolean;
  answers?: { bytes: Buffer; count: number };
  authority?: Buffer;
  /** ECS scope of the answer. */
  scope?: number;
  truncated?: boolean;
}

function optRecord(edns: Edns, rcode: number, scope: number): Buffer {
  const ecs = edns.ecs;
  const option = ecs === undefined ? 0 : 8 + ecs.bytes.length;
  const out = Buffer.alloc(11 + option);
  out.writeUInt16BE(41, 1);
  out.writeUInt16BE(SAFE_UDP, 3);
  out[5] = rcode >> 4;
  out.writeUInt16BE(edns.dnssecOk ? 0x8000 : 0, 7);
  out.writeUInt16BE(option, 9);
  if (ecs === undefined) return out;
  out.writeUInt16BE(ECS_CODE, 11);
  out.writeUInt16BE(4 + ecs.bytes.length, 13);
  out.writeUInt16BE(ecs.family, 15);
  out[17] = ecs.bits;
  out[18] = ecs.bits === 0 ? 0 : scope;
  ecs.bytes.copy(out, 19);
  return out;
}

/** No fragment on any sane path (DNS flag day 2020). */
const SAFE_UDP = 1232;
const AA = 0x0400;
const TC = 0x0200;

/** The most a reply may take: 512 without EDNS, else what the client takes, 1232 at most (RFC 6891). */
export function limitOf(request: Request, tcp: boolean): number {
  if (tcp) return 65_535;
  return request.edns === undefined ? 512 : Math.min(Math.max(512, request.edns.size), SAFE_UDP);
}

function headerOf(request: Request, flags: number, counts: readonly number[]): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(request.id, 0);
  header.writeUInt16BE(0x8000 | request.echo | flags, 2);
  for (const [i, n] of counts.entries()) header.writeUInt16BE(n, 4 + 2 * i);
  return header;
}

const one = (present: unknown): number => (present === undefined ? 0 : 1);
const NO_RECORDS = { bytes: Buffer.alloc(0), count: 0 };

function assemble(request: Request, s: Sections): Buffer {
  const rcode = RCODE[s.rcode];
  const flags = (s.authoritative ? AA : 0) | (s.truncated === true ? TC : 0) | (rcode & 15);
  const answers = s.answers ?? NO_RECORDS;
  const opt = request.edns === undefined ? undefined : optRecord(request.edns, rcode, s.scope ?? 0);
  const counts = [one(request.question), answers.count, one(s.authority), one(opt)];
  const parts = [headerOf(request, flags, counts), request.question?.raw, answers.bytes, s.authority, opt];
  return Buffer.concat(parts.filter((p) => p !== undefined));
}

const bare = (s: Sections): Sections => ({ rcode: s.rcode, authoritative: s.authoritative, truncated: true });

/** The reply in wire form; too long for the client over UDP: only the question, and TC. */
export function build(request: Request, s: Sections, limit: number): Buffer {
  const whole = assemble(request, s);
  return whole.length <= limit ? whole : assemble(request, bare(s));
}
/** An empty reply with TC: come back over TCP. */
export const truncate = (request: Request): Buffer =>
  assemble(request, { rcode: 'NOERROR', authoritative: false, truncated: true });
