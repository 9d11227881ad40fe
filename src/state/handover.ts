import type { Clock, ClusterName } from '../kernel/index.ts';
import type { Ballot, Circumstances, Hold } from './model.ts';
import type { LocalRedis, Pong } from './ports.ts';

export type Level = Pick<Circumstances, 'level' | 'voters'>;
interface HandoverParts {
  clock: Clock;
  redis: Pick<LocalRedis, 'look' | 'pause'>;
  /** Asks the Redis of another cluster where it is. */
  ask(to: ClusterName): Promise<Omit<Pong, 'via'> | undefined>;
  /** Takes the hold out of the store. */
  release(): Promise<void>;
}

/** How long gateways have to hear of the hold and to finish what is under way. */
const SETTLE_MS = 500;
/** How long the target has to reach the last write. */
const LEVEL_MS = 2000;
/** The pause ends by itself, whatever becomes of this process. */
const PAUSE_MS = 4000;
const AGAIN_MS = 20;
/** By then a try has ended, and its pause with it. */
const AFRESH_MS = SETTLE_MS + LEVEL_MS + PAUSE_MS;

/** Rule 6, at home: waits for what is under way, pauses writes and sees that the target has everything. */
export class Handover {
  readonly #p: HandoverParts;
  #seen = { hold: '', at: 0, tried: false };
  #paused = false;

  constructor(parts: HandoverParts) {
    this.#p = parts;
  }

  /**
   * The target, once it (and whoever else shall have a copy) has all that was ever acknowledged here; asked in every
   * round while home is this cluster.
   */
  async ready(hold: Hold | undefined, epoch: Ballot): Promise<Level | undefined> {
    const { to = '', by = '', voters } = hold ?? {};
    const all = [to, ...(voters ?? [])];
    if (!(await this.#isDue(hold === undefined ? '' : `${all.join()} ${by} ${epoch}`))) return undefined;
    this.#paused = true;
    await this.#p.redis.pause(PAUSE_MS);
    if (await this.#level(all, epoch)) return { level: to, ...(voters === undefined ? {} : { voters }) };
    await this.resume();
    await this.#p.release();
    return undefined;
  }

  /** The hold has stood so long that all have heard of it, and is tried now. */
  async #isDue(hold: string): Promise<boolean> {
    const now = this.#p.clock.monotonic();
    const age = now - this.#seen.at;
    // A ballot that the store never heard of leaves the hold where it is.
    if (hold !== this.#seen.hold || (this.#seen.tried && age > AFRESH_MS)) {
      this.#seen = { hold, at: now, tried: false };
      await this.resume();
      return false;
    }
    if (hold === '' || this.#seen.tried || age < SETTLE_MS) return false;
    this.#seen.tried = true;
    return true;
  }

  async #level(all: readonly ClusterName[], epoch: Ballot): Promise<boolean> {
    const { clock, redis, ask } = this.#p;
    const { offset } = await redis.look();
    const end = clock.monotonic() + LEVEL_MS;
    for (;;) {
      const there = await Promise.all(all.map((c) => ask(c)));
      if (there.every((p) => p?.epoch === epoch && p.role !== 'fenced' && p.offset >= offset)) return true;
      if (clock.monotonic() >= end) return false;
      await clock.sleep(AGAIN_MS);
    }
  }

  /** Ends the pause, after a fence as well: a Redis that follows somebody else pauses nobody. */
  async resume(): Promise<void> {
    if (!this.#paused) return;
    this.#paused = false;
    await this.#p.redis.pause(0).catch(() => undefined);
  }
}
