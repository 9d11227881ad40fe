// Redis processes with the library of functions, for tests and benchmarks: what apps do, what senders do, what lies there.
import { rewrite } from '../active/commands.ts';
import { activeLibrary } from '../active/library/index.ts';
import { markerLibrary } from '../marker.ts';
import { activeConf } from '../redisconf.ts';
import { RequestScanner } from '../resp/requests.ts';
import { encode, RespError, type Value } from '../resp/values.ts';
import { freePortAt, RawClient, RedisProcess } from './redis-process.ts';
import { SECRETS } from './secrets.ts';

export type Arg = string | number | Buffer;
export type Plain = string | number | null | Plain[];

/** Strings as latin1, errors as `-text`: easy to compare. */
export function plain(v: Value): Plain {
  if (Array.isArray(v)) return (v as readonly Value[]).map(plain);
  if (Buffer.isBuffer(v)) return v.toString('latin1');
  if (v instanceof RespError) return `-${v.text}`;
  return typeof v === 'bigint' ? String(v) : (v as number | null);
}

/** The command as the gateway sends it. Throws when the gateway would not. */
function asCall(args: readonly Arg[]): Buffer {
  const [request] = new RequestScanner().push(encode(args));
  const to = request === undefined ? { refused: 'no command' } : rewrite(request);
  if (!('raw' in to)) throw new Error(`${String(args[0])}: ${'wrong' in to ? to.wrong : to.refused}`);
  return to.raw;
}

export class ActiveRedis {
  origin: string;
  readonly process: RedisProcess;
  /** Of the agent, who may do everything. */
  readonly client: RawClient;
  readonly #app: RawClient;
  readonly #sender: RawClient;

  private constructor(origin: string, process: RedisProcess, clients: readonly [RawClient, RawClient, RawClient]) {
    this.origin = origin;
    this.process = process;
    [this.client, this.#app, this.#sender] = clients;
  }

  /** A process that is open as `origin`, with the users it has in a cluster. */
  static async start(origin: string): Promise<ActiveRedis> {
    const [host, port] = ['127.0.0.1', await freePortAt()];
    const process = new RedisProcess({ host, port });
    await process.start(activeConf({ port, bind: host, dir: process.dir, secrets: SECRETS, persist: false }));
    const open = (): Promise<RawClient> => RawClient.open({ host, port });
    const redis = new ActiveRedis(origin, process, [await open(), await open(), await open()]);
    await redis.client.ask('AUTH', 'tw-agent', SECRETS.agent);
    for (const library of [activeLibrary(), markerLibrary(1, 0)]) await redis.client.ask('FUNCTION', 'LOAD', library);
    for (const user of ['tw-w', 'tw-sync']) await redis.client.ask('ACL', 'SETUSER', user, 'on');
    await redis.#app.ask('AUTH', 'tw-w', SECRETS.write);
    await redis.#sender.ask('AUTH', 'tw-sync', SECRETS.sync);
    await redis.reopen(origin);
    return redis;
  }

  /** Everything is forgotten; open again. */
  async reopen(origin = this.origin): Promise<void> {
    await this.client.ask('FLUSHALL');
    await this.become(origin);
  }
  /** Another incarnation, with the data that is there. */
  async become(origin: string): Promise<void> {
    this.origin = origin;
    await this.client.ask('FCALL', 'tw_open', 0, origin, 'run');
  }
  /** Ends what is over. */
  async sweep(): Promise<Plain> {
    return await this.ask('FCALL', 'tw_sweep', 0, 100);
  }

  /** What the app gets for a write. */
  async write(...args: Arg[]): Promise<Plain> {
    return (await this.writes([args]))[0] ?? null;
  }
  async writes(commands: readonly (readonly Arg[])[]): Promise<Plain[]> {
    return (await this.#app.raw(commands.map((c) => asCall(c)))).map(plain);
  }
  async ask(...args: Arg[]): Promise<Plain> {
    return plain(await this.client.ask(...args));
  }

  /** Entries of an origin after `after`, as flat list of id and payload. */
  async tail(origin: string, after: string, count = 1_000_000): Promise<Buffer[]> {
    const got = await this.#sender.ask('FCALL_RO', 'tw_tail', 0, origin, after, count);
    if (!Array.isArray(got)) throw new Error(String(plain(got)));
    return got as Buffer[];
  }
  async vector(): Promise<Record<string, string>> {
    const flat = (await this.ask('FCALL_RO', 'tw_vector', 0)) as string[];
    return Object.fromEntries(flat.flatMap((o, i) => (i % 2 === 0 ? [[o, flat[i + 1] ?? '']] : [])));
  }
  async apply(origin: string, prev: string, entries: readonly Buffer[]): Promise<Plain> {
    return plain(await this.#sender.ask('FCALL', 'tw_apply', 0, origin, prev, ...entries));
  }

  /** All data of the app, by key. */
  async data(): Promise<Record<string, Plain>> {
    return await this.#database(0);
  }
  /** Every byte there is, of both databases. */
  async everything(): Promise<Plain[]> {
    return [await this.#database(0), await this.#database(1)].map((all) => Object.entries(all));
  }
  /** All metadata that must be equal everywhere: not who this is, its clock, and what it still has of logs. */
  async metadata(): Promise<Record<string, Plain>> {
    const all = await this.#database(1);
    return Object.fromEntries(Object.entries(all).filter(([k]) => !/^tw:(me|clock|acks|gone|log:.*)$/s.test(k)));
  }
  /** All entries there are, by origin. */
  async logs(): Promise<Record<string, Plain>> {
    const origins = Object.keys(await this.vector()).toSorted();
    return Object.fromEntries(await Promise.all(origins.map(async (o) => [o, plain(await this.tail(o, '0-0'))])));
  }
  async #database(db: number): Promise<Record<string, Plain>> {
    await this.client.ask('SELECT', db);
    const keys = ((await this.client.ask('KEYS', '*')) as Buffer[]).toSorted(Buffer.compare);
    const kinds = (await this.client.pipeline(keys.map((k) => ['TYPE', k]))).map(plain);
    const reads = keys.flatMap((k, i) => [READ[String(kinds[i])]?.(k) ?? ['TYPE', k], ['PEXPIRETIME', k]]);
    const got = (await this.client.pipeline(reads as Arg[][])).map(plain);
    await this.client.ask('SELECT', 0);
    return Object.fromEntries(
      keys.map((k, i) => {
        const value = got[2 * i] ?? null;
        const sorted = kinds[i] === 'set' ? (value as string[]).toSorted() : value;
        return [
          k.toString('latin1'),
          [kinds[i] ?? null, kinds[i] === 'hash' ? pairs(value) : sorted, got[2 * i + 1] ?? null],
        ];
      }),
    );
  }

  async close(): Promise<void> {
    for (const c of [this.client, this.#app, this.#sender]) c.close();
    await this.process.close();
  }
}

const READ: Readonly<Record<string, (key: Buffer) => Arg[]>> = {
  string: (k) => ['GET', k],
  hash: (k) => ['HGETALL', k],
  set: (k) => ['SMEMBERS', k],
  list: (k) => ['LRANGE', k, 0, -1],
  zset: (k) => ['ZRANGE', k, 0, -1, 'WITHSCORES'],
  stream: (k) => ['XRANGE', k, '-', '+'],
};
function pairs(flat: Plain): Plain {
  const list = flat as string[];
  const rows = list.flatMap((f, i) => (i % 2 === 0 ? [[f, list[i + 1] ?? '']] : []));
  return rows.toSorted((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
}
