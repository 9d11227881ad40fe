import { Duplex, PassThrough } from 'node:stream';
import type { ClientOptions, WebSocket } from 'ws';
import { KubeError, type PodPort } from '../ports.ts';
import type { Session } from './kube-session.ts';

/** RFC 6455: the other side is through. */
const NORMAL = 1000;
const HANDSHAKE_MS = 10_000;

/** Bytes to and from the pod; the official client wants one stream for each way. */
class PodStream extends Duplex {
  readonly up = new PassThrough();
  readonly down = new PassThrough();
  readonly faults = new PassThrough();

  constructor() {
    super();
    this.down.on('data', (b: Buffer) => {
      if (!this.push(b)) this.down.pause();
    });
    // The first message of this channel is the number of the port, and nothing.
    this.faults.on('data', (b: Buffer) => {
      if (b.length > 0) this.fail(b.toString().trim());
    });
  }

  fail(why: string, cause?: unknown): void {
    this.destroy(new KubeError(0, 'Unreachable', why, cause === undefined ? {} : { cause }));
  }

  override _read(): void {
    this.down.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.up.write(chunk, encoding, done);
  }

  override _final(done: () => void): void {
    this.up.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.up.destroy();
    done(error);
  }
}

/** Opens the WebSocket; whoever gives the stream up before it is open is not kept waiting by it. */
async function connected(session: Promise<Session>, at: PodPort, stream: PodStream): Promise<void> {
  const { PortForward } = await import('@kubernetes/client-node');
  const { WebSocketHandler } = await import('@kubernetes/client-node/dist/web-socket-handler.js');
  const { WebSocket: Client } = await import('ws');
  const config = await (await session).config();
  const made = (uri: string, protocols: string[], options: ClientOptions): WebSocket => {
    const socket = new Client(uri, protocols, { ...options, handshakeTimeout: HANDSHAKE_MS });
    // Without the closing handshake, for which the other side would have 30 s.
    const end = (): void => socket.terminate();
    // Given up while this was under way: its end has been told already.
    if (stream.destroyed) end();
    else stream.on('close', end);
    socket.on('close', (code, reason) => {
      if (code === NORMAL) stream.push(null);
      else stream.fail(`the connection ended (${code}) ${reason.toString()}`.trim());
    });
    return socket;
  };
  const forward = new PortForward(config, true, new WebSocketHandler(config, made));
  if (!stream.destroyed)
    await forward.portForward(at.namespace, at.pod, [at.port], stream.down, stream.faults, stream.up);
}

/**
 * A TCP connection to a port of a pod over the WebSocket of the official client. It can be written to at once;
 * what goes wrong ends it with a KubeError.
 */
export function forwardToPod(session: Promise<Session>, at: PodPort): Duplex {
  const stream = new PodStream();
  connected(session, at, stream).catch((e: unknown) =>
    stream.fail(e instanceof Error ? e.message : 'no connection to the pod', e),
  );
  return stream;
}
