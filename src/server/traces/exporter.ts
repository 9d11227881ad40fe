import { type Clock, casOnce, type Fact, type Journal, type Store } from '../../kernel/index.ts';
import { spansOf } from './machine/spans.ts';
import type { Span, SpanSink } from './model.ts';

export interface ExporterDeps {
  journal: Pick<Journal, 'read'>;
  store: Store;
  clock: Clock;
  log: (line: string) => void;
}

const KEY = 'telemetry/traces';
const LOOK_MS = 2000;
const BATCH = 200;
/** A receiver that is dead is told once in so long. Milliseconds. */
const WARN_MS = 3_600_000;
/** Longest wait for one that is. Milliseconds. */
const LAST_MS = 60_000;

interface Owed {
  /** Of the fact that ended it. */
  offset: number;
  span: Span;
}

/**
 * Sends spans up to an offset of the journal that is kept: a restart begins there, what a receiver did not take is sent
 * again, and nothing waits for it. Spans are made anew from the journal's first fact on, so that one that began before a
 * restart ends as it would have. Work from before the first export is not sent.
 */
export class Exporter {
  readonly #d: ExporterDeps;
  #fold = spansOf();
  /** Newest fact that was folded. */
  #read = 0;
  #sent: number | undefined;
  #owed: Owed[] = [];
  #warned: number | undefined;
  #failures = 0;

  constructor(d: ExporterDeps) {
    this.#d = d;
  }

  /** Until the signal fires; `sink`: where spans go now, undefined = nowhere. */
  async run(sink: () => Promise<SpanSink | undefined>, signal: AbortSignal): Promise<void> {
    const { clock } = this.#d;
    while (!signal.aborted) {
      const wait = await this.#round(sink, signal);
      await clock.sleep(wait, signal).catch(() => undefined);
    }
    // What ended just now, such as the command that stops the server.
    await this.#round(sink, AbortSignal.timeout(LOOK_MS));
  }

  /** Milliseconds until the next one. Never throws. */
  async #round(sink: () => Promise<SpanSink | undefined>, signal: AbortSignal): Promise<number> {
    try {
      return await this.#step(await sink(), signal);
    } catch (e) {
      this.#warn(`${e instanceof Error ? e.message : String(e)}; they are sent later`);
      return LAST_MS;
    }
  }

  async #step(sink: SpanSink | undefined, signal: AbortSignal): Promise<number> {
    if (sink === undefined) return LOOK_MS;
    this.#sent ??= await this.#begin();
    // While a receiver is dead its spans stay in the journal, not in memory.
    if (this.#owed.length === 0) this.#collect();
    while (this.#owed.length > 0) {
      if (!(await this.#send(sink, signal))) return Math.min(LAST_MS, LOOK_MS * 2 ** Math.min(this.#failures, 6));
    }
    await this.#keep(this.#read);
    return LOOK_MS;
  }

  /** Offset up to which everything was sent; at the first time the newest. */
  async #begin(): Promise<number> {
    const { value } = await this.#d.store.get(KEY);
    const kept = (value as { offset: number } | undefined)?.offset;
    if (kept !== undefined) return kept;
    const newest = this.#d.journal.read().at(-1)?.offset ?? 0;
    await this.#keep(newest);
    return newest;
  }

  #collect(): void {
    for (const f of this.#d.journal.read({ from: this.#read + 1 })) this.#take(f);
  }
  #take(f: Fact): void {
    this.#read = f.offset;
    const spans = this.#fold(f);
    if (f.offset > (this.#sent ?? 0)) this.#owed.push(...spans.map((span) => ({ offset: f.offset, span })));
  }

  async #send(sink: SpanSink, signal: AbortSignal): Promise<boolean> {
    const batch = this.#owed.slice(0, BATCH);
    const { is, why } = await sink.send(
      batch.map((o) => o.span),
      signal,
    );
    if (why !== undefined) this.#warn(`${why}; they are ${is === 'later' ? 'sent later' : 'given up'}`);
    this.#failures = is === 'later' ? this.#failures + 1 : 0;
    if (is === 'later') return false;
    this.#owed = this.#owed.slice(batch.length);
    // Of a fact whose spans are sent in part only, all are sent again after a crash.
    await this.#keep((this.#owed[0]?.offset ?? this.#read + 1) - 1);
    return true;
  }

  async #keep(offset: number): Promise<void> {
    if (offset === this.#sent) return;
    const { store } = this.#d;
    const { revision } = await store.get(KEY);
    await casOnce(store, KEY, { revision, value: { offset } });
    this.#sent = offset;
  }

  #warn(why: string): void {
    const now = this.#d.clock.monotonic();
    if (this.#warned !== undefined && now - this.#warned < WARN_MS) return;
    this.#warned = now;
    this.#d.log(`traces: not all are taken: ${why}`);
  }
}
