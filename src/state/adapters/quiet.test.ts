import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EpochValue } from '../model.ts';
import { programOf, RawClient, untilTrue } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { Trio } from '../testing/trio.ts';
import { quieted } from '../wire/quiet.ts';
import { join } from './wire-streams.ts';

const missing = programOf('redis-server') === undefined;

describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'a replica behind a quiet tunnel', () => {
  let trio: Trio;
  let v: EpochValue;
  const servers: ReturnType<typeof createServer>[] = [];

  beforeAll(async () => {
    trio = await Trio.start();
    v = await trio.primary('a', 0, ['a']);
  });
  afterAll(async () => {
    for (const s of servers) s.close();
    await trio.close();
  });

  /** The Redis `name` follows home itself through it. */
  async function follows(name: string, quiet: boolean): Promise<void> {
    const server = createServer((s) => {
      s.on('error', () => undefined);
      join(s, connect(trio.of('a').port, '127.0.0.1'), quiet ? quieted() : undefined);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { local } = trio.of(name);
    await local.follow(v, (await local.look()).run, (server.address() as AddressInfo).port);
    await untilTrue(`${name} is linked`, async () => (await local.look()).link);
  }
  async function written(): Promise<unknown> {
    const redis = await RawClient.open({ host: '127.0.0.1', port: trio.of('a').port });
    await redis.ask('AUTH', 'tw-w', SECRETS.write);
    await redis.ask('RPUSH', 'k', 'x');
    const acks = await redis.ask('WAIT', 1, 1500);
    redis.close();
    return acks;
  }
  const offset = async (name: string): Promise<number> => (await trio.of(name).local.look()).offset;

  it('has every write and stays attached, and no WAIT counts it; one that is not quiet is counted', async () => {
    await follows('b', true);
    expect(await written()).toBe(0);
    await untilTrue('b has it', async () => (await offset('b')) === (await offset('a')));
    expect((await trio.of('a').local.look()).replicas).toBe(1);
    await follows('c', false);
    expect(await written()).toBe(1);
  }, 30_000);
});
