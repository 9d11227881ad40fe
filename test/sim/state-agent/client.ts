import type { TwinRedis } from '../../../src/state/twin/redis.ts';
import type { Rig } from './rig.ts';

const ACK_MS = 2000;

/** Writes words on whatever Redis takes them and waits for its copies, as the gateway does. */
export class Client {
  readonly #rig: Rig;
  readonly name: string;
  readonly acked: string[] = [];
  /** When each word was sent. */
  readonly made = new Map<string, number>();
  #n = 0;

  constructor(rig: Rig, name: string) {
    this.#rig = rig;
    this.name = name;
  }

  async run(until: () => boolean): Promise<void> {
    const { clock, places, roll } = this.#rig;
    while (!until()) {
      const open = places.filter((p) => p.redis.run !== undefined && p.redis.writers);
      const to = open[Math.floor(roll() * open.length)];
      if (to !== undefined) await this.#write(to.redis).catch(() => undefined);
      await clock.sleep(20 + roll() * 60);
    }
  }

  /** Handshake, write, wait and role on one connection; anything else than enough copies is "unknown". */
  async #write(redis: TwinRedis): Promise<void> {
    const { clock } = this.#rig;
    const on = redis.login('writer');
    const w = redis.marker?.w ?? 99;
    const word = `${this.name}${this.#n++}`;
    this.made.set(word, clock.now());
    await redis.write(on, { push: word });
    const end = clock.now() + ACK_MS;
    while (clock.now() < end) {
      await clock.sleep(5);
      redis.assert(on);
      if (redis.acks(on) < w) continue;
      if (redis.role === 'primary') this.acked.push(word);
      return;
    }
  }
}
