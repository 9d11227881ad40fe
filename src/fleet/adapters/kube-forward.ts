import { Duplex, PassThrough } from 'node:stream';
import { KubeError, type PodPort } from '../ports.ts';
import type { Session } from './kube-session.ts';

interface Socket {
  close(): void;
  on(event: 'close', listener: (code: number, reason: Buffer) => void): unknown;
}

/** RFC 6455: the other side is through. */
const NORMAL = 1000;

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

/**
 * A TCP connection to a port of a pod over the WebSocket of the official client. It can be written to at once;
 * what goes wrong ends it with a KubeError.
 */
export function forwardToPod(session: Promise<Session>, at: PodPort): Duplex {
  const stream = new PodStream();
  const open = async (): Promise<void> => {
    const { PortForward } = await import('@kubernetes/client-node');
    const forward = new PortForward(await (await session).config());
    const { up, down, faults } = stream;
    const socket = (await forward.portForward(at.namespace, at.pod, [at.port], down, faults, up)) as unknown as Socket;
    socket.on('close', (code, reason) => {
      if (code === NORMAL) stream.push(null);
      else stream.fail(`the connection ended (${code}) ${reason.toString()}`.trim());
    });
    stream.on('close', () => socket.close());
    if (stream.destroyed) socket.close();
  };
  open().catch((e: unknown) => stream.fail(e instanceof Error ? e.message : 'no connection to the pod', e));
  return stream;
}
