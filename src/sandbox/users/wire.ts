import {
  type DecodedPacket,
  decode,
  encode,
  type Packet,
  type Answer as Packeted,
  RECURSION_DESIRED,
} from 'dns-packet';
import { type Answer, canonicalName, type QType, type Rec, type Resolved } from './model.ts';

const UDP_SIZE = 1232;

/** A question to an authoritative server: no recursion wished. */
export function encodeQuestion(id: number, name: string, type: QType): Buffer {
  return encode({
    type: 'query',
    id,
    flags: 0,
    questions: [{ type, name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_SIZE,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  } as Packet);
}

function recOf(a: Packeted): Rec | undefined {
  if (a.type !== 'A' && a.type !== 'AAAA' && a.type !== 'CNAME' && a.type !== 'NS') return undefined;
  const data = a.type === 'A' || a.type === 'AAAA' ? a.data : canonicalName(a.data);
  return { name: canonicalName(a.name), type: a.type, ttl: a.ttl ?? 0, data };
}
const recs = (list: readonly Packeted[] | undefined): Rec[] => (list ?? []).flatMap((a) => recOf(a) ?? []);

/** TTL of an absence: the lesser of the SOA's own TTL and its minimum (RFC 2308 section 5). */
function negativeTtl(list: readonly Packeted[] | undefined): number | undefined {
  const soa = (list ?? []).find((a) => a.type === 'SOA');
  return soa?.type === 'SOA' ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) : undefined;
}

const RCODES: readonly string[] = ['NOERROR', 'NXDOMAIN', 'SERVFAIL', 'REFUSED'];

/** Header first: an answer with one question and our id; the decoder is not asked about anything else. */
function isAnswerTo(bytes: Buffer, id: number): boolean {
  return (
    bytes.length >= 12 &&
    bytes.readUInt16BE(0) === id &&
    (bytes.readUInt8(2) & 0x80) !== 0 &&
    bytes.readUInt16BE(4) === 1
  );
}

function decoded(bytes: Buffer): (DecodedPacket & { rcode?: string }) | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

const questionOf = (p: DecodedPacket): { name: string; type: string } => {
  const q = p.questions?.[0];
  return { name: canonicalName(q?.name ?? ''), type: q?.type ?? '' };
};

export interface Decoded {
  truncated: boolean;
  answer: Answer;
}

/** The answer to question `id`, or undefined when the bytes are something else. */
export function decodeAnswer(bytes: Buffer, id: number, name: string): Decoded | undefined {
  const packet = isAnswerTo(bytes, id) ? decoded(bytes) : undefined;
  if (packet === undefined || questionOf(packet).name !== name) return undefined;
  const ttl = negativeTtl(packet.authorities);
  const rcode = RCODES.includes(packet.rcode ?? '') ? (packet.rcode as Answer['rcode']) : 'OTHER';
  return {
    truncated: packet.flag_tc,
    answer: {
      rcode,
      authoritative: packet.flag_aa,
      answers: recs(packet.answers),
      authority: recs(packet.authorities),
      additional: recs(packet.additionals),
      ...(ttl === undefined ? {} : { negativeTtl: ttl }),
    },
  };
}

const RCODE_NUMBER: Readonly<Record<Answer['rcode'], number>> = {
  NOERROR: 0,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  REFUSED: 5,
  OTHER: 2,
};
const RECURSION_AVAILABLE = 1 << 7;

/** A client's question, or undefined when it is none we answer. */
export function decodeQuestion(bytes: Buffer): { id: number; name: string; type: string } | undefined {
  const plain = bytes.length >= 12 && (bytes.readUInt8(2) & 0xf8) === 0;
  if (!plain || bytes.readUInt16BE(4) !== 1 || bytes.readUInt16BE(6) !== 0 || bytes.readUInt16BE(8) !== 0)
    return undefined;
  const packet = decoded(bytes);
  return packet === undefined ? undefined : { id: packet.id ?? 0, ...questionOf(packet) };
}

/** The resolver's answer to a client. */
export function encodeResolved(q: { id: number; name: string; type: string }, r: Resolved): Buffer {
  return encode({
    type: 'response',
    id: q.id,
    flags: RECURSION_DESIRED | RECURSION_AVAILABLE | RCODE_NUMBER[r.rcode],
    questions: [{ type: q.type as QType, name: q.name }],
    answers: r.records.map(({ name, type, ttl, data }) => ({ name, type, ttl, data })),
  } as Packet);
}
