import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { decode, encode, type Packet, streamEncode } from 'dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { manualClock, systemClock } from '../../kernel/index.ts';
import { askServer } from './ask.ts';
import { DnsCache } from './cache.ts';
import type { Answer, QType, Question, Rec, Resolved } from './model.ts';
import { resolve } from './resolver.ts';
import { ServerTable } from './servers.ts';
import { serveStub } from './stub.ts';
import { visits } from './visit.ts';

const ROOT = '198.19.0.53';
const rec = (name: string, type: QType, data: string, ttl = 30): Rec => ({ name, type, ttl, data });
const reply = (o: Partial<Answer>): Answer => ({
  rcode: 'NOERROR',
  authoritative: false,
  answers: [],
  authority: [],
  additional: [],
  ...o,
});

/** The simulated Internet: the root delegates the app to the fleet's own nameservers. */
const HOST = 'guestbook.demo.tradewind.example';
const referral = reply({
  authority: [
    rec(HOST, 'NS', 'ns-sao.demo.tradewind.example', 300),
    rec(HOST, 'NS', 'ns-mtl.demo.tradewind.example', 300),
  ],
  additional: [
    rec('ns-sao.demo.tradewind.example', 'A', '198.18.1.200', 300),
    rec('ns-mtl.demo.tradewind.example', 'A', '198.18.2.200', 300),
  ],
});
type World = Record<string, (q: Question) => Answer | 'silent'>;
const world = (over: World = {}): World => ({
  [ROOT]: () => referral,
  '198.18.1.200': () => reply({ authoritative: true, answers: [rec(HOST, 'A', '198.18.1.100', 20)] }),
  '198.18.2.200': () => reply({ authoritative: true, answers: [rec(HOST, 'A', '198.18.2.100', 20)] }),
  ...over,
});
function resolver(w: World) {
  const clock = manualClock(1_000_000);
  const [cache, servers] = [new DnsCache(), new ServerTable()];
  const ask = async (q: Question): Promise<Answer> => {
    const said = w[q.server]?.(q) ?? 'silent';
    clock.advance(said === 'silent' ? q.timeoutMs : 10);
    if (said === 'silent') throw new Error(`no answer in ${q.timeoutMs} ms`);
    return said;
  };
  const go = (name: string, type: QType = 'A'): Promise<Resolved> =>
    resolve(name, type, { cache, servers, roots: [ROOT], now: () => clock.now(), ask });
  return { go, clock };
}

describe('resolution from the roots', () => {
  it('follows the referral by its glue, then lives off the cache as the TTLs allow', async () => {
    const { go, clock } = resolver(world());
    expect(await go(HOST)).toMatchObject({
      rcode: 'NOERROR',
      addresses: ['198.18.1.100'],
      ttl: 20,
      asked: [ROOT, '198.18.1.200'],
    });
    expect((await go(HOST.toUpperCase())).asked).toEqual([]);
    clock.advance(20_000);
    // The delegation still lives: the roots are not asked; the server not known yet is tried.
    expect((await go(HOST)).asked).toEqual(['198.18.2.200']);
    clock.advance(300_000);
    expect((await go(HOST)).asked[0]).toBe(ROOT);
  });

  it('asks the next server after 800 ms of silence, and avoids the silent one afterwards', async () => {
    const { go, clock } = resolver(world({ '198.18.1.200': () => 'silent' }));
    const before = clock.now();
    expect(await go(HOST)).toMatchObject({
      addresses: ['198.18.2.100'],
      asked: [ROOT, '198.18.1.200', '198.18.2.200'],
    });
    expect(clock.now() - before).toBe(10 + 800 + 10);
    clock.advance(20_000);
    expect((await go(HOST)).asked).toEqual(['198.18.2.200']);
  });

  it('goes past a refusal, and says what failed when nobody answers', async () => {
    const refused = resolver(world({ '198.18.1.200': () => reply({ rcode: 'REFUSED' }) }));
    expect((await refused.go(HOST)).addresses).toEqual(['198.18.2.100']);
    const dead = resolver(world({ '198.18.1.200': () => 'silent', '198.18.2.200': () => 'silent' }));
    expect(await dead.go(HOST)).toMatchObject({
      rcode: 'SERVFAIL',
      addresses: [],
      why: expect.stringContaining(`no server of "${HOST}" answers`),
    });
  });

  it('follows aliases across zones and keeps the shortest TTL', async () => {
    const { go } = resolver(
      world({
        [ROOT]: (q) =>
          q.name === 'www.example'
            ? reply({ authoritative: true, answers: [rec('www.example', 'CNAME', HOST, 7)] })
            : referral,
      }),
    );
    expect(await go('www.example')).toMatchObject({ addresses: ['198.18.1.100'], ttl: 7 });
    expect(await go('www.example')).toMatchObject({ addresses: ['198.18.1.100'], asked: [] });
  });

  it('finds servers that come without glue', async () => {
    const { go } = resolver(
      world({
        [ROOT]: (q) =>
          q.name === 'ns.else.example'
            ? reply({ authoritative: true, answers: [rec('ns.else.example', 'A', '198.18.1.200')] })
            : reply({ authority: [rec(HOST, 'NS', 'ns.else.example')] }),
      }),
    );
    expect((await go(HOST)).addresses).toEqual(['198.18.1.100']);
  });

  it('remembers absences as long as the SOA says', async () => {
    const { go, clock } = resolver({ [ROOT]: () => reply({ rcode: 'NXDOMAIN', authoritative: true, negativeTtl: 5 }) });
    expect(await go('no.such.example')).toMatchObject({ rcode: 'NXDOMAIN', asked: [ROOT] });
    expect((await go('no.such.example', 'AAAA')).asked).toEqual([]);
    clock.advance(5000);
    expect((await go('no.such.example')).asked).toEqual([ROOT]);
  });

  it('does not believe glue from outside the zone, nor walk in circles', async () => {
    const poison = resolver({
      [ROOT]: () => referral,
      '198.18.1.200': () =>
        reply({
          authority: [rec(`deep.${HOST}`, 'NS', 'ns.bank.example')],
          additional: [rec('ns.bank.example', 'A', '198.18.1.66')],
        }),
    });
    expect((await poison.go(`deep.${HOST}`)).asked).not.toContain('198.18.1.66');
    const loop = resolver({
      [ROOT]: (q) => reply({ authoritative: true, answers: [rec(q.name, 'CNAME', q.name === 'a' ? 'b' : 'a')] }),
    });
    expect(await loop.go('a')).toMatchObject({ rcode: 'SERVFAIL', why: expect.stringContaining('aliases') });
    const maze = resolver({ [ROOT]: (q) => reply({ authority: [rec(q.name, 'NS', `ns.${q.name}`)] }) });
    expect(await maze.go('x.example')).toMatchObject({ rcode: 'SERVFAIL' });
  });
});

describe('on real sockets', () => {
  const open: (Socket | Server)[] = [];
  afterEach(() => {
    for (const s of open.splice(0)) s.close();
  });
  /** An authoritative server on loopback, UDP and TCP on one port. `cut`: truncate by UDP. */
  async function server(records: Rec[], cut = false): Promise<number> {
    const answer = (bytes: Buffer, tc: boolean): Packet => {
      const q = decode(bytes);
      return {
        type: 'response',
        id: q.id ?? 0,
        flags: 0x0400 | (tc ? 0x0200 : 0),
        questions: q.questions ?? [],
        answers: tc ? [] : records,
      };
    };
    const udp = createSocket('udp4');
    udp.on('message', (b, from) => {
      udp.send(Buffer.from('nonsense'), from.port, from.address);
      udp.send(encode(answer(b, cut)), from.port, from.address);
    });
    await new Promise<void>((r) => udp.bind(0, '127.0.0.1', r));
    const { port } = udp.address();
    const tcp = createServer((s) => s.on('data', (b) => s.end(streamEncode(answer(b.subarray(2), false)))));
    await new Promise<void>((r) => tcp.listen(port, '127.0.0.1', r));
    open.push(udp, tcp);
    return port;
  }
  const question = { server: '127.0.0.1', name: HOST, type: 'A' as const, timeoutMs: 500 };

  it('asks by UDP past nonsense, by TCP what was cut short, and tells silence from refusal', async () => {
    const records = [rec(HOST, 'A', '198.18.1.100', 20)];
    expect((await askServer(question, await server(records))).answers).toEqual(records);
    expect((await askServer(question, await server(records, true))).answers).toEqual(records);
    await expect(askServer(question, 1)).rejects.toThrow(/ECONNREFUSED/);
    const mute = createSocket('udp4');
    await new Promise<void>((r) => mute.bind(0, '127.0.0.1', r));
    open.push(mute);
    await expect(askServer({ ...question, timeoutMs: 50 }, mute.address().port)).rejects.toThrow(/no answer in 50 ms/);
  });

  it('serves a region as its resolver', async () => {
    const stub = await serveStub({ address: '127.0.0.1', port: 0 }, async (name) =>
      name === HOST
        ? { rcode: 'NOERROR', records: [rec(HOST, 'A', '198.18.1.100', 20)], addresses: [], ttl: 20, asked: [] }
        : { rcode: 'SERVFAIL', records: [], addresses: [], ttl: 0, asked: [] },
    );
    open.push(stub);
    const { port } = stub.address();
    expect(await askServer(question, port)).toMatchObject({
      rcode: 'NOERROR',
      answers: [{ data: '198.18.1.100', ttl: 20 }],
    });
    expect(await askServer({ ...question, name: 'other.example' }, port)).toMatchObject({ rcode: 'SERVFAIL' });
  });

  it('reports visits truthfully: who answered, with which version, or why nobody did', async () => {
    const web = (await import('node:http')).createServer((req, res) => {
      res.setHeader('x-tradewind-cluster', 'sao').setHeader('x-tradewind-version', 'v1');
      res.statusCode = req.method === 'POST' ? 201 : 200;
      res.end(`${req.headers.host} ${req.url}`);
    });
    await new Promise<void>((r) => web.listen(0, '127.0.0.1', r));
    open.push(web);
    const port = (web.address() as { port: number }).port;
    let asked = 0;
    const lookup = async (cache: DnsCache, name: string): Promise<Resolved> => {
      const deps = { servers: new ServerTable(), roots: ['127.0.0.1'], now: () => 0 };
      return resolve(name, 'A', {
        ...deps,
        cache,
        ask: async () => {
          asked++;
          return reply(
            name === HOST ? { authoritative: true, answers: [rec(HOST, 'A', '127.0.0.1', 20)] } : { rcode: 'NXDOMAIN' },
          );
        },
      });
    };
    const d = { region: 'sao', clock: systemClock, lookup };
    const three = await visits({ host: HOST, port, path: '/a?b=1', times: 3 }, d);
    expect(three).toHaveLength(3);
    expect(three[0]).toMatchObject({
      from: 'sao',
      answeredBy: '127.0.0.1',
      cluster: 'sao',
      version: 'v1',
      status: 200,
      body: `${HOST}:${port} /a?b=1`,
    });
    expect(asked).toBe(1);
    await visits({ host: HOST, port }, d);
    expect(asked).toBe(2);
    expect((await visits({ host: HOST, port, body: 'msg=hi' }, d))[0]?.status).toBe(201);
    const [closed] = await visits({ host: HOST, port: 1 }, d);
    expect(closed).toMatchObject({
      status: 0,
      answeredBy: '127.0.0.1',
      error: expect.stringContaining('ECONNREFUSED'),
    });
    const [unknown] = await visits({ host: 'nobody.example', port }, d);
    expect(unknown).toMatchObject({ status: 0, answeredBy: '', error: 'nobody.example does not resolve: NXDOMAIN' });
  });
});
