import { type Id, isAfter, type Origin } from './ids.ts';
import type { Applied, LogEntry, Logs, Peer } from './ports.ts';

/** Most entries and bytes of one batch, and most batches on their way. */
const ENTRIES = 1000;
const BYTES = 1 << 20;
const WINDOW = 64;

export interface LineParts {
  origin: Origin;
  /** What the peer has. */
  from: Id;
  logs: Logs;
  peer: Peer;
  /** The peer has everything up to there. */
  confirmed(id: Id): void;
  /** `fill` has something to say though nothing new was written. */
  trouble(): void;
}
/** `done`: everything was sent. `trimmed`: the log here begins too late for this peer. */
export type Filled = { is: 'done' | 'trimmed' | 'gap' } | { is: 'skew'; ms: number };

interface Flight {
  first: Id;
  entries: number;
}

/** Entries in pieces that are no larger than a batch may be; one that is larger alone goes alone. */
export function batches(entries: readonly LogEntry[]): LogEntry[][] {
  const found: LogEntry[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const e of entries) {
    const last = found.at(-1);
    bytes += e.payload.length;
    if (last !== undefined && bytes <= BYTES && last.length < ENTRIES) last.push(e);
    else {
      found.push([e]);
      bytes = e.payload.length;
    }
  }
  return found;
}

/** The log of one origin on its way to one peer: many batches at once, none before the one it follows. */
export class Line {
  readonly #p: LineParts;
  #sent: Id;
  #page = ENTRIES;
  /** Answers come in the order of the batches. */
  readonly #flights: Flight[] = [];
  readonly #open = new Set<Promise<void>>();
  #trouble: Exclude<Applied, { is: 'applied' }> | undefined;
  #failed: { why: unknown } | undefined;

  constructor(parts: LineParts) {
    this.#p = parts;
    this.#sent = parts.from;
  }

  /** First entry that was sent and not confirmed. */
  get oldest(): Id | undefined {
    return this.#flights[0]?.first;
  }
  /** Entries on their way. */
  get pending(): number {
    return this.#flights.reduce((n, f) => n + f.entries, 0);
  }

  /** Sends all there is and does not wait for the answers; throws when the peer is lost. After `gap`, `skew` and `trimmed` the line is of no more use. */
  async fill(): Promise<Filled> {
    const { logs, origin } = this.#p;
    for (;;) {
      if (this.#ended()) return await this.drained();
      const tail = await logs.tail(origin, this.#sent, this.#page);
      if (tail.is === 'trimmed') return { is: 'trimmed' };
      if (tail.entries.length === 0) return { is: 'done' };
      // Whoever adds one after that rings again.
      const all = tail.entries.length < this.#page;
      this.#measure(tail.entries);
      for (const batch of batches(tail.entries)) {
        while (this.#open.size >= WINDOW) await Promise.race(this.#open);
        if (this.#ended()) break;
        this.#send(batch);
      }
      if (all && !this.#ended()) return { is: 'done' };
    }
  }

  /** Waits for all answers. */
  async drained(): Promise<Filled> {
    await Promise.all(this.#open);
    if (this.#failed !== undefined) throw this.#failed.why;
    return this.#trouble ?? { is: 'done' };
  }

  #ended(): boolean {
    return this.#trouble !== undefined || this.#failed !== undefined;
  }

  /** Large entries are read a few at a time. */
  #measure(entries: readonly LogEntry[]): void {
    const bytes = entries.reduce((n, e) => n + e.payload.length, 0);
    this.#page = Math.min(ENTRIES, Math.max(1, Math.floor(BYTES / (bytes / entries.length + 1))));
  }

  #send(batch: readonly LogEntry[]): void {
    const [first, last] = [batch[0]?.id, batch.at(-1)?.id];
    if (first === undefined || last === undefined) return;
    const prev = this.#sent;
    this.#sent = last;
    this.#flights.push({ first, entries: batch.length });
    const flight = this.#answered(this.#p.peer.apply(this.#p.origin, prev, batch));
    this.#open.add(flight);
    void flight.then(() => this.#open.delete(flight));
  }
  async #answered(answer: Promise<Applied>): Promise<void> {
    try {
      const end = await answer;
      if (end.is === 'applied') this.#p.confirmed(end.id);
      else this.#trouble ??= end;
    } catch (why) {
      this.#failed ??= { why };
    }
    this.#flights.shift();
    if (this.#ended()) this.#p.trouble();
  }
}

/** The place behind everything of that origin that is there, and how many entries lie between, counted up to `most`. */
export async function behind(logs: Logs, x: { origin: Origin; after: Id; most: number }) {
  let [at, count]: [Id, number] = [x.after, 0];
  let first: Id | undefined;
  while (count < x.most) {
    const tail = await logs.tail(x.origin, at, ENTRIES);
    const last = tail.is === 'entries' ? tail.entries.at(-1) : undefined;
    if (tail.is === 'trimmed' || last === undefined || !isAfter(last.id, at)) break;
    first ??= tail.entries[0]?.id;
    count += tail.entries.length;
    at = last.id;
  }
  return { ...(first === undefined ? {} : { first }), count };
}
