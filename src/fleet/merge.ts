import type { Clock } from '../kernel/index.ts';

interface Waiting<T> {
  value: T;
  time: string;
  arrived: number;
}
interface Source<T> {
  queue: Waiting<T>[];
  room: (() => void) | undefined;
}
const FULL = 1000;

/**
 * Merges streams that are each in order of time into one. A line waits until every open source has
 * shown a later one, or for the window (ms) at most; what comes later still is marked late. Without a
 * window it waits until every source has shown a line or ended: the order is exact. A full queue
 * pauses its writer, so a slow reader bounds the memory.
 */
export class TimeMerge<T> {
  readonly #sources = new Map<string, Source<T>>();
  readonly #clock: Clock;
  readonly #window: number | undefined;
  #wake: () => void = () => undefined;
  readonly #ended = new Set<string>();
  #closed = false;
  #last = '';

  constructor(clock: Clock, windowMs: number | undefined) {
    this.#clock = clock;
    this.#window = windowMs;
  }

  /** Lines of this source may come; others wait for it (the window at most). */
  open(id: string): void {
    this.#ended.delete(id);
    if (!this.#sources.has(id)) this.#sources.set(id, { queue: [], room: undefined });
  }

  /** Resolves when there is room for the next. `time` sorts as text. */
  async push(id: string, time: string, value: T): Promise<void> {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    source.queue.push({ value, time, arrived: this.#clock.monotonic() });
    this.#wake();
    if (source.queue.length < FULL) return;
    await new Promise<void>((resolve) => {
      source.room = resolve;
    });
  }

  /** The source sends nothing more for now; what it sent is still told. */
  done(id: string): void {
    this.#ended.add(id);
    if (this.#sources.get(id)?.queue.length === 0) this.#sources.delete(id);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    for (const s of this.#sources.values()) s.room?.();
    this.#wake();
  }

  async *lines(): AsyncGenerator<{ value: T; late: boolean }> {
    for (;;) {
      const head = this.#earliest();
      if (head === undefined) {
        if (this.#closed) return;
        await this.#sleep();
        continue;
      }
      if (!this.#closed && this.#isOpenEnded()) {
        const left =
          this.#window === undefined ? undefined : this.#window - this.#clock.monotonic() + head.line.arrived;
        if (left === undefined || left > 0) {
          await this.#sleep(left);
          continue;
        }
      }
      yield this.#take(head.id);
    }
  }

  #earliest(): { id: string; line: Waiting<T> } | undefined {
    let best: { id: string; line: Waiting<T> } | undefined;
    for (const [id, s] of this.#sources) {
      const line = s.queue[0];
      if (line !== undefined && (best === undefined || line.time < best.line.time)) best = { id, line };
    }
    return best;
  }

  /** Some source may still bring an earlier line. */
  #isOpenEnded(): boolean {
    return [...this.#sources].some(([id, s]) => s.queue.length === 0 && !this.#ended.has(id));
  }

  #take(id: string): { value: T; late: boolean } {
    const source = this.#sources.get(id);
    const line = source?.queue.shift();
    if (source === undefined || line === undefined) throw new TypeError('nothing to take');
    source.room?.();
    source.room = undefined;
    if (source.queue.length === 0 && this.#ended.has(id)) this.#sources.delete(id);
    const late = line.time < this.#last;
    if (!late) this.#last = line.time;
    return { value: line.value, late };
  }

  async #sleep(ms?: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const stop = new AbortController();
    const timer = ms === undefined ? undefined : this.#clock.sleep(ms, stop.signal).catch(() => undefined);
    await (timer === undefined ? woken : Promise.race([woken, timer]));
    stop.abort();
  }
}
