import type { Clock } from '../../../src/kernel/index.ts';

interface Timer {
  at: number;
  order: number;
  done(): void;
}

/** A seeded stream of numbers in [0, 1). */
export function dice(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Time of a simulation: it moves from timer to timer, once nothing else is left to run. Equal times fire in seeded order. */
export class SimClock implements Clock {
  readonly #roll: () => number;
  #at = 0;
  #timers: Timer[] = [];
  constructor(roll: () => number) {
    this.#roll = roll;
  }
  now(): number {
    return this.#at;
  }
  monotonic(): number {
    return this.#at;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((done, failed) => {
      const timer: Timer = { at: this.#at + ms, order: this.#roll(), done };
      this.#timers.push(timer);
      signal?.addEventListener('abort', () => {
        this.#timers = this.#timers.filter((t) => t !== timer);
        failed(new Error('aborted'));
      });
    });
  }

  /** Runs until `stop`; `each` after every timer. Throws when time is over or nothing can happen any more. */
  async run(stop: () => boolean, most: number, each: () => void): Promise<void> {
    for (;;) {
      await new Promise((done) => setImmediate(done));
      each();
      if (stop()) return;
      const next = this.#timers.reduce<Timer | undefined>(
        (a, b) => (a === undefined || b.at < a.at || (b.at === a.at && b.order < a.order) ? b : a),
        undefined,
      );
      if (next === undefined || next.at > most) throw new Error(`nothing ended by ${most} ms`);
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#at = Math.max(this.#at, next.at);
      next.done();
    }
  }
}
