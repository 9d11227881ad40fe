import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TwError } from '../../kernel/index.ts';
import { HOST } from '../machine/fixtures.ts';
import type { Hold } from '../model.ts';
import { makeKeys } from '../sign.ts';
import { createRig, type Rig, until } from './rig.ts';
import { nameserverOptions, startNameserver } from './run.ts';
import { fileSource } from './sources.ts';

const ALL = ['sao', 'mtl', 'syd'];
const every = async (rig: Rig, expected: string): Promise<boolean> => {
  const answers = await Promise.all(ALL.map((c) => rig.ask(c)));
  return answers.every((a) => a.join() === expected);
};
const hold = (kind: Hold['kind'], cluster: string): Hold => ({
  id: `${kind}-1`,
  kind,
  cluster,
  by: 'ana',
  why: 'test',
  since: 1,
});

describe('three nameservers on loopback', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig();
    await rig.publish(ALL, {});
    await until(
      8000,
      async () =>
        ((await rig.view('mtl')).health as Record<string, { state: string }>)['sao/guestbook']?.state === 'up',
    );
  });
  afterAll(() => rig.close());

  it('answers a real resolver over UDP and TCP with the nearest cluster', async () => {
    const resolver = new Resolver({ timeout: 2000, tries: 1 });
    resolver.setServers([`127.0.0.1:${rig.servers.sao?.dnsPort}`]);
    expect(await resolver.resolve4(HOST, { ttl: true })).toEqual([{ address: '127.0.1.1', ttl: 5 }]);
    expect(await resolver.resolveNs(HOST)).toHaveLength(3);
    await expect(resolver.resolveTxt(HOST)).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4(`x.${HOST}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(await rig.ask('syd', { ecs: '198.19.103.0/24' })).toEqual(['syd']);
  });

  it('takes a dead site out of every answer within 5 s, and back after the rise', async () => {
    await rig.web.close('sao');
    const took = await until(8000, () => every(rig, 'mtl'));
    expect(took).toBeLessThan(5000);
    await rig.web.open('sao');
    expect(await until(12_000, () => every(rig, 'sao'))).toBeGreaterThan(2000);
  });

  it('takes a site that only hangs out within 5 s as well, with the cause', async () => {
    rig.web.hang('sao');
    expect(await until(8000, () => every(rig, 'mtl'))).toBeLessThan(5000);
    const health = (await rig.view('syd')).health as Record<string, { cause: string }>;
    expect(health['sao/guestbook']?.cause).toBe('timeout');
    await rig.web.open('sao');
    await rig.publish(ALL, { probe: { intervalMs: 1000, timeoutMs: 1000, fall: 2, rise: 1 } });
    await until(12_000, () => every(rig, 'sao'));
  });

  it('passes a hold told to one cluster to all, and lifts it; an older one is ignored', async () => {
    const before = await rig.publish([], {});
    await rig.publish(['syd'], { holds: [hold('drain', 'sao')] });
    await until(3000, () => every(rig, 'mtl'));
    const res = await fetch(`http://127.0.0.1:${rig.servers.sao?.httpPort}/gslb/healthz`);
    expect(res.status).toBe(503);
    await rig.publish(['mtl'], { seq: before.seq });
    await new Promise((r) => setTimeout(r, 600));
    expect(await every(rig, 'mtl')).toBe(true);
    await rig.publish(['mtl'], {});
    await until(3000, () => every(rig, 'sao'));
  });

  it('keeps answers and verdicts over a restart, without source or peers', async () => {
    await rig.restart('mtl');
    expect(await rig.ask('mtl')).toEqual(['sao']);
  });

  it('hears nobody any more: sends no user where it does not reach, and judges nothing', async () => {
    await rig.servers.sao?.close();
    await rig.servers.syd?.close();
    await rig.web.close('sao');
    await until(8000, async () => (await rig.ask('mtl')).join() === 'mtl');
    const health = (await rig.view('mtl')).health as Record<string, { state: string; unsure: boolean; lone: boolean }>;
    expect(health['sao/guestbook']).toMatchObject({ state: 'up', unsure: true, lone: true });
    expect(health['syd/guestbook']).toMatchObject({ state: 'up', unsure: true, lone: false });
  });

  it('tells reasons and votes only to who has the read token', async () => {
    const url = `http://127.0.0.1:${rig.servers.mtl?.httpPort}`;
    expect((await fetch(`${url}/why?ip=198.19.101.2`)).status).toBe(401);
    expect((await fetch(`${url}/view`)).status).toBe(401);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(
      (await fetch(`${url}/peers`, { method: 'POST', body: '{"sheet":"{}","nonce":"1","mac":"00"}' })).status,
    ).toBe(401);
  });
});

describe('a nameserver that cannot start', () => {
  it('TW4071 names the argument that is missing, unknown or no port, and the file that cannot be read', async () => {
    const good = ['--cluster', 'sao', '--fleet', 'f', '--keys', '/nowhere'];
    const valueOf = async (args: string[]): Promise<unknown> => {
      const e = (await nameserverOptions(args, {}).catch((x: unknown) => x)) as TwError;
      return [e.code, e.problem.value, e.problem.why[0]];
    };
    expect(await valueOf(['--fleet', 'f', '--keys', '/k'])).toEqual(['TW4071', '--cluster', undefined]);
    expect(await valueOf(['--cluste', 'sao'])).toEqual(['TW4071', '--cluste sao', expect.stringMatching('--cluste')]);
    for (const port of ['abc', '65536', '5.3', '']) {
      expect((await valueOf([...good, '--dns-port', port])) as string[]).toContain(`--dns-port ${port}`);
    }
    expect(await valueOf(good)).toEqual(['TW4071', '/nowhere/public.pem', expect.stringContaining('ENOENT')]);
  });
  it('TW4070 names the ports of which one is taken, and keeps none open', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const probe = createSocket('udp4').bind(0, '127.0.0.1');
    await once(probe, 'listening');
    const dnsPort = probe.address().port;
    probe.close();
    try {
      const start = startNameserver({
        cluster: 'sao',
        fleet: 'f',
        host: '127.0.0.1',
        dnsPort,
        httpPort: port,
        source: (deps) => fileSource('/nowhere.json', deps),
        keys: makeKeys(),
      });
      await expect(start).rejects.toMatchObject({
        code: 'TW4070',
        problem: { value: expect.stringContaining(`:${port}`), why: [expect.stringContaining('EADDRINUSE')] },
      });
      const again = createSocket('udp4').bind(dnsPort, '127.0.0.1');
      await once(again, 'listening');
      again.close();
    } finally {
      taken.close();
    }
  });
});
