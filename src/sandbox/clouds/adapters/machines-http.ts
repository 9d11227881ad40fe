import { request } from 'node:http';
import type { ClusterAccess, ClusterSeed, Machines, NodeSeed, Vip } from '../../machines.ts';

interface Reply {
  status: number;
  body: unknown;
}

function call(socketPath: string, method: string, path: string, body?: unknown): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const req = request({ socketPath, method, path, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (c: Buffer) => chunks.push(c));
      res.on('error', reject);
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()) }));
    });
    req.on('error', reject);
    req.end(text);
  });
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return { message: text };
  }
}

/** Machines of the supervisor, over its Unix socket. Errors carry the supervisor's code and message. */
export function httpMachines(socketPath: string): Machines {
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const reply = await call(socketPath, method, path, body);
    if (reply.status < 400) return reply.body as T;
    const { code, message } = (reply.body ?? {}) as { code?: string; message?: string };
    throw new Error([code, message ?? `status ${reply.status} of ${method} ${path}`].filter(Boolean).join(': '));
  };
  const at = (...parts: string[]): string => `/${parts.map(encodeURIComponent).join('/')}`;
  return {
    boot: (c: ClusterSeed) => ask<ClusterAccess>('PUT', at('clusters', c.id), c),
    remove: (id) => ask<void>('DELETE', at('clusters', id)),
    addNode: (id: string, n: NodeSeed) => ask<{ ip: string }>('PUT', at('clusters', id, 'nodes', n.name), n),
    removeNode: (id, name) => ask<void>('DELETE', at('clusters', id, 'nodes', name)),
    vip: (v: Vip) => ask<void>('PUT', at('vips', v.ip), v),
    vipGone: (ip) => ask<void>('DELETE', at('vips', ip)),
    health: (id) => ask<{ ready: boolean }>('GET', at('clusters', id, 'health')),
  };
}
