import type { ClientHttp2Stream, ClientSessionRequestOptions, OutgoingHttpHeaders } from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';

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
  override async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, 'signal'>,
  ): Promise<ClientHttp2Stream> {
    const stream = await super.request(method, path, headers, options);
    return Object.assign(stream, { [Symbol.asyncIterator]: () => chunksOf(stream) }) as ClientHttp2Stream;
  }
}
