import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLOUDS, type Cloud, hostOf, Wan } from '../../../test/sim/state-chaos/wan.ts';
import { testCertificates } from '../testing/certificates.ts';
import { untilTrue } from '../testing/redis-process.ts';
import { doorStep, type Header, parseHeader, Rtts } from '../wire/header.ts';
import { type OpenWire, tlsWire } from './wire.ts';
import type { WireTls } from './wire-streams.ts';

const certificates = testCertificates([...CLOUDS, 'stranger']);
const NET = 78;

interface Site {
  wire: OpenWire;
  redis: Server;
  epoch: number;
  answers: boolean;
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** Says its name, then gives everything back. */
const echo = (name: string): Server =>
  createServer((s) => {
    s.on('error', () => undefined);
    s.write(`${name}:`);
    s.pipe(s);
  });

async function talk(s: Duplex, words: string): Promise<string> {
  s.write(words);
  let got = '';
  for await (const chunk of s) {
    got += String(chunk);
    if (got.endsWith(words)) break;
  }
  s.destroy();
  return got;
}

describe('wire', () => {
  let wan: Wan;
  let sites: Record<Cloud, Site>;

  beforeEach(async () => {
    wan = new Wan(0);
    const ports = new Map<Cloud, number>();
    for (const c of CLOUDS) {
      const probe = createServer();
      ports.set(c, await listening(probe));
      probe.close();
    }
    const make = async (c: Cloud): Promise<[Cloud, Site]> => {
      const redis = echo(c);
      const site: Site = { redis, epoch: 7, answers: true } as Site;
      const port = ports.get(c) ?? 0;
      const peers = Object.fromEntries(
        CLOUDS.filter((p) => p !== c).map((p) => [
          p,
          { host: hostOf(p, NET), port: ports.get(p) ?? 0, localAddress: hostOf(c, NET) },
        ]),
      );
      site.wire = await tlsWire({
        me: c,
        peers,
        listen: { host: '127.0.0.1', port },
        tls: certificates[c] as WireTls,
        door: {
          epoch: () => site.epoch,
          pong: async () => (site.answers ? { epoch: site.epoch, role: 'primary', offset: 42 } : undefined),
        },
        redis: { host: '127.0.0.1', port: await listening(redis) },
      });
      await wan.publish(c, port, { net: NET });
      return [c, site];
    };
    sites = Object.fromEntries(await Promise.all(CLOUDS.map(make))) as Record<Cloud, Site>;
  });
  afterEach(async () => {
    await Promise.all(CLOUDS.map((c) => sites[c].wire.close()));
    for (const c of CLOUDS) sites[c].redis.close();
    await wan.close();
  });

  const ping = (from: Cloud, to: Cloud, ms = 4000) => sites[from].wire.ping(to, AbortSignal.timeout(ms));

  it('a data stream ends at the Redis of the cluster it was opened to', async () => {
    const s = await sites.sa.wire.open('au', 'data', { epoch: 7, hop: 0 });
    expect(await talk(s, 'hello')).toBe('au:hello');
    const again = await sites.sa.wire.open('au', 'repl', { epoch: 7, hop: 0 });
    expect(await talk(again, 'x'.repeat(100_000))).toBe(`au:${'x'.repeat(100_000)}`);
  });

  it('a door refuses an epoch that is not its own, and everything while it is fenced', async () => {
    await expect(sites.sa.wire.open('au', 'data', { epoch: 6, hop: 0 })).rejects.toThrow('epoch is 7, not 6');
    sites.au.epoch = 0;
    await expect(sites.sa.wire.open('au', 'repl', { epoch: 7, hop: 0 })).rejects.toThrow('fenced');
  });

  it('pings say epoch, role and offset, give a round trip, and fail when Redis does not answer', async () => {
    expect(await ping('sa', 'au')).toMatchObject({ epoch: 7, role: 'primary', offset: 42 });
    await untilTrue('a direct round trip', async () => {
      await ping('sa', 'au');
      return sites.sa.wire.rtt('au') !== undefined;
    });
    sites.au.answers = false;
    await expect(ping('sa', 'au')).rejects.toBeInstanceOf(Error);
    sites.au.answers = true;
    expect((await ping('sa', 'au')).offset).toBe(42);
  });

  it('with one link cut streams and pings go through the third cluster, in time', async () => {
    await ping('sa', 'au');
    wan.cut('sa', 'au');
    expect(await ping('sa', 'au')).toMatchObject({ via: 'ca', epoch: 7 });
    const s = await sites.sa.wire.open('au', 'data', { epoch: 7, hop: 0 });
    expect(await talk(s, 'around')).toBe('au:around');
    await expect(sites.sa.wire.open('au', 'data', { epoch: 5, hop: 0 })).rejects.toThrow('epoch is 7');
    wan.heal();
    await untilTrue('direct again', async () => (await ping('sa', 'au')).via === 'direct');
  });

  it('an isolated cluster is reached by no way', async () => {
    await ping('sa', 'au');
    wan.isolate('au');
    await expect(ping('sa', 'au', 2500)).rejects.toBeInstanceOf(Error);
    await expect(sites.sa.wire.open('au', 'data', { epoch: 7, hop: 0 })).rejects.toBeInstanceOf(Error);
    expect(await ping('sa', 'ca')).toMatchObject({ epoch: 7 });
  });

  it('a tunnel is a local port of one epoch, and closing it ends what goes through', async () => {
    const tunnel = await sites.ca.wire.tunnel(['sa'], 7, true);
    const { connect } = await import('node:net');
    const inside = connect(tunnel.port, '127.0.0.1');
    inside.write('repl');
    const [first] = (await once(inside, 'data')) as [Buffer];
    expect(String(first)).toMatch(/^sa:/);
    const closed = once(inside, 'close');
    await tunnel.close();
    await closed;
  });

  it('a tunnel leads to the first cluster that lets it in', async () => {
    wan.isolate('au');
    const tunnel = await sites.ca.wire.tunnel(['au', 'sa'], 7, false);
    const { connect } = await import('node:net');
    const inside = connect(tunnel.port, '127.0.0.1');
    inside.write('PING\r\n');
    const [first] = (await once(inside, 'data')) as [Buffer];
    expect(String(first)).toMatch(/^sa:/);
    await tunnel.close();
    wan.heal();
  });

  it('a certificate of another cluster, or of no cluster of the fleet, opens nothing', async () => {
    const as = (tls: WireTls) =>
      tlsWire({
        me: 'sa',
        peers: { au: { host: '127.0.0.1', port: sites.au.wire.port } },
        listen: { host: '127.0.0.1', port: 0 },
        tls,
        door: { epoch: () => 0, pong: async () => undefined },
        redis: { host: '127.0.0.1', port: 1 },
      });
    const stranger = await as(certificates['stranger'] as WireTls);
    await expect(stranger.open('au', 'data', { epoch: 7, hop: 0 })).rejects.toThrow('the certificate is not of sa');
    await stranger.close();
    const outside = await as(testCertificates(['sa'])['sa'] as WireTls);
    await expect(outside.open('au', 'data', { epoch: 7, hop: 0 })).rejects.toBeInstanceOf(Error);
    await outside.close();
  });
});

describe('header', () => {
  const h: Header = { kind: 'data', epoch: 7, from: 'a', to: 'b', hop: 0 };
  it('a stream is passed on once, and only to a cluster that is known', () => {
    const view = { me: 'c', peers: new Set(['b']), epoch: 7, certified: () => true };
    expect(doorStep({ ...h, hop: 1 }, view)).toEqual({ do: 'relay', to: 'b' });
    expect(doorStep(h, view)).toMatchObject({ do: 'refuse' });
    expect(doorStep({ ...h, hop: 1, to: 'x' }, view)).toMatchObject({ do: 'refuse' });
    expect(doorStep({ ...h, to: 'c', kind: 'ping', epoch: 0 }, { ...view, epoch: 0 })).toEqual({ do: 'ping' });
  });

  it.each(['', '{', '[]', 'null', '{"kind":"data"}', '{"kind":"x","epoch":1,"from":"a","to":"b","hop":0}'])(
    '%j is no header',
    (line) => expect(parseHeader(line)).toBeUndefined(),
  );

  it('p50 of round trips', () => {
    const r = new Rtts();
    expect(r.p50).toBeUndefined();
    for (const ms of [5, 1, 9]) r.add(ms);
    expect(r.p50).toBe(5);
  });
});
