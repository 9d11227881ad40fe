// Everything of one cloud where all clouds write: a Redis and an agent, each a process that can be killed.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { textOf } from '../../../src/state/active/calls.ts';
import type { ActiveReport } from '../../../src/state/active/ports.ts';
import { activeConf } from '../../../src/state/redisconf.ts';
import { RespError, type Value } from '../../../src/state/resp/values.ts';
import { RawClient, RedisProcess } from '../../../src/state/testing/redis-process.ts';
import { SECRETS } from '../../../src/state/testing/secrets.ts';
import type { Cloud } from '../state-chaos/wan.ts';
import type { AgentArgs } from './agent-process.ts';
import type { Stages } from './stages.ts';

const LOOP = '127.0.0.1';
type Report = Omit<ActiveReport, 'events'>;

export class Place {
  readonly at: Cloud;
  readonly #args: AgentArgs;
  readonly #say: (line: string) => void;
  redis: RedisProcess;
  #agent: ChildProcess | undefined;
  #asked: ((r: Report | undefined) => void)[] = [];
  #told: ((s: Stages) => void) | undefined;

  constructor(at: Cloud, args: AgentArgs, say: (line: string) => void) {
    this.at = at;
    this.#args = args;
    this.#say = say;
    this.redis = new RedisProcess({ host: LOOP, port: args.redis.port });
  }

  async startRedis(): Promise<void> {
    const { port } = this.#args.redis;
    await this.redis.start(activeConf({ port, bind: LOOP, dir: this.redis.dir, secrets: SECRETS, backlog: 8 << 20 }));
  }
  /** Starts with nothing on the disk. */
  async startEmpty(): Promise<void> {
    await this.redis.close();
    this.redis = new RedisProcess({ host: LOOP, port: this.#args.redis.port });
    await this.startRedis();
  }
  /** What is on the disk now; `restore` puts it back under a Redis that does not run. */
  keepDisk(): { restore(): void; remove(): void } {
    const [from, copy] = [this.redis.dir, `${this.redis.dir}-copy`];
    cpSync(from, copy, { recursive: true });
    return {
      restore: () => {
        rmSync(join(from, 'appendonlydir'), { recursive: true, force: true });
        cpSync(join(copy, 'appendonlydir'), join(from, 'appendonlydir'), { recursive: true });
      },
      remove: () => rmSync(copy, { recursive: true, force: true }),
    };
  }

  startAgent(): void {
    const file = join(import.meta.dirname, 'agent-process.ts');
    const child = fork(file, [JSON.stringify(this.#args)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.on('message', (m: { note?: string; report?: Report; stages?: Stages }) => {
      if (m.note !== undefined) this.#say(m.note);
      if (m.stages !== undefined) this.#told?.(m.stages);
      if (m.report !== undefined) this.#asked.shift()?.(m.report);
    });
    child.on('exit', () => {
      for (const tell of this.#asked.splice(0)) tell(undefined);
    });
    this.#agent = child;
  }
  /** SIGKILL, or SIGTERM and then it takes its time; resolves at its end. */
  async endAgent(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#agent;
    this.#agent = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
  async report(): Promise<Report | undefined> {
    const child = this.#agent;
    if (child?.connected !== true) return undefined;
    return await new Promise((resolve) => {
      this.#asked.push(resolve);
      child.send('report', (error) => error !== null && resolve(undefined));
    });
  }

  get agentPid(): number | undefined {
    return this.#agent?.pid;
  }
  /** When own entries from `ms` on passed the agent, which was started to note it. */
  async stages(ms: number): Promise<Stages> {
    const { promise, resolve } = Promise.withResolvers<Stages>();
    this.#told = resolve;
    this.#agent?.send({ stages: ms });
    return await promise;
  }

  async login(user: 'tw-w' | 'tw-r' | 'tw-agent'): Promise<RawClient> {
    const secrets = { 'tw-w': SECRETS.write, 'tw-r': SECRETS.read, 'tw-agent': SECRETS.agent };
    const client = await RawClient.open({ host: LOOP, port: this.#args.redis.port });
    const said = await client.ask('AUTH', user, secrets[user]);
    if (!(said instanceof RespError)) return client;
    client.close();
    throw new Error(said.text);
  }

  /** All raw data as text, the vector, and in how many milliseconds the first key expires. */
  async data(): Promise<{ keys: Record<string, string>; vector: string; expiresMs: number }> {
    const redis = await this.login('tw-agent');
    try {
      const keys = ((await redis.ask('KEYS', '*')) as Buffer[]).map(String).sort();
      const times = await Promise.all(keys.map(async (k) => Number(await redis.ask('PTTL', k))));
      const all: Record<string, string> = {};
      for (const k of keys) all[k] = await valueOf(redis, k);
      const vector = ((await redis.ask('FCALL_RO', 'tw_vector', 0)) as Buffer[]).map(String);
      // -1: never; -2: it has just gone.
      const expiresMs = Math.min(Number.POSITIVE_INFINITY, ...times.filter((ms) => ms !== -1));
      return { keys: all, vector: vector.join(' '), expiresMs };
    } finally {
      redis.close();
    }
  }

  async close(): Promise<void> {
    await this.endAgent('SIGKILL');
    await this.redis.close();
  }
}

const allOf = (v: Value): string => (Array.isArray(v) ? v.map(allOf).join(',') : textOf(v));

async function valueOf(redis: RawClient, key: string): Promise<string> {
  const type = textOf(await redis.ask('TYPE', key));
  const sorted = async (...args: string[]): Promise<string> =>
    ((await redis.ask(...args)) as Buffer[]).map(String).sort().join(',');
  if (type === 'list') return `list ${allOf(await redis.ask('LRANGE', key, 0, -1))}`;
  if (type === 'set') return `set ${await sorted('SMEMBERS', key)}`;
  if (type === 'hash') {
    const flat = ((await redis.ask('HGETALL', key)) as Buffer[]).map(String);
    const pairs = flat.flatMap((f, i) => (i % 2 === 0 ? [`${f}=${flat[i + 1]}`] : []));
    return `hash ${pairs.sort().join(',')}`;
  }
  return type === 'string' ? `string ${textOf(await redis.ask('GET', key))}` : type;
}
