import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import dnsPacket, { type Answer, type DecodedPacket, type OptAnswer } from 'dns-packet';
import { createFramer, framed } from '../nameserver/sockets.ts';
import type { Lookup, LookupAnswer, LookupQuestion } from '../ports.ts';

type Reply = DecodedPacket & { rcode?: string };

function optFor(ecs: string | undefined): OptAnswer {
  const [ip = '', bits = '0'] = (ecs ?? '').split('/');
  const subnet = {
    code: 8 as const,
    ip,
    family: ip.includes(':') ? 2 : 1,
    sourcePrefixLength: Number(bits),
    scopePrefixLength: 0,
  };
  const base = { type: 'OPT' as const, name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0 };
  return { ...base, flag_do: false, options: ip === '' ? [] : [subnet] };
}

function textOf(a: Answer): string {
  if (a.type === 'SOA') return String(a.data.serial);
  return String((a as { data?: unknown }).data);
}

function encodeQuestion(q: LookupQuestion): { id: number; packet: Buffer } {
  const id = randomInt(1, 65_536);
  const questions = [{ name: q.name, type: q.type }];
  return { id, packet: dnsPacket.encode({ type: 'query', id, questions, additionals: [optFor(q.ecs)] }) };
}

function decodeAnswer(q: LookupQuestion, message: Buffer): LookupAnswer {
  const reply: Reply = dnsPacket.decode(message);
  const opt = (reply.additionals ?? []).find((a): a is OptAnswer => a.type === 'OPT');
  const subnet = opt?.options.find((o) => Number(o.code) === 8) as { scopePrefixLength?: number } | undefined;
  const data = (reply.answers ?? []).filter((a) => a.type === q.type).map(textOf);
  const scope = subnet?.scopePrefixLength;
  return { rcode: reply.rcode ?? 'NOERROR', data, ...(scope === undefined ? {} : { scope }) };
}

/** A TCP connection, directly or by CONNECT through an HTTP proxy. */
async function open(host: string, port: number, o: { proxyUrl?: string; signal?: AbortSignal }): Promise<Socket> {
  const waiting = o.signal === undefined ? {} : { signal: o.signal };
  if (o.proxyUrl === undefined) {
    const socket = connect({ host, port });
    try {
      await once(socket, 'connect', waiting);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return socket;
  }
  const proxy = new URL(o.proxyUrl);
  const auth = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const path = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const headers =
    proxy.username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(auth).toString('base64')}` };
  const req = request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path, headers, ...waiting });
  req.end();
  const [res, socket] = (await once(req, 'connect', waiting)) as [{ statusCode?: number }, Socket];
  if (res.statusCode === 200) return socket;
  socket.destroy();
  throw new Error(`proxy answered ${res.statusCode} to CONNECT ${path}`);
}

function firstMessage(socket: Socket, signal: AbortSignal | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('no answer in time'));
    signal?.addEventListener('abort', fail, { once: true });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('connection closed without an answer')));
    socket.on(
      'data',
      createFramer((message) => resolve(Buffer.from(message))),
    );
  });
}

/** DNS over TCP: one question a connection, so that it also passes a proxy that only knows CONNECT. */
export function createLookup(proxyUrl?: string): Lookup {
  return {
    ask: async (q, signal) => {
      signal?.throwIfAborted();
      const via = { ...(proxyUrl === undefined ? {} : { proxyUrl }), ...(signal === undefined ? {} : { signal }) };
      const socket = await open(q.server, q.port ?? 53, via);
      try {
        const { id, packet } = encodeQuestion(q);
        const answer = firstMessage(socket, signal);
        socket.write(framed(packet));
        const message = await answer;
        if (message.length < 12 || message.readUInt16BE(0) !== id) throw new Error('answer to another question');
        return decodeAnswer(q, message);
      } finally {
        socket.destroy();
      }
    },
  };
}
