import { Agent, type Dispatcher, ProxyAgent } from 'undici';

/** TLS material of one cluster, as `@kubernetes/client-node` resolves it. */
export interface LaneTls {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}
export interface Lanes {
  short: Dispatcher;
  /** Watches and followed logs: they would starve the short calls of sockets. */
  stream: Dispatcher;
  close(): Promise<void>;
}

const CONNECT_MS = 10_000;
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 30_000 } as const;

function proxyOf(url: string): { uri: string; token?: string } {
  const u = new URL(url);
  if (u.username === '') return { uri: u.href };
  const plain = `${decodeURIComponent(u.username)}:${decodeURIComponent(u.password)}`;
  u.username = '';
  u.password = '';
  return { uri: u.href, token: `Basic ${Buffer.from(plain).toString('base64')}` };
}

function lane(
  tls: LaneTls,
  proxyUrl: string | undefined,
  x: { connections: number; bodyTimeout?: number },
): Dispatcher {
  const connect = { ...tls, ...KEEP_ALIVE, timeout: CONNECT_MS };
  const common = { allowH2: false, ...x };
  if (proxyUrl === undefined) return new Agent({ ...common, connect });
  return new ProxyAgent({ ...common, ...proxyOf(proxyUrl), requestTls: { ...tls, ...KEEP_ALIVE }, proxyTunnel: true });
}

/** Two keep-alive pools for one cluster. HTTP/1.1 only: undici 8 would offer HTTP/2 and the API server takes it. */
export function openLanes(tls: LaneTls, proxyUrl?: string): Lanes {
  const short = lane(tls, proxyUrl, { connections: 6 });
  const stream = lane(tls, proxyUrl, { connections: 64, bodyTimeout: 0 });
  return {
    short,
    stream,
    close: async () => {
      await Promise.all([short.destroy(), stream.destroy()]);
    },
  };
}
