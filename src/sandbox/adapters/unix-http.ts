import { request } from 'node:http';
import type { Json } from '../../kernel/index.ts';

export interface Reply {
  status: number;
  body: unknown;
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** One JSON request over a Unix socket. Rejects when nobody listens or `timeoutMs` is over. */
export function unixHttp(
  socketPath: string,
  what: { method: string; path: string; body?: Json; timeoutMs?: number },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const payload = what.body === undefined ? undefined : JSON.stringify(what.body);
    const req = request(
      {
        socketPath,
        method: what.method,
        path: what.path,
        headers: payload === undefined ? {} : { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(what.timeoutMs ?? 10_000),
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (c: Buffer) => chunks.push(c));
        res.on('error', reject);
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString()) }));
      },
    );
    req.on('error', reject);
    req.end(payload);
  });
}

/** Whether anything answers HTTP on this socket, with whatever status. */
export async function answers(socketPath: string, path = '/healthz'): Promise<boolean> {
  return unixHttp(socketPath, { method: 'GET', path, timeoutMs: 2000 }).then(
    () => true,
    () => false,
  );
}
