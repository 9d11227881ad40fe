import type { Clock, ClusterName } from '../kernel/index.ts';
import type { Ballot, Hold } from './model.ts';
import type { LocalRedis, Pong } from './ports.ts';

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
  #seen: { hold: string; at: number; tried: boolean } | undefined;
  #paused = false;

  constructor(parts: HandoverParts) {
    this.#p = parts;
  }

  /**
   * The target, once it (and whoever else shall have a copy) has all that was ever acknowledged here; asked in every
   * round while home is this cluster.
   */
  async ready(hold: Hold | undefined, epoch: Ballot): Promise<ClusterName | undefined> {
    const now = this.#p.clock.monotonic();
    const all = hold === undefined ? [] : [hold.to, ...(hold.voters ?? [])];
    const name = hold === undefined ? '' : `${all.join()} ${hold.by} ${epoch}`;
    if (hold === undefined || name !== this.#seen?.hold) {
      this.#seen = hold === undefined ? undefined : { hold: name, at: now, tried: false };
      await this.resume();
      return undefined;
    }
    // A ballot that the store never heard of leaves the hold where it is.
    if (this.#seen.tried && now - this.#seen.at > AFRESH_MS) this.#seen = { hold: name, at: now, tried: false };
    if (this.#seen.tried || now - this.#seen.at < SETTLE_MS) return undefined;
    this.#seen.tried = true;
    this.#paused = true;
    await this.#p.redis.pause(PAUSE_MS);
    if (await this.#level(all, epoch)) return hold.to;
    await this.resume();
    await this.#p.release();
    return undefined;
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
