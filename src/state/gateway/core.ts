// What all clients of one gateway share.
import type { Duplex } from 'node:stream';
import { type Clock, within } from '../../kernel/index.ts';
import type { EpochValue } from '../model.ts';
import type { RedisSecrets } from '../redisconf.ts';
import { bytesOf } from '../resp/replies.ts';
import { decode, encode } from '../resp/values.ts';
import { type CommandTable, commandTable } from './commands.ts';
import type { Homes } from './homes.ts';
import { Tokens } from './tokens.ts';
import { Upstream } from './upstream.ts';

export interface GatewayDeps {
  homes: Homes;
  /** A stream to the Redis of that primary. Rejects when there is no way. */
  openHome(v: EpochValue): Promise<Duplex>;
  /** A stream to the Redis of this cluster. */
  openLocal(): Promise<Duplex>;
  secrets: Pick<RedisSecrets, 'write' | 'read'>;
  clock: Clock;
  /** How long a command that was not sent waits for a home, milliseconds. */
  holdMs: number;
  /** Most commands and bytes that wait; default 10,000 and 64 MiB. */
  holdCommands?: number;
  holdBytes?: number;
  /** How long a write waits for its second copy, milliseconds; default 5000. */
  ackMs?: number;
  /** How long a read waits for what its client wrote, milliseconds; default 500. */
  freshMs?: number;
}

/** Time to open one connection, and between two tries, milliseconds. */
const OPEN_MS = 5000;
const AGAIN_MS = 50;

export class Core {
  readonly deps: GatewayDeps;
  readonly tokens: Tokens = new Tokens();
  #table: CommandTable | undefined;
  #commands = 0;
  #bytes = 0;
  /** Counters for people. */
  readonly counts = { writes: 0, reads: 0, unknown: 0, noQuorum: 0, busy: 0, refused: 0, elsewhere: 0 };

  constructor(deps: GatewayDeps) {
    this.deps = deps;
  }

  now(): number {
    return this.deps.clock.monotonic();
  }

  get table(): CommandTable | undefined {
    return this.#table;
  }

  /** Puts a command into the waiting room; false when it is full. */
  enter(commands: number, bytes: number): boolean {
    const { holdCommands = 10_000, holdBytes = 64 << 20 } = this.deps;
    if (this.#commands + commands > holdCommands || this.#bytes + bytes > holdBytes) return false;
    this.#commands += commands;
    this.#bytes += bytes;
    return true;
  }
  leave(commands: number, bytes: number): void {
    this.#commands -= commands;
    this.#bytes -= bytes;
  }

  /** A connection to the primary of `v`, which is open to writers. Throws with the reason. */
  async home(v: EpochValue, db: string): Promise<Upstream> {
    const { secrets } = this.deps;
    const up = await this.#open(this.deps.openHome(v), { user: 'tw-w', password: secrets.write, db });
    if (up.epoch === v.epoch) return up;
    up.close();
    throw new Error(`${v.primary} is at epoch ${up.epoch}, not ${v.epoch}`);
  }

  /** A connection to the Redis of this cluster, if it has data of the epoch `least` or later. */
  async local(least: number, db: string): Promise<Upstream> {
    const up = await this.#open(this.deps.openLocal(), { user: 'tw-r', password: this.deps.secrets.read, db });
    if (up.epoch >= Math.max(1, least)) return up;
    up.close();
    throw new Error(`the copy here is of epoch ${up.epoch}`);
  }

  async #open(stream: Promise<Duplex>, o: { user: string; password: string; db: string }): Promise<Upstream> {
    const { clock, ackMs = 5000 } = this.deps;
    let late = false;
    const opening = stream.then((s) => Upstream.open(s, { ...o, ackMs }));
    opening.then((up) => late && up.close()).catch(() => undefined);
    return await within(clock, OPEN_MS, opening, () => {
      late = true;
      throw new Error(`no answer for ${OPEN_MS} ms`);
    });
  }

  /** Learns Redis' own table of commands, from whichever Redis answers first. Gives up when the signal fires. */
  async learn(signal: AbortSignal): Promise<void> {
    const { homes, clock } = this.deps;
    while (!signal.aborted && this.#table === undefined) {
      const { value } = homes;
      const tries = [() => this.local(0, '0'), ...(value === undefined ? [] : [() => this.home(value, '0')])];
      for (const open of tries) {
        const up = await open().catch(() => undefined);
        const [said] = (await up?.send(encode(['COMMAND']), 1).catch(() => [])) ?? [];
        up?.close();
        if (said === undefined) continue;
        this.#table = commandTable(decode(bytesOf(said)));
        return;
      }
      await homes.next(clock, AGAIN_MS);
    }
  }
}
