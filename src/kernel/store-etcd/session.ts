import type { ClientHttp2Stream, ClientSessionRequestOptions, OutgoingHttpHeaders } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { Http2SessionManager } from '@connectrpc/connect-node';
import { reasonOf } from './reasons.ts';

const OVER = 'the store is closed';
const NEWS = ['readable', 'end', 'close', 'error'] as const;

/** Resolves with the next thing that happens to the stream. */
async function news(stream: ClientHttp2Stream): Promise<void> {
  await new Promise<void>((done) => {
    const heard = (): void => {
      for (const event of NEWS) stream.off(event, heard);
      done();
    };
    for (const event of NEWS) stream.on(event, heard);
  });
}

/** What is read of a stream until its end. */
async function* chunksOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) yield chunk;
    else if (stream.readableEnded) return;
    else if (stream.destroyed) throw stream.errored ?? new Error('the answer was cut off');
    else await news(stream);
  }
}

/**
 * One connection of connect-node's. Node's own iteration over an HTTP/2 stream ends in "Premature close" where the
 * whole answer came in one piece, as it does through a forwarded port: the stream says `closed` before it was read.
 */
export class Sessions extends Http2SessionManager {
  #over = false;

  /** No connection is opened any more: a call that fails because of the end would open one that nobody closes. */
  end(): void {
    this.#over = true;
    this.abort();
  }
  /** What is wrong, or nothing. */
  async reach(): Promise<string | undefined> {
    if (this.#over) return OVER;
    const state = await this.connect();
    if (!this.#over) return state === 'error' ? reasonOf(this.error()) : undefined;
    this.abort();
    return OVER;
  }

  override async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, 'signal'>,
  ): Promise<ClientHttp2Stream> {
    if (this.#over) throw new ConnectError(OVER, Code.Canceled);
    const stream = await super.request(method, path, headers, options);
    return Object.assign(stream, { [Symbol.asyncIterator]: () => chunksOf(stream) }) as ClientHttp2Stream;
  }
}
