// How long a write is on its way to another cloud of the emulated WAN: by our agents, by Redis' own replication, as bytes alone.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { textOf } from '../../src/state/active/calls.ts';
import { msOf } from '../../src/state/active/ids.ts';
import { freePortAt, RawClient, RedisProcess, untilTrue } from '../../src/state/testing/redis-process.ts';
import { CLOUDS, type Cloud, hostOf, type Wan } from '../../test/sim/state-chaos/wan.ts';

const NET = 84;
const LOOP = '127.0.0.1';

/** Unix milliseconds, with fractions. */
export const wall = (): number => performance.timeOrigin + performance.now();

interface Load {
  /** Writes a second. */
  rate: number;
  seconds: number;
}

/** Calls `each` at a constant rate, whatever it takes. */
export async function atRate(o: Load, each: (n: number) => void): Promise<void> {
  const from = performance.now();
  for (let n = 0; n < o.rate * o.seconds; n++) {
    const wait = from + (n * 1000) / o.rate - performance.now();
    if (wait > 0) await delay(wait);
    each(n);
  }
}

interface Hearing {
  /** Wall time of the first entry that counts. */
  from(): number;
  over(): boolean;
}

/** Hears of every entry of a stream whose ids are the times of writing; gives when, in milliseconds since then. */
export async function hears(redis: RawClient, stream: string, o: Hearing): Promise<number[]> {
  const ages: number[] = [];
  let last = '$';
  while (!o.over()) {
    const said = await redis.ask('XREAD', 'BLOCK', 500, 'STREAMS', stream, last);
    const now = wall();
    const found = Array.isArray(said) ? said[0] : undefined;
    const rows = Array.isArray(found) && Array.isArray(found[1]) ? found[1] : [];
    for (const row of rows) {
      last = textOf(Array.isArray(row) ? row[0] : row);
      if (msOf(last) >= o.from()) ages.push(now - msOf(last));
    }
  }
  return ages;
}

interface Way {
  from: Cloud;
  to: Cloud;
}

/** Bytes alone on that way; gives milliseconds from the call to write until they are there. */
export async function bare(wan: Wan, way: Way, o: Load): Promise<number[]> {
  const ages: number[] = [];
  const server = createServer((s) =>
    s.on('data', (bytes: Buffer) => {
      for (let i = 0; i + 8 <= bytes.length; i += 8) ages.push(wall() - bytes.readDoubleBE(i));
    }),
  ).listen(0, LOOP);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await wan.publish(way.to, port, { net: NET });
  const socket = connect({ host: hostOf(way.to, NET), port, localAddress: hostOf(way.from, NET) }).setNoDelay(true);
  await once(socket, 'connect');
  await delay(1000);
  await atRate(o, () => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(wall());
    socket.write(bytes);
  });
  await delay(1000);
  socket.destroy();
  server.close();
  return ages;
}

/** A redis-server in one cloud that takes writes, and a replica of it in every other: no TLS, one direction. */
export class Copied {
  readonly home: Cloud;
  readonly #all: readonly RedisProcess[];
  readonly #port: number;

  private constructor(home: Cloud, port: number, all: readonly RedisProcess[]) {
    this.home = home;
    this.#port = port;
    this.#all = all;
  }

  /** Resolves once the replicas follow. */
  static async start(wan: Wan, home: Cloud): Promise<Copied> {
    const port = await freePortAt(LOOP);
    await wan.publish(home, port, { net: NET });
    const all: RedisProcess[] = [];
    const copied = new Copied(home, port, all);
    for (const c of [home, ...CLOUDS.filter((o) => o !== home)]) {
      const redis = new RedisProcess({ host: LOOP, port: c === home ? port : await freePortAt(LOOP) });
      all.push(redis);
      const usual = [`port ${redis.port}`, `bind ${LOOP}`, `dir ${redis.dir}`, 'save ""', 'appendonly yes'];
      const copy = [`replicaof ${hostOf(home, NET)} ${port}`, `bind-source-addr ${hostOf(c, NET)}`];
      await redis.start([...usual, 'repl-diskless-sync-delay 0', ...(c === home ? [] : copy)].join('\n'));
    }
    const primary = await RawClient.open({ host: LOOP, port });
    const follow = async (): Promise<boolean> =>
      textOf(await primary.ask('INFO', 'replication')).match(/state=online/g)?.length === all.length - 1;
    await untilTrue('the copies follow', follow, 30_000).finally(() => primary.close());
    return copied;
  }

  async writes(o: Load): Promise<void> {
    const redis = await RawClient.open({ host: LOOP, port: this.#port });
    const answers: Promise<unknown>[] = [];
    await atRate(o, (n) => void answers.push(redis.ask('XADD', 'list', '*', 'p', `${this.home}-${n}`)));
    await Promise.all(answers);
    redis.close();
  }

  /** As `hears`, of each of the other clouds, in the order of CLOUDS. */
  async hear(o: Hearing): Promise<Map<Cloud, number[]>> {
    const others = CLOUDS.filter((c) => c !== this.home);
    const ages = others.map(async (c, i): Promise<[Cloud, number[]]> => {
      const redis = await RawClient.open({ host: LOOP, port: this.#all[i + 1]?.port ?? 0 });
      return [c, await hears(redis, 'list', o).finally(() => redis.close())];
    });
    return new Map(await Promise.all(ages));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((r) => r.close()));
  }
}
