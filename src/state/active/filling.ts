import type { Clock, ClusterName } from '../../kernel/index.ts';
import type { Done, Unconfirmed } from '../model.ts';
import type { Wire } from '../ports.ts';
import { EPOCH } from './peer.ts';
import type { ActiveLook, ActiveRedis } from './ports.ts';

export interface FillingParts {
  clock: Clock;
  redis: ActiveRedis;
  wire: Pick<Wire, 'tunnel'>;
  /** The process that is filled. */
  run: string;
  from: ClusterName;
  stopped(): boolean;
}

const LOOK_MS = 50;
/** A copy that has not begun, or has stopped moving, for so long is given up. */
const STILL_MS = 30_000;

/** One full copy of an open cluster's Redis: it is followed until all data is here and on the disk. */
export class Filling {
  readonly #p: FillingParts;
  constructor(parts: FillingParts) {
    this.#p = parts;
  }

  /** `done`, or why it is not; Redis follows nobody afterwards, if it answers. */
  async run(): Promise<string> {
    const { from, redis, run, wire } = this.#p;
    const tunnel = await wire.tunnel([from], EPOCH, true);
    try {
      const following = await redis.follow(run, tunnel.port);
      if (following.is !== 'done') return following.why;
      const end = await this.#until('a full copy', (l) => l.role === 'replica' && l.link);
      const alone = await redis.detach(run);
      return end ?? why(alone) ?? (await this.#until('the copy on disk', (l) => l.durable)) ?? 'done';
    } finally {
      await tunnel.close();
    }
  }

  /** Undefined once `ready`; else why it never was. */
  async #until(what: string, ready: (look: ActiveLook) => boolean): Promise<string | undefined> {
    const { clock, redis, run, stopped } = this.#p;
    let end = clock.monotonic() + STILL_MS;
    while (clock.monotonic() < end) {
      if (stopped()) return 'stopped';
      const look = await redis.look();
      if (look.run !== run) return 'another process answers';
      if (!look.loading && ready(look)) return undefined;
      // It moves: a large copy takes its time.
      if (look.loading) end = clock.monotonic() + STILL_MS;
      await clock.sleep(LOOK_MS);
    }
    return `${what} did not come in ${STILL_MS / 1000} s`;
  }
}

const why = (d: Done | Unconfirmed): string | undefined => (d.is === 'done' ? undefined : d.why);
