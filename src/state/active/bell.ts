import type { Clock } from '../../kernel/index.ts';

/** Something that many may wait for, for a while. */
export class Bell {
  readonly #clock: Clock;
  #rung: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How often it rang; give it to `wait`, and nothing is missed in between. */
  get count(): number {
    return this.#count;
  }

  ring(): void {
    this.#count += 1;
    this.#rung.resolve();
    this.#rung = Promise.withResolvers<void>();
  }

  /** Until it rings (again after `since`), for `ms`, or until the signal fires; never rejects. */
  async wait(ms: number, signal: AbortSignal, since: number = this.#count): Promise<void> {
    if (since !== this.#count || signal.aborted) return;
    const woken = new AbortController();
    const abort = (): void => woken.abort();
    signal.addEventListener('abort', abort, { once: true });
    const sleep = this.#clock.sleep(ms, woken.signal).catch(() => undefined);
    await Promise.race([this.#rung.promise, sleep]);
    signal.removeEventListener('abort', abort);
    woken.abort();
  }
}
