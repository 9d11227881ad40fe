import type { Clock } from '../../kernel/index.ts';
import type { EpochValue } from '../model.ts';

/** Who is home, as far as this gateway knows, and when that changes. Told by a watch of the store. */
export class Homes {
  #value: EpochValue | undefined;
  #held = false;
  #news: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  /** Hears of every newer epoch, at once. */
  onEpoch: (v: EpochValue) => void = () => undefined;

  /** The newest epoch that was decided. */
  get value(): EpochValue | undefined {
    return this.#value;
  }
  /** A planned move asks for new writes to wait. */
  get held(): boolean {
    return this.#held;
  }

  /** An older epoch than the known one is no news. */
  set(value: EpochValue | undefined, held = false): void {
    const known = this.#value?.epoch ?? 0;
    if (value !== undefined && value.epoch >= known) this.#value = value;
    this.#held = held;
    if (value !== undefined && value.epoch > known) this.onEpoch(value);
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** Resolves at the next news, or after `ms`. */
  async next(clock: Clock, ms: number): Promise<void> {
    const stop = new AbortController();
    await Promise.race([this.#news.promise, clock.sleep(ms, stop.signal).catch(() => undefined)]);
    stop.abort();
  }
}
