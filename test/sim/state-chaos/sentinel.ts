// Redis Sentinel as its manual sets it up: three Redis, three sentinels, quorum 2, clients that ask the sentinel of
// their cloud and count a write as done when WAIT 1 says so.
import { setTimeout as delay } from 'node:timers/promises';
import { RespError } from '../../../src/state/resp/values.ts';
import { freePortAt, RawClient, RedisProcess, untilTrue } from '../../../src/state/testing/redis-process.ts';
import type { AppClient, Subject } from './trial.ts';
import { CLOUDS, type Cloud, hostOf, Wan } from './wan.ts';

const MASTER = 'tw';
/** Time of one write at the client, milliseconds. */
const PATIENCE = 1500;

interface Place {
  redis: RedisProcess;
  sentinel: RedisProcess;
}

const redisConf = (c: Cloud, port: number, of?: { host: string; port: number }): string =>
  `port ${port}
bind 127.0.0.1
bind-source-addr ${hostOf(c)}
replica-announce-ip ${hostOf(c)}
replica-announce-port ${port}
save ""
repl-timeout 10
repl-diskless-sync-delay 0
${of === undefined ? '' : `replicaof ${of.host} ${of.port}`}
`;

const sentinelConf = (c: Cloud, port: number, master: { host: string; port: number }): string =>
  `port ${port}
bind 127.0.0.1
bind-source-addr ${hostOf(c)}
sentinel announce-ip ${hostOf(c)}
sentinel announce-port ${port}
sentinel monitor ${MASTER} ${master.host} ${master.port} 2
sentinel down-after-milliseconds ${MASTER} 2000
sentinel failover-timeout ${MASTER} 20000
sentinel parallel-syncs ${MASTER} 2
`;

async function timed<T>(ms: number, work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = delay(ms, undefined, { signal: stop.signal }).then(() => {
    throw new Error('late');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}

class SentinelClient implements AppClient {
  readonly #at: Cloud;
  readonly #ask: () => Promise<{ host: string; port: number }>;
  #redis: RawClient | undefined;

  constructor(at: Cloud, ask: () => Promise<{ host: string; port: number }>) {
    this.#at = at;
    this.#ask = ask;
  }

  async #connected(): Promise<RawClient> {
    if (this.#redis?.closed === false) return this.#redis;
    const master = await this.#ask();
    this.#redis = await RawClient.open({ ...master, localAddress: hostOf(this.#at) });
    return this.#redis;
  }

  async write(value: string): Promise<'ok' | 'failed' | 'unknown'> {
    const redis = await timed(PATIENCE, this.#connected()).catch(() => undefined);
    if (redis === undefined) return 'failed';
    try {
      const [pushed, copies] = await timed(
        PATIENCE,
        redis.pipeline([
          ['RPUSH', 'k', value],
          ['WAIT', 1, PATIENCE],
        ]),
      );
      if (pushed instanceof RespError) throw pushed;
      return Number(copies) >= 1 ? 'ok' : 'unknown';
    } catch (error) {
      this.close();
      return error instanceof RespError ? 'failed' : 'unknown';
    }
  }

  close(): void {
    this.#redis?.close();
    this.#redis = undefined;
  }
}

const isLinked = (info: string): boolean => info.includes('master_link_status:up');

/** A new Sentinel fleet that has found all its parts; home is `home`. */
export async function sentinelSubject(home: Cloud = 'ca'): Promise<Subject> {
  const wan = new Wan();
  const places = new Map<Cloud, Place>();
  for (const c of CLOUDS) {
    const make = async (argv: string[] = []): Promise<RedisProcess> => {
      const process = new RedisProcess({ host: '127.0.0.1', port: await freePortAt(), argv });
      await wan.publish(c, process.port);
      return process;
    };
    places.set(c, { redis: await make(), sentinel: await make(['--sentinel']) });
  }
  const of = (c: Cloud): Place => {
    const place = places.get(c);
    if (place === undefined) throw new Error(`no cloud ${c}`);
    return place;
  };
  const address = (c: Cloud): { host: string; port: number } => ({ host: hostOf(c), port: of(c).redis.port });
  const boot = (c: Cloud): Promise<void> =>
    of(c).redis.start(redisConf(c, of(c).redis.port, c === home ? undefined : address(home)));

  await Promise.all(CLOUDS.map(boot));
  await Promise.all(CLOUDS.map((c) => of(c).sentinel.start(sentinelConf(c, of(c).sentinel.port, address(home)))));

  const sentinels = new Map<Cloud, RawClient>();
  for (const c of CLOUDS) sentinels.set(c, await RawClient.open({ host: '127.0.0.1', port: of(c).sentinel.port }));
  const master = async (c: Cloud): Promise<{ host: string; port: number }> => {
    const said = await sentinels.get(c)?.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER);
    const [host = '', port = ''] = (said as Buffer[]).map(String);
    return { host, port: Number(port) };
  };
  const homeOf = async (c: Cloud): Promise<Cloud> => {
    const { host } = await master(c);
    return CLOUDS.find((x) => hostOf(x) === host) ?? home;
  };
  const info = async (c: Cloud): Promise<string> => {
    const redis = await RawClient.open({ host: '127.0.0.1', port: of(c).redis.port });
    const text = ((await redis.ask('INFO', 'replication')) as Buffer).toString();
    redis.close();
    return text;
  };
  const knows = async (c: Cloud): Promise<boolean> => {
    const said = (await sentinels.get(c)?.ask('SENTINEL', 'MASTER', MASTER)) as Buffer[];
    const words = said.map(String);
    const field = (name: string): string => words[words.indexOf(name) + 1] ?? '';
    return field('num-slaves') === '2' && field('num-other-sentinels') === '2' && field('flags') === 'master';
  };
  await untilTrue('sentinels know all', async () => (await Promise.all(CLOUDS.map(knows))).every(Boolean), 40_000);
  await untilTrue('two replicas', async () => (await info(home)).includes('connected_slaves:2'), 20_000);

  const dead = new Set<Cloud>();
  return {
    name: 'Sentinel, WAIT 1',
    wan,
    home: () => homeOf(home === 'ca' ? 'sa' : 'ca'),
    client: (at) => new SentinelClient(at, () => master(at)),
    kill: async (at) => {
      dead.add(at);
      await of(at).redis.kill();
    },
    restartEmpty: async (at) => {
      await of(at).redis.kill();
      await boot(at);
    },
    freeze: (at) => of(at).redis.kill('SIGSTOP'),
    thaw: (at) => of(at).redis.kill('SIGCONT'),
    whole: async () => {
      const all = await Promise.all(CLOUDS.map(info));
      return all.filter((t) => t.includes('role:master')).length === 1 && all.filter(isLinked).length === 2;
    },
    settle: async () => {
      let at: Cloud = home;
      const agreed = async (replicas: number): Promise<boolean> => {
        const all = await Promise.all(CLOUDS.map(homeOf));
        at = all[0] ?? home;
        if (!all.every((c) => c === at) || dead.has(at)) return false;
        const said = await info(at);
        return said.includes('role:master') && said.includes(`connected_slaves:${replicas}`);
      };
      // What is dead comes back once another is master, else its empty disk would be the end of all.
      await untilTrue('a master that lives', () => agreed(2 - dead.size), 100_000);
      for (const c of dead) await boot(c);
      dead.clear();
      await untilTrue('one master with two replicas', () => agreed(2), 60_000);
      const redis = await RawClient.open({ host: '127.0.0.1', port: of(at).redis.port });
      const list = ((await redis.ask('LRANGE', 'k', 0, -1)) as Buffer[]).map(String);
      redis.close();
      return list;
    },
    close: async () => {
      for (const s of sentinels.values()) s.close();
      await Promise.all([...places.values()].flatMap((p) => [p.redis.close(), p.sentinel.close()]));
      await wan.close();
    },
  };
}
