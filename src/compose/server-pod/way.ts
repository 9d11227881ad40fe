import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { KubeApi } from '../../fleet/index.ts';
import { causes, fault } from '../../kernel/index.ts';
import { NAMESPACE, POD, PORTS } from './names.ts';

export interface Way {
  /** Address of this machine behind which the server is. */
  url: string;
  close(): Promise<void>;
}

const at = (port: number) => ({ namespace: NAMESPACE, pod: POD, port });

/** Both ends of one connection; whichever ends first ends the other. */
function joined(a: Duplex, b: Duplex): void {
  a.pipe(b).pipe(a);
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
}

/** A port of loopback; each connection to it goes through the API server to the server in the cluster. */
export async function openWay(api: KubeApi): Promise<Way> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    joined(socket, api.forward(at(PORTS.api)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const s of open) s.destroy();
      await closed;
    },
  };
}

type Route = 'GET /state' | 'POST /take' | 'POST /give' | 'POST /keep' | 'POST /given';

/** One question to the keeper of the pod; the answer as it comes. Throws TW8044. */
export async function askKeeper(
  api: KubeApi,
  route: Route,
  o: { body?: Readable; ms: number },
): Promise<IncomingMessage> {
  const [method = '', path = ''] = route.split(' ');
  const asked = request({
    method,
    path,
    headers: { host: 'localhost' },
    createConnection: () => api.forward(at(PORTS.keep)),
    signal: AbortSignal.timeout(o.ms),
  });
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>;
  try {
    if (o.body === undefined) asked.end();
    else await Promise.all([pipeline(o.body, asked), answered]);
    const [answer] = await answered;
    if (answer.statusCode === 200) return answer;
    throw new Error(`HTTP ${answer.statusCode}: ${(await textOf(answer)).slice(0, 500)}`);
  } catch (cause) {
    throw fault('TW8044', { value: route, why: causes(cause), cause });
  }
}

export async function textOf(from: Readable): Promise<string> {
  let text = '';
  for await (const chunk of from) text += String(chunk);
  return text;
}
