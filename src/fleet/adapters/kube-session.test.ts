import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { manualClock } from '../../kernel/index.ts';
import type { Access, Credentials, KubeApi } from '../ports.ts';
import { openCluster } from './kube-client.ts';

const CM = { group: '', kind: 'ConfigMap', namespace: 'n', name: 'a' };
const DISCOVERY = {
  items: [
    {
      metadata: {},
      versions: [
        {
          version: 'v1',
          resources: [{ resource: 'configmaps', scope: 'Namespaced', responseKind: { kind: 'ConfigMap' } }],
        },
      ],
    },
  ],
};

let dir = '';
let https: Server;
let proxy: Server;
let api: KubeApi | undefined;
const seen = {
  handshakes: 0,
  sockets: new Set<Socket>(),
  tunnels: [] as { to: string; auth: string | undefined }[],
  good: 'token-1',
};

/** An API server with one ConfigMap: 401 without the good token, 429 and a broken log on demand. */
function serve(
  path: string,
  auth: string | undefined,
): { status: number; body: unknown; headers?: Record<string, string> } {
  if (auth !== `Bearer ${seen.good}`) return { status: 401, body: { reason: 'Unauthorized', message: 'who are you' } };
  if (path === '/version') return { status: 200, body: { gitVersion: 'v1.36.3' } };
  if (path === '/api') return { status: 200, body: DISCOVERY };
  if (path === '/apis') return { status: 200, body: { items: [] } };
  if (path === '/api/v1/namespaces/n/pods/p:9100/proxy/metrics') return { status: 200, body: 'requests 7\n' };
  if (path.endsWith('/proxy/gone')) return { status: 404, body: 'no such page' };
  if (path.endsWith('/configmaps/slow'))
    return { status: 429, body: { reason: 'TooManyRequests', message: 'slow down' }, headers: { 'retry-after': '7' } };
  return { status: 200, body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } } };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-tls-'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'k.pem',
    '-out',
    'c.pem',
    '-days',
    '2',
    '-subj',
    '/CN=sao',
    '-addext',
    'subjectAltName=DNS:sao.example',
  );
  const tls = { key: readFileSync(join(dir, 'k.pem')), cert: readFileSync(join(dir, 'c.pem')) };
  https = createHttps(tls, (req, res) => {
    const url = new URL(req.url ?? '/', 'https://x');
    if (url.pathname.endsWith('/log')) {
      // A multi-byte character cut in two, and a last line without an end.
      const bytes = Buffer.from('2026-01-01T00:00:01Z grüße\n2026-01-01T00:00:02Z zwei');
      res.write(bytes.subarray(0, 24));
      setTimeout(() => res.end(bytes.subarray(24)), 20);
      return;
    }
    const a = serve(url.pathname, req.headers.authorization);
    res
      .writeHead(a.status, { 'content-type': 'application/json', ...a.headers })
      .end(typeof a.body === 'string' ? a.body : JSON.stringify(a.body));
  });
  https.on('secureConnection', (s: Socket) => {
    seen.handshakes++;
    seen.sockets.add(s);
    s.on('close', () => seen.sockets.delete(s));
  });
  proxy = createHttp();
  proxy.on('connect', (req, client: Socket) => {
    seen.tunnels.push({ to: req.url ?? '', auth: req.headers['proxy-authorization'] });
    const up = connect((https.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 ok\r\n\r\n');
      up.pipe(client).pipe(up);
    });
    up.on('error', () => client.destroy());
    client.on('error', () => up.destroy());
  });
  await Promise.all([https, proxy].map((s) => new Promise<void>((done) => s.listen(0, '127.0.0.1', done))));
});
afterEach(async () => {
  await api?.close();
  api = undefined;
  Object.assign(seen, { handshakes: 0, tunnels: [], good: 'token-1' });
});
afterAll(async () => {
  await Promise.all([https, proxy].map((s) => new Promise((done) => s.close(done))));
  rmSync(dir, { recursive: true });
});

function credentials(more: Partial<Access> = {}): Credentials & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    get: async (_cluster, why) => {
      asked.push(why);
      if (why === 'expiring') seen.good = 'token-2';
      const port = (https.address() as AddressInfo).port;
      const ca = readFileSync(join(dir, 'c.pem')).toString('base64');
      return {
        url: `https://127.0.0.1:${port}`,
        ca,
        tlsName: 'sao.example',
        token: seen.good,
        expiresAt: 100_000,
        ...more,
      };
    },
  };
}

describe('a cluster by credentials', () => {
  test('a hundred calls share a few connections, and none is left open', async () => {
    const c = credentials();
    api = openCluster({ cluster: 'sao', credentials: c, clock: manualClock() });
    await Promise.all(Array.from({ length: 100 }, () => Promise.resolve(api?.get(CM))));
    expect(seen.handshakes).toBeLessThanOrEqual(6);
    expect(c.asked).toEqual(['first']);
    await api.close();
    await new Promise((r) => setTimeout(r, 50));
    expect(seen.sockets.size).toBe(0);
  });

  test('a refused token is renewed once, by one call for all that wait', async () => {
    const c = credentials();
    api = openCluster({ cluster: 'sao', credentials: c, clock: manualClock() });
    await api.get(CM);
    seen.good = 'token-3';
    await Promise.all(Array.from({ length: 10 }, () => Promise.resolve(api?.get(CM))));
    expect(c.asked).toEqual(['first', '401']);
  });

  test('a token is renewed at 80 % of its life', async () => {
    const clock = manualClock();
    const c = credentials();
    api = openCluster({ cluster: 'sao', credentials: c, clock });
    await api.get(CM);
    clock.advance(79_000);
    await api.get(CM);
    expect(c.asked).toEqual(['first']);
    clock.advance(2000);
    await api.get(CM);
    expect(c.asked).toEqual(['first', 'expiring']);
  });

  test('still refused after the renewal: a 401, told as it is', async () => {
    api = openCluster({ cluster: 'sao', credentials: credentials({ token: 'wrong' }), clock: manualClock() });
    await expect(api.get(CM)).rejects.toMatchObject({ status: 401, message: 'who are you' });
  });

  test('through an HTTP proxy with a password; the tunnel is asked for by the cluster’s own address', async () => {
    const port = (proxy.address() as AddressInfo).port;
    api = openCluster({
      cluster: 'sao',
      credentials: credentials(),
      proxyUrl: `http://tw:p%40ss@127.0.0.1:${port}`,
      clock: manualClock(),
    });
    expect((await api.get(CM))?.metadata.name).toBe('a');
    expect(seen.tunnels[0]).toEqual({
      to: `127.0.0.1:${(https.address() as AddressInfo).port}`,
      auth: `Basic ${Buffer.from('tw:p@ss').toString('base64')}`,
    });
  });

  test('a certificate for another name, a closed port: no answer, with the innermost cause', async () => {
    api = openCluster({ cluster: 'sao', credentials: credentials({ tlsName: 'syd.example' }), clock: manualClock() });
    await expect(api.get(CM)).rejects.toMatchObject({ status: 0, message: expect.stringMatching(/altnames|cert/i) });
    await api.close();
    api = openCluster({
      cluster: 'sao',
      credentials: credentials({ url: 'https://127.0.0.1:9' }),
      clock: manualClock(),
    });
    await expect(api.get(CM)).rejects.toMatchObject({ status: 0, message: expect.stringContaining('ECONNREFUSED') });
  });

  test('429 brings the wait the server asks for', async () => {
    api = openCluster({ cluster: 'sao', credentials: credentials(), clock: manualClock() });
    await expect(api.get({ ...CM, name: 'slow' })).rejects.toMatchObject({ status: 429, retryAfter: 7 });
  });

  test('log lines are cut at bytes and decoded whole', async () => {
    api = openCluster({ cluster: 'sao', credentials: credentials(), clock: manualClock() });
    const lines: string[] = [];
    for await (const l of api.logs({ namespace: 'n', name: 'p' }, { follow: false }, new AbortController().signal))
      lines.push(l);
    expect(lines).toEqual(['2026-01-01T00:00:01Z grüße', '2026-01-01T00:00:02Z zwei']);
  });

  test('a port of a pod is asked through the proxy of the API server; its refusal keeps the status', async () => {
    api = openCluster({ cluster: 'sao', credentials: credentials(), clock: manualClock() });
    const at = { namespace: 'n', pod: 'p', port: 9100 };
    expect(await api.proxyGet(at, '/metrics?x=1')).toBe('requests 7\n');
    await expect(api.proxyGet(at, '/gone')).rejects.toMatchObject({ status: 404, message: 'no such page' });
    const ended = api.proxyGet(at, '/metrics', AbortSignal.abort());
    await expect(ended).rejects.toMatchObject({ status: 0, name: 'KubeError' });
  });
});
