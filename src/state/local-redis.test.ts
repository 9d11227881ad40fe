import { describe, expect, it } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { localRedis } from './adapters/local-redis.ts';
import { diskUse } from './adapters/room.ts';
import { localRedisContract, type RedisRig, type RigRedis } from './local-redis.contract.ts';
import { redisConf } from './redisconf.ts';
import { RespError } from './resp/values.ts';
import { plain } from './testing/active.ts';
import { DISK, failSave, fillMemory, type Say } from './testing/full.ts';
import { freePortAt, hasDisks, programOf, RawClient, RedisProcess, untilTrue } from './testing/redis-process.ts';
import { SECRETS } from './testing/secrets.ts';
import { twinLocalRedis } from './twin/local-redis.ts';
import { TwinNet, TwinRedis } from './twin/redis.ts';

function twinVoter(redis: TwinRedis): RigRedis {
  return {
    local: twinLocalRedis(redis),
    port: redis.port,
    writer: async () => {
      const on = redis.login('writer');
      return {
        push: (value) => redis.write(on, { push: value }),
        flush: () => redis.write(on, { flush: true }),
        wait: async (n, ms) => {
          const end = systemClock.monotonic() + ms;
          while (redis.acks(on) < n && systemClock.monotonic() < end) await systemClock.sleep(5);
          return redis.acks(on);
        },
        get closed() {
          return on.closed;
        },
      };
    },
    agent: async () => redis.login('agent'),
    read: async () => redis.words,
    crash: async () => redis.stop(),
    start: async (from) => redis.start(from),
    full: async (of) => {
      redis.short = { of, used: 9, limit: 9 };
      return async () => void (redis.short = undefined);
    },
  };
}

const twin: RedisRig = {
  name: 'twin',
  fills: ['memory', 'disk'],
  open: async () => {
    const net = new TwinNet();
    const [a, b, c] = [101, 102, 103].map((port) => twinVoter(new TwinRedis(net, port)));
    return { voters: [a, b, c] as [RigRedis, RigRedis, RigRedis], close: async () => undefined };
  },
};

async function login(at: { host: string; port: number }, user: string, password: string): Promise<RawClient> {
  const client = await RawClient.open(at);
  const said = await client.ask('AUTH', user, password);
  if (!(said instanceof RespError)) return client;
  client.close();
  throw new Error(said.text);
}

const ok = <T>(value: T): T => {
  if (value instanceof RespError) throw new Error(value.text);
  return value;
};

interface RealVoter extends RigRedis {
  process: RedisProcess;
  close(): Promise<void>;
}

async function realVoter(more: readonly string[] = [], diskBytes?: number): Promise<RealVoter> {
  const host = '127.0.0.1';
  const on = diskBytes === undefined ? {} : { diskBytes };
  let process = new RedisProcess({ host, port: await freePortAt(), ...on });
  const { port } = process;
  const conf = (): string =>
    redisConf({ port, bind: host, dir: process.dir, secrets: SECRETS, backlog: 1 << 20, saveEvery: 300, more });
  await process.start(conf());
  const disk = () => diskUse(process.inside);
  const local = localRedis({ host, port, password: SECRETS.agent, timeoutMs: 1000, disk });
  const clients: RawClient[] = [];
  const as = async (user: string, password: string): Promise<RawClient> => {
    const client = await login({ host, port }, user, password);
    clients.push(client);
    return client;
  };
  return {
    local,
    port,
    get process() {
      return process;
    },
    writer: async () => {
      const client = await as('tw-w', SECRETS.write);
      return {
        push: async (value) => void ok(await client.ask('RPUSH', 'k', value)),
        flush: async () => void ok(await client.ask('FLUSHALL')),
        wait: async (n, ms) => Number(ok(await client.ask('WAIT', n, ms))),
        get closed() {
          return client.closed;
        },
      };
    },
    agent: () => as('tw-agent', SECRETS.agent),
    read: async () => (ok(await (await as('tw-r', SECRETS.read)).ask('LRANGE', 'k', 0, -1)) as Buffer[]).map(String),
    crash: () => process.kill(),
    start: async (from) => {
      const old = process;
      await old.kill();
      if (from === 'empty') {
        await old.close();
        process = new RedisProcess({ host, port, ...on });
      }
      await process.start(conf());
    },
    full: async (of) => {
      const say: Say = async (...args) => String(plain(ok(await (await as('tw-agent', SECRETS.agent)).ask(...args))));
      return of === 'memory' ? await fillMemory(say) : await failSave(process, say);
    },
    close: async () => {
      for (const c of clients) c.close();
      local.close();
      await process.close();
    },
  };
}

const disks = hasDisks();
const real: RedisRig = {
  name: 'redis-server',
  fills: disks ? ['memory', 'disk'] : ['memory'],
  open: async (small) => {
    const diskBytes = small !== undefined && disks ? DISK : undefined;
    const voters = await Promise.all([1, 2, 3].map(() => realVoter([], diskBytes)));
    const close = async (): Promise<void> => void (await Promise.all(voters.map((v) => v.close())));
    return { voters: voters as unknown as [RigRedis, RigRedis, RigRedis], close };
  },
};

const missing = programOf('redis-server') === undefined;
localRedisContract(twin);
describe.skipIf(missing)(missing ? 'redis-server is not installed' : 'with real parts', () => {
  localRedisContract(real);

  it('a Redis that hangs is no answer, and no fence', async () => {
    const voter = await realVoter();
    try {
      await voter.local.look();
      await voter.process.kill('SIGSTOP');
      await expect(voter.local.look()).rejects.toThrow('no answer for 1000 ms');
      expect((await voter.local.fence()).is).toBe('unconfirmed');
      await voter.process.kill('SIGCONT');
      await untilTrue('it answers', async () => (await voter.local.look()).role === 'fenced');
    } finally {
      await voter.close();
    }
  });

  it('while it loads there is no marker and no fence, but it can be ended', async () => {
    const voter = await realVoter(['key-load-delay 2000', 'loading-process-events-interval-bytes 1024']);
    try {
      const { run } = await voter.local.look();
      const from = { epoch: 0, offset: 0, run };
      await voter.local.promote({ epoch: 3, primary: 'a', from, copies: ['a'], w: 0 }, run);
      const writer = await login({ host: '127.0.0.1', port: voter.port }, 'tw-w', SECRETS.write);
      await writer.pipeline(Array.from({ length: 3000 }, (_, i) => ['SET', `k${i}`, 'v']));
      await voter.local.fence();
      expect((await voter.local.save()).is).toBe('fenced');
      await voter.start('disk');
      const look = await voter.local.look();
      expect(look).toMatchObject({ loading: true, role: 'fenced', virgin: false });
      expect(look.marker).toBeUndefined();
      expect((await voter.local.fence()).is).toBe('unconfirmed');
      await voter.local.shutdown(true);
      await expect(voter.local.look()).rejects.toBeInstanceOf(Error);
    } finally {
      await voter.close();
    }
  });
});
