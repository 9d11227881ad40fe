import type { Clock } from '../kernel/index.ts';

/** What comes again and again is written down once in a while, with how much was left out; of too many kinds nothing is kept. */
export class Quiet {
  readonly #o: { clock: Clock; everyMs: number; most: number };
  readonly #seen = new Map<string, { at: number; more: number }>();

  /** `most`: so many kinds are told apart in `everyMs`. */
  constructor(o: { clock: Clock; everyMs: number; most: number }) {
    this.#o = o;
  }

  /** How many of its kind were left out since the last one that was written; undefined: this one is left out too. */
  take(kind: string): number | undefined {
    const now = this.#o.clock.now();
    const old = this.#seen.get(kind);
    if (old === undefined) {
      if (!this.#hasRoom(now)) return undefined;
    } else if (now - old.at < this.#o.everyMs) {
      old.more += 1;
      return undefined;
    }
    this.#seen.set(kind, { at: now, more: 0 });
    return old?.more ?? 0;
  }

  #hasRoom(now: number): boolean {
    const { everyMs, most } = this.#o;
    if (this.#seen.size >= most) for (const [k, { at }] of this.#seen) if (now - at >= everyMs) this.#seen.delete(k);
    return this.#seen.size < most;
  }
}
