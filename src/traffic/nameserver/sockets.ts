import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { createServer, isIP, type Server, type Socket as Stream } from 'node:net';
import { addrOf } from './packet.ts';
import type { Responder } from './responder.ts';

export interface DnsSockets {
  port: number;
  close(): Promise<void>;
}

const IDLE_MS = 10_000;
const MOST_STREAMS = 512;
/** One length-prefixed message may be half here; more than this unread is abuse. */
const MOST_PENDING = 65_537;

/** Whole messages of a TCP stream (RFC 7766: many per connection, answered in order). */
export function createFramer(each: (message: Buffer) => void): (chunk: Buffer) => boolean {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const len = pending.readUInt16BE(0);
      if (pending.length < 2 + len) break;
      each(pending.subarray(2, 2 + len));
      pending = pending.subarray(2 + len);
    }
    return pending.length <= MOST_PENDING;
  };
}

export function framed(message: Buffer): Buffer {
  const len = Buffer.alloc(2);
  len.writeUInt16BE(message.length, 0);
  return Buffer.concat([len, message]);
}

function serveStream(stream: Stream, responder: Responder): void {
  const source = addrOf(stream.remoteAddress ?? '');
  const take = createFramer((message) => {
    const reply = responder.reply(message, source, true);
    if (reply === undefined) stream.destroy();
    else stream.write(framed(reply));
  });
  stream.setTimeout(IDLE_MS, () => stream.destroy());
  stream.on('error', () => stream.destroy());
  stream.on('data', (chunk: Buffer) => {
    if (!take(chunk) || stream.writableLength > 1_000_000) stream.destroy();
  });
}

function serveUdp(socket: Socket, responder: Responder): void {
  socket.on('message', (message, from) => {
    const reply = responder.reply(message, addrOf(from.address), false);
    if (reply !== undefined) socket.send(reply, from.port, from.address, () => undefined);
  });
  // An ICMP error of one client must not end the server.
  socket.on('error', () => undefined);
}

/** Replies go to addresses as they came: looking one up would put each reply off to a later turn of the loop. */
const asGiven: NonNullable<SocketOptions['lookup']> = (host, options, done) => {
  const family = isIP(host);
  if (family === 0) lookup(host, { ...options, all: false }, done);
  else done(null, host, family);
};

async function bindUdp(host: string, port: number): Promise<Socket> {
  const type = host.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket({ type, recvBufferSize: 1 << 20, lookup: asGiven });
  const listening = once(socket, 'listening');
  socket.bind(port, host);
  await listening;
  return socket;
}

async function bindTcp(host: string, port: number, responder: Responder): Promise<Server> {
  const server = createServer((stream) => serveStream(stream, responder));
  server.maxConnections = MOST_STREAMS;
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

/** UDP and TCP on one port; port 0 takes any that is free for both. */
export async function listenDns(at: { host: string; port: number }, responder: Responder): Promise<DnsSockets> {
  const tcp = await bindTcp(at.host, at.port, responder);
  const streams = new Set<Stream>();
  tcp.on('connection', (s: Stream) => {
    streams.add(s);
    s.on('close', () => streams.delete(s));
  });
  const address = tcp.address();
  const port = typeof address === 'object' && address !== null ? address.port : at.port;
  const udp = await bindUdp(at.host, port).catch((error: unknown) => {
    tcp.close();
    throw error;
  });
  serveUdp(udp, responder);
  return {
    port,
    close: async () => {
      for (const s of streams) s.destroy();
      await Promise.all([
        new Promise<void>((r) => udp.close(() => r())),
        new Promise<void>((r) => tcp.close(() => r())),
      ]);
    },
  };
}
