// Three voters on loopback without agents: a test says who is primary.
import { localRedis } from '../adapters/local-redis.ts';
import type { EpochValue } from '../model.ts';
import { redisConf } from '../redisconf.ts';
import { freePortAt, RawClient, RedisProcess, untilTrue } from './redis-process.ts';
import { SECRETS } from './secrets.ts';

const HOST = '127.0.0.1';

export class Voter {
  readonly name: string;
  readonly process: RedisProcess;
  readonly local: ReturnType<typeof localRedis>;

  private constructor(name: string, port: number) {
    this.name = name;
    this.process = new RedisProcess({ host: HOST, port });
    this.local = localRedis({ host: HOST, port, password: SECRETS.agent });
  }

  static async start(name: string): Promise<Voter> {
    const voter = new Voter(name, await freePortAt(HOST));
    await voter.boot();
    return voter;
  }

  get port(): number {
    return this.process.port;
  }

  boot(): Promise<void> {
    const { dir } = this.process;
    return this.process.start(redisConf({ port: this.port, bind: HOST, dir, secrets: SECRETS, backlog: 1 << 20 }));
  }

  /** Ends every connection of a gateway, as a network does. */
  async kick(): Promise<void> {
    const redis = await RawClient.open({ host: HOST, port: this.port });
    await redis.ask('AUTH', 'tw-agent', SECRETS.agent);
    await redis.ask('CLIENT', 'KILL', 'USER', 'tw-w');
    redis.close();
  }

  async close(): Promise<void> {
    this.local.close();
    await this.process.close();
  }
}

const NAMES = ['a', 'b', 'c'] as const;

export class Trio {
  readonly voters: readonly [Voter, Voter, Voter];
  epoch = 0;

  private constructor(voters: readonly [Voter, Voter, Voter]) {
    this.voters = voters;
  }

  static async start(): Promise<Trio> {
    const [a, b, c] = await Promise.all(NAMES.map((n) => Voter.start(n)));
    if (a === undefined || b === undefined || c === undefined) throw new Error('no three voters');
    return new Trio([a, b, c]);
  }

  of(name: string): Voter {
    const voter = this.voters.find((v) => v.name === name);
    if (voter === undefined) throw new Error(`no voter ${name}`);
    return voter;
  }

  /** Fences `all`, promotes `name` for a new epoch, the others of `all` follow. */
  async primary(name: string, w: number, all: readonly string[] = NAMES): Promise<EpochValue> {
    for (const n of all) await this.of(n).local.fence();
    this.epoch += 1;
    const at = await this.of(name).local.look();
    const from = { epoch: at.marker?.epoch ?? 0, offset: at.offset, run: at.run };
    const v: EpochValue = { epoch: this.epoch, primary: name, from, copies: [...NAMES], w };
    const done = await this.of(name).local.promote(v, at.run);
    if (done.is !== 'done') throw new Error(`not promoted: ${done.why}`);
    for (const n of all.filter((x) => x !== name)) {
      const { local } = this.of(n);
      await local.follow(v, (await local.look()).run, this.of(name).port);
    }
    await untilTrue('all follow', async () => {
      const looks = await Promise.all(all.map((n) => this.of(n).local.look()));
      return looks.every((l) => (l.role === 'primary' || l.link) && l.marker?.epoch === v.epoch);
    });
    return v;
  }

  /** Waits until all have the same log. */
  async level(): Promise<void> {
    await untilTrue('all logs are equal', async () => {
      const offsets = await Promise.all(this.voters.map(async (v) => (await v.local.look()).offset));
      return offsets.every((o) => o === offsets[0]);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.voters.map((v) => v.close()));
  }
}
