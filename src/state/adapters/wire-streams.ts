// TLS streams to peers: one line each way, then bytes.
import { once } from 'node:events';
import { connect as tcp } from 'node:net';
import { type Duplex, Transform } from 'node:stream';
import { type TLSSocket, connect as tls } from 'node:tls';
import type { ClusterName } from '../../kernel/index.ts';
import { ALPN, type Header, headerLine, LINE, wireHost } from '../wire/header.ts';

/** PEM: the fleet's CA, and this cluster's certificate with its key. */
export interface WireTls {
  ca: string;
  cert: string;
  key: string;
}
export interface Address {
  host: string;
  port: number;
  /** Address to connect from; default: the system's choice. */
  localAddress?: string;
}

export const KEEP_ALIVE_MS = 15_000;

/** Reads up to the first newline and gives the rest back to the stream. Rejects when it ends or the line is too long. */
export function readLine(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const done = (finish: () => void): void => {
      stream.off('readable', onReadable);
      stream.off('close', onClose);
      stream.off('end', onClose);
      finish();
    };
    const onClose = (): void => done(() => reject(new Error('the stream ended')));
    const onReadable = (): void => {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        got = Buffer.concat([got, chunk]);
        const end = got.indexOf(10);
        if (end >= 0) {
          done(() => {
            if (end + 1 < got.length) stream.unshift(got.subarray(end + 1));
            resolve(got.toString('utf8', 0, end));
          });
          return;
        }
        if (got.length > LINE) done(() => reject(new Error('the line is too long')));
      }
    };
    stream.on('readable', onReadable);
    stream.on('close', onClose);
    stream.on('end', onClose);
    onReadable();
  });
}

/** TLS to the cluster `to`, over a new connection, which `keep` hears of at once, or over a stream. */
export async function secure(
  o: WireTls,
  to: ClusterName,
  over: Address | Duplex,
  keep: (s: Duplex) => void = () => undefined,
): Promise<TLSSocket> {
  const raw = 'host' in over ? tcp(over) : undefined;
  if (raw !== undefined) keep(raw);
  raw?.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
  const socket = tls({
    socket: raw ?? (over as Duplex),
    ca: o.ca,
    cert: o.cert,
    key: o.key,
    servername: wireHost(to),
    ALPNProtocols: [ALPN],
    minVersion: 'TLSv1.3',
  });
  const failed = new Promise<never>((_, reject) => {
    raw?.on('error', reject);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
  });
  failed.catch(() => undefined);
  await Promise.race([once(socket, 'secureConnect'), failed]);
  return socket;
}

/** Says the header, and `first` with it, and waits for the door's word. Rejects with what the door says. */
export async function greet(stream: Duplex, h: Header, first?: Buffer): Promise<void> {
  stream.cork();
  stream.write(headerLine(h));
  if (first !== undefined) stream.write(first);
  stream.uncork();
  const said = await readLine(stream);
  if (said !== 'ok') throw new Error(said === '' ? 'no answer' : said);
}

/** The first bytes that come; nothing more is read. Rejects when the stream ends before. */
export function firstBytes(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    stream.once('close', () => reject(new Error('the stream ended')));
    stream.once('data', (chunk: Buffer) => {
      stream.pause();
      resolve(chunk);
    });
  });
}

/** Joins two streams until one of them ends; `said` makes something else of what comes from `a`, and ends both by a throw. */
export function join(a: Duplex, b: Duplex, said?: (chunk: Buffer) => Buffer): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    if (from === b || said === undefined) from.pipe(to);
    else
      from
        .pipe(changed(said))
        .on('error', () => from.destroy())
        .pipe(to);
  }
}

const changed = (how: (chunk: Buffer) => Buffer): Transform =>
  new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        done(null, how(chunk));
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
