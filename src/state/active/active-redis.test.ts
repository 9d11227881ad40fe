import { once } from 'node:events';
import { readdir, stat, truncate } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { activeRedis } from '../adapters/active-redis.ts';
import { diskUse } from '../adapters/room.ts';
import { activeConf } from '../redisconf.ts';
import { RespError } from '../resp/values.ts';
import { plain } from '../testing/active.ts';
import { DISK, fillDisk, fillMemory } from '../testing/full.ts';
import { freePortAt, hasDisks, programOf, RawClient, RedisProcess, untilTrue } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { type ActiveRig, type ActiveRigRedis, activeRedisContract } from './active-redis.contract.ts';
import { openPeer } from './peer.ts';
import { ActiveTwin, type TwinPorts, twinActiveRedis, twinPeer } from './twin.ts';

const HOST = '127.0.0.1';

function twinRedis(ports: TwinPorts, port: number): ActiveRigRedis {
  const twin = new ActiveTwin(ports, port, () => systemClock.now());
  return {
    local: twinActiveRedis(twin, (ms) => systemClock.sleep(ms)),
    port,
    write: async (word) => twin.write(word),
    sender: async () => twinPeer(twin, async () => undefined),
    words: async () => [...twin.words()],
    crash: async () => twin.stop(),
    start: async (from) => twin.start(from),
    full: async () => {
      twin.short = { of: 'memory', used: 2, limit: 1 };
      return async () => void (twin.short = undefined);
    },
    cutLog: async () => twin.cutLog(),
  };
}
const twin: ActiveRig = {
  name: 'twin',
  open: async () => {
    const ports: TwinPorts = new Map();
    return { both: [twinRedis(ports, 1), twinRedis(ports, 2)], close: async () => undefined };
  },
};

const ok = <T>(value: T): T => {
  if (value instanceof RespError) throw new Error(value.text);
  return value;
};

async function realRedis(
  disk: { diskBytes?: number } = {},
): Promise<ActiveRigRedis & { process(): RedisProcess; close(): Promise<void> }> {
  let process = new RedisProcess({ host: HOST, port: await freePortAt(), ...disk });
  const { port } = process;
  const starts = (): Promise<void> =>
    process.start(activeConf({ port, bind: HOST, dir: process.dir, secrets: SECRETS, backlog: 1 << 20 }));
  await starts();
  const local = activeRedis({
    host: HOST,
    port,
    password: SECRETS.agent,
    timeoutMs: 2000,
    disk: () => diskUse(process.inside),
  });
  const clients: { close(): void }[] = [];
  const as = async (user: string, password: string): Promise<RawClient> => {
    const client = await RawClient.open({ host: HOST, port });
    clients.push(client);
    ok(await client.ask('AUTH', user, password));
    return client;
  };
  const wire = {
    open: async () => {
      const socket = connect({ host: HOST, port });
      await once(socket, 'connect');
      return socket;
    },
  };
  return {
    local,
    port,
    process: () => process,
    write: async (word) => void ok(await (await as('tw-w', SECRETS.write)).ask('FCALL', 'tw_rpush', 1, 'k', word)),
    sender: async () => {
      const peer = await openPeer(wire, 'other', SECRETS.sync);
      clients.push(peer);
      return peer;
    },
    words: async () => (ok(await (await as('tw-r', SECRETS.read)).ask('LRANGE', 'k', 0, -1)) as Buffer[]).map(String),
    // While the disk is busy with the last second, Redis answers before it has written the next one (everysec).
    crash: async () => {
      const client = await as('tw-agent', SECRETS.agent);
      const written = async (): Promise<boolean> =>
        String(plain(await client.ask('INFO', 'persistence'))).includes('aof_buffer_length:0\r');
      await untilTrue('its log is written', written);
      await process.kill();
    },
    start: async (from) => {
      const old = process;
      await old.kill();
      if (from === 'empty') {
        await old.close();
        process = new RedisProcess({ host: HOST, port });
      }
      await starts();
    },
    full: () => fillMemory(async (...args) => String(plain(await (await as('tw-agent', SECRETS.agent)).ask(...args)))),
    cutLog: async () => {
      const folder = join(process.dir, 'appendonlydir');
      const name =
        (await readdir(folder))
          .filter((n) => n.endsWith('.incr.aof'))
          .sort()
          .at(-1) ?? '';
      const { size } = await stat(join(folder, name));
      await truncate(join(folder, name), size - 5);
    },
    close: async () => {
      for (const c of clients) c.close();
      local.close();
      await process.close();
    },
  };
}
const real: ActiveRig = {
  name: 'redis-server',
  open: async () => {
    const both = await Promise.all([realRedis(), realRedis()]);
    return { both, close: async () => void (await Promise.all(both.map((r) => r.close()))) };
  },
};

const missing = programOf('redis-server') === undefined;
activeRedisContract(twin);
describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'with real parts', () => {
  activeRedisContract(real);

  it.skipIf(!hasDisks())('TW5113: a disk that takes nothing more: writes are refused, then taken again', async () => {
    const redis = await realRedis({ diskBytes: DISK });
    try {
      await redis.local.open('a.1', (await redis.local.look()).run);
      await redis.write('before');
      const again = await fillDisk(redis.process());
      // The write that finds out is answered before it is written (everysec); its bytes are kept and come later.
      await untilTrue('writes are refused', () =>
        redis.write('more').then(
          () => false,
          (e: unknown) => /MISCONF/.test(String(e)),
        ),
      );
      const words = await redis.words();
      const { short, durable } = await redis.local.look();
      expect(short).toEqual([{ of: 'disk', used: DISK, limit: DISK }]);
      expect(durable).toBe(false);
      await expect(redis.write('too much')).rejects.toThrow('MISCONF');
      expect(await redis.words()).toEqual(words);
      await again();
      await untilTrue('writes are taken', () => redis.write('after').then(() => true));
      expect((await redis.local.look()).short).toBeUndefined();
    } finally {
      await redis.close();
    }
  });
});
