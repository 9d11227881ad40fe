import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import packet from 'dns-packet';
import { answer, type Reply } from '../dns/plan.ts';
import { drawOf } from '../draw.ts';
import type { World } from '../model.ts';

export interface DnsServer {
  /** UDP and TCP port (equal). */
  port: number;
  close(): Promise<void>;
}

const UDP_LIMIT = 512;
const FORMERR = 1;
const NOTIMP = 4;

/** Looks at the 12 bytes before anything is parsed: undefined = drop, a number = answer with this rcode. */
function guard(m: Buffer): 'ok' | number | undefined {
  if (m.length < 12 || (m.readUInt8(2) & 0x80) !== 0) return undefined;
  if ((m.readUInt8(2) & 0x78) !== 0) return NOTIMP;
  const [qd, an, ns, ar] = [4, 6, 8, 10].map((at) => m.readUInt16BE(at));
  return qd === 1 && an === 0 && ns === 0 && (ar ?? 0) <= 2 ? 'ok' : FORMERR;
}

function bare(m: Buffer, rcode: number): Buffer {
  const out = Buffer.alloc(12);
  m.copy(out, 0, 0, 2);
  out.writeUInt16BE(0x8000 | (m.readUInt16BE(2) & 0x0100) | rcode, 2);
  return out;
}

const RCODE = { NOERROR: 0, NXDOMAIN: 3, REFUSED: 5 } as const;

/** Answers one message; `limit` is the size a datagram may have, 0 over TCP. */
function respond(world: World, m: Buffer, u: number, limit: number): Buffer | undefined {
  const verdict = guard(m);
  if (verdict === undefined) return undefined;
  if (verdict !== 'ok') return bare(m, verdict);
  const query = decoded(m);
  const question = query?.questions?.[0];
  if (!query || !question) return bare(m, FORMERR);
  return replyTo(query, answer(world, { name: question.name, type: question.type }, u), limit);
}

function replyTo(query: packet.DecodedPacket, r: Reply, limit: number): Buffer {
  const opt = query.additionals?.find((a) => a.type === 'OPT');
  const flags = flagsOf(r, query.flags ?? 0);
  const extra = opt ? [OPT] : [];
  const body = { type: 'response' as const, id: query.id ?? 0, questions: query.questions ?? [] };
  const full = packet.encode({
    ...body,
    flags,
    answers: r.answers as packet.Answer[],
    authorities: r.authorities as packet.Answer[],
    additionals: [...(r.additionals as packet.Answer[]), ...extra],
  });
  if (limit === 0 || full.length <= Math.min(limit, payloadSize(opt))) return full;
  return packet.encode({ ...body, flags: flags | packet.TRUNCATED_RESPONSE, additionals: extra });
}

const flagsOf = (r: Reply, asked: number): number =>
  RCODE[r.rcode] | (r.authoritative ? packet.AUTHORITATIVE_ANSWER : 0) | (asked & packet.RECURSION_DESIRED);

const OPT: packet.Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

const payloadSize = (opt: packet.Answer | undefined): number =>
  opt && 'udpPayloadSize' in opt ? Math.max(UDP_LIMIT, opt.udpPayloadSize) : UDP_LIMIT;

function decoded(m: Buffer): packet.DecodedPacket | undefined {
  try {
    return packet.decode(m);
  } catch {
    return undefined;
  }
}

/** DNS over UDP and TCP on one address. */
export async function serveDns(o: { host: string; port: number; world: () => World }): Promise<DnsServer> {
  let n = 0;
  const reply = (m: Buffer, limit: number): Buffer | undefined =>
    respond(o.world(), m, drawOf(o.world().setting.seed, `dns ${n++}`).unit('answer'), limit);
  const tcp = createServer((s) => serveStream(s, reply));
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(o.port, o.host, resolve));
  const address = tcp.address();
  const port = typeof address === 'object' && address ? address.port : o.port;
  const udp = createSocket('udp4');
  udp.on('message', (m, from) => {
    const out = reply(m, 4096);
    if (out) udp.send(out, from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(port, o.host, resolve));
  return { port, close: () => closeBoth(udp, tcp) };
}

/** Two-byte length before each message (RFC 1035 4.2.2); a silent peer is cut after 10 s. */
function serveStream(s: TcpSocket, reply: (m: Buffer, limit: number) => Buffer | undefined): void {
  let buffer = Buffer.alloc(0);
  s.setTimeout(10_000, () => s.destroy());
  s.on('error', () => s.destroy());
  s.on('data', (d: Buffer) => {
    buffer = Buffer.concat([buffer, d]);
    while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
      const end = 2 + buffer.readUInt16BE(0);
      const out = reply(buffer.subarray(2, end), 0);
      buffer = buffer.subarray(end);
      if (!out) continue;
      const head = Buffer.alloc(2);
      head.writeUInt16BE(out.length);
      s.write(Buffer.concat([head, out]));
    }
  });
}

async function closeBoth(udp: Socket, tcp: Server): Promise<void> {
  await new Promise<void>((resolve) => udp.close(() => resolve()));
  await new Promise<void>((resolve) => tcp.close(() => resolve()));
}
