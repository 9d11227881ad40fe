import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { evaluate } from '../machine/evaluate.ts';
import { HOST, snapshot } from '../machine/fixtures.ts';
import { worldOf } from '../machine/world.ts';
import { createResponder } from '../nameserver/responder.ts';
import { createRing } from '../nameserver/ring.ts';
import { listenDns } from '../nameserver/sockets.ts';
import { compileZone, serialOf } from '../nameserver/zone.ts';
import { httpContract, lookupContract, storeContract } from '../ports.contract.ts';
import { createHttp } from './http.ts';
import { createLookup } from './lookup.ts';
import { memoryHttp, memoryLookup, memoryStore } from './memory.ts';

const shot = snapshot();
const world = worldOf(shot, { health: {}, names: {}, load: {}, now: 0 });
const portOf = (s: Server): number => (s.address() as { port: number }).port;

storeContract('memory', async () => ({ store: memoryStore(['a', 'b']), close: async () => undefined }));

lookupContract('memory', async () => ({
  lookup: memoryLookup((q) => {
    if (q.port === 1) throw new Error('nobody there');
    if (q.type === 'SOA') return { rcode: 'NOERROR', data: [String(serialOf(shot))] };
    const d = evaluate(world, {
      name: q.name,
      type: q.type,
      source: '192.0.2.1',
      ...(q.ecs === undefined ? {} : { ecs: q.ecs }),
    });
    return { rcode: d.answer.rcode, data: d.answer.data, ...(q.ecs === undefined ? {} : { scope: d.scope }) };
  }),
  server: '127.0.0.1',
  port: 53,
  dead: 1,
  host: HOST,
  close: async () => undefined,
}));

/** A proxy like the sandbox's: CONNECT with Basic authorization. */
async function openProxy(): Promise<{ url: string; close(): Promise<void> }> {
  const proxy = createServer();
  proxy.on('connect', (req, socket) => {
    socket.on('error', () => socket.destroy());
    const good = req.headers['proxy-authorization'] === `Basic ${Buffer.from('tw:s3cret').toString('base64')}`;
    const [host, port] = (req.url ?? '').split(':');
    if (!good) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const out = connect({ host: host ?? '', port: Number(port) }, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      out.pipe(socket);
      socket.pipe(out);
    });
    out.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    socket.on('close', () => out.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://tw:s3cret@127.0.0.1:${portOf(proxy)}`,
    close: async () => {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

for (const way of ['directly', 'through a proxy'] as const) {
  lookupContract(`TCP ${way}`, async () => {
    const zone = compileZone(shot, world);
    const dns = await listenDns(
      { host: '127.0.0.1', port: 0 },
      createResponder({ zone: () => zone, now: () => 0, ring: createRing(8) }),
    );
    const proxy = await openProxy();
    const close = async (): Promise<void> => {
      await dns.close();
      await proxy.close();
    };
    const lookup = way === 'directly' ? createLookup() : createLookup(proxy.url);
    return { lookup, server: '127.0.0.1', port: dns.port, dead: 9, host: HOST, close };
  });
}

const answer = (method: string | undefined, url: string | undefined, body: string) =>
  url === '/ok' ? { status: 200, body: method === 'POST' ? body : '{"ok":true}' } : { status: 404, body: '' };

httpContract('memory', async () => ({
  http: memoryHttp((r) => {
    if (r.url.startsWith('dead:')) throw new Error('nobody there');
    return answer(r.method, new URL(r.url).pathname, r.body ?? '');
  }),
  url: 'http://memory',
  dead: 'dead:',
  close: async () => undefined,
}));

for (const way of ['directly', 'through a proxy'] as const) {
  httpContract(`undici ${way}`, async () => {
    const server = createServer((req, res) => {
      const parts: Buffer[] = [];
      req.on('data', (c: Buffer) => parts.push(c));
      req.on('end', () => {
        const r = answer(req.method, req.url, Buffer.concat(parts).toString());
        res.writeHead(r.status).end(r.body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = await openProxy();
    const http = way === 'directly' ? createHttp() : createHttp(proxy.url);
    return {
      http,
      url: `http://127.0.0.1:${portOf(server)}`,
      dead: 'http://127.0.0.1:9',
      close: async () => {
        await http.close();
        await proxy.close();
        server.closeAllConnections();
        server.close();
      },
    };
  });
}
