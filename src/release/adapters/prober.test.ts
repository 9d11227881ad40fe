import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { KubeTwin } from '../../fleet/adapters/kube-twin.ts';
import { KubeError } from '../../fleet/index.ts';
import { podPreview } from './pod-preview.ts';
import { createProber, type ProberOptions } from './prober.ts';

const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gateway: blue for everybody, green for the secret. */
async function gateway(version: Record<string, string> = { blue: 'v1', green: 'v2' }) {
  const seen: { headers: IncomingMessage['headers']; url: string | undefined; from: number | undefined }[] = [];
  const at = await listen(
    createServer((req, res) => {
      seen.push({ headers: req.headers, url: req.url, from: req.socket.remotePort });
      const colour = req.headers['x-tradewind-preview'] === 's3cret' ? 'green' : 'blue';
      if (version[colour] !== undefined) res.setHeader('X-App-Version', version[colour]);
      if (req.url === '/silent') return;
      res.writeHead(req.url === '/gone' ? 404 : 200).end('body');
    }),
  );
  return { at, seen };
}
const prober = (o: Partial<ProberOptions> & Pick<ProberOptions, 'address'>) => {
  const p = createProber({ host: 'shop.example.org', secret: () => 's3cret', ...o });
  open.push(() => p.close());
  return p;
};
const ask = (preview = false) => ({ preview, signal: AbortSignal.timeout(5000) });

describe('prober', () => {
  test('asks under the app’s host name, with the preview header only for the preview, over connections that stay open', async () => {
    const { at, seen } = await gateway();
    const p = prober({ address: async () => at });
    expect(await p.ask('sao', '/readyz?x=1', ask())).toMatchObject({ status: 200, version: 'v1' });
    expect(await p.ask('sao', '/readyz', ask(true))).toMatchObject({ status: 200, version: 'v2' });
    expect(await p.ask('sao', '/gone', ask())).toMatchObject({ status: 404 });
    expect(seen.map((s) => [s.url, s.headers.host, s.headers['x-tradewind-preview']])).toEqual([
      ['/readyz?x=1', 'shop.example.org', undefined],
      ['/readyz', 'shop.example.org', 's3cret'],
      ['/gone', 'shop.example.org', undefined],
    ]);
    for (let i = 0; i < 20; i++) await p.ask('sao', '/', ask());
    expect(new Set(seen.map((s) => s.from)).size).toBeLessThanOrEqual(8);
  });

  test('fresh: a connection for every request', async () => {
    const { at, seen } = await gateway({});
    const p = prober({ address: async () => at, fresh: true });
    const answer = await p.ask('sao', '/', ask());
    await p.ask('sao', '/', ask());
    expect(answer).not.toHaveProperty('version');
    expect(answer.ms).toBeGreaterThan(0);
    expect(new Set(seen.map((s) => s.from)).size).toBe(2);
  });

  test('the address is asked for once, and again after a failure', async () => {
    const { at } = await gateway();
    const addresses = ['127.0.0.1:1', at, 'never'];
    let asked = 0;
    const p = prober({ address: async () => addresses[asked++] ?? 'never' });
    await expect(p.ask('sao', '/', ask())).rejects.toThrow('ECONNREFUSED');
    await p.ask('sao', '/', ask());
    await p.ask('sao', '/', ask());
    expect(asked).toBe(2);
  });

  test('no answer within the signal’s time is thrown', async () => {
    const { at } = await gateway();
    const p = prober({ address: async () => at });
    const signal = AbortSignal.timeout(50);
    await expect(p.ask('sao', '/silent', { preview: false, signal })).rejects.toThrow('aborted');
  });

  test('goes through an HTTP proxy with its password', async () => {
    const { at } = await gateway();
    const proxy = createServer();
    const auth: unknown[] = [];
    proxy.on('connect', (req, socket) => {
      auth.push(req.headers['proxy-authorization'], req.url);
      const port = Number(at.split(':')[1]);
      const out = connect({ host: '127.0.0.1', port }, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        out.pipe(socket).pipe(out);
      });
      socket.on('close', () => out.destroy());
      socket.on('error', () => out.destroy());
      out.on('error', () => socket.destroy());
    });
    const proxyUrl = `http://tw:p%40ss@${await listen(proxy)}`;
    const p = prober({ address: async () => '203.0.113.7', proxyUrl });
    expect(await p.ask('sao', '/', ask())).toMatchObject({ status: 200, version: 'v1' });
    expect(auth).toEqual([`Basic ${Buffer.from('tw:p@ss').toString('base64')}`, '203.0.113.7:80']);
  });
});

describe('preview through the API server', () => {
  const NS = 'shop';
  const labels = { app: 'shop', 'tradewind.dev/version': 'v2' };
  const pod = (name: string, ready: string): Parameters<KubeTwin['put']>[0] => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NS, labels },
    spec: { containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 8080 }] }] },
    status: { podIP: '10.0.0.7', conditions: [{ type: 'Ready', status: ready }] },
  });
  const open2 = (answer: () => string) => {
    const asked: unknown[] = [];
    const api = new KubeTwin('twin', {
      proxy: (at, path) => {
        asked.push([at.pod, at.port, path]);
        return answer();
      },
    });
    const ask2 = podPreview({ api: () => api, namespace: NS, service: 'shop', port: 80 });
    return { api, asked, ask: () => ask2('sao', '/readyz', AbortSignal.timeout(1000)) };
  };
  const service: Parameters<KubeTwin['put']>[0] = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shop-preview', namespace: NS },
    spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
  };

  test('asks a ready pod at the port the Service names; its label says the version', async () => {
    const x = open2(() => 'fine');
    await expect(x.ask()).rejects.toThrow('no Service shop/shop-preview');
    x.api.put(service, 'tw');
    x.api.put(pod('cold', 'False'), 'kubelet');
    await expect(x.ask()).rejects.toThrow('is ready');
    x.api.put(pod('warm', 'True'), 'kubelet');
    expect(await x.ask()).toMatchObject({ status: 200, version: 'v2' });
    expect(x.asked).toEqual([['warm', 8080, '/readyz']]);
  });

  test('an answer that is no success is told; no answer is thrown', async () => {
    let status = 503;
    const x = open2(() => {
      throw new KubeError(status, 'Http', 'no');
    });
    x.api.put(service, 'tw');
    x.api.put(pod('warm', 'True'), 'kubelet');
    expect(await x.ask()).toMatchObject({ status: 503 });
    status = 0;
    await expect(x.ask()).rejects.toThrow('no');
  });
});
