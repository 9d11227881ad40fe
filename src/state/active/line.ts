import { type Id, isAfter, type Origin } from './ids.ts';
import type { Applied, LogEntry, Logs, Peer } from './ports.ts';

/** Most entries and bytes of one batch. */
const ENTRIES = 1000;
const BYTES = 1 << 20;
/** Most batches, and bytes, on their way: at 310 ms and one entry each, 3,300 entries a second need not wait for another. */
const WINDOW = 1024;
const WINDOW_BYTES = 64 * BYTES;

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
  bytes: number;
  done: Promise<void>;
}

const bytesIn = (entries: readonly LogEntry[]): number => entries.reduce((n, e) => n + e.payload.length, 0);

/** How many entries are read at once after these: large ones a few at a time. */
export const pageAfter = (entries: readonly LogEntry[]): number =>
  Math.min(ENTRIES, Math.max(1, Math.floor(BYTES / (bytesIn(entries) / Math.max(1, entries.length) + 1))));

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
  #bytes = 0;
  #filling = false;
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

  /** Sends entries that somebody else has read, all there are after `after` up to the last one; false = `fill` has to. */
  feed(after: Id, entries: readonly LogEntry[]): boolean {
    if (this.#filling || isAfter(after, this.#sent)) return false;
    for (const batch of batches(entries.filter((e) => isAfter(e.id, this.#sent)))) {
      if (this.#ended() || this.#full) return false;
      this.#send(batch);
    }
    return true;
  }

  /** Sends all there is and does not wait for the answers; throws when the peer is lost. After `gap`, `skew` and `trimmed` the line is of no more use. */
  async fill(): Promise<Filled> {
    this.#filling = true;
    try {
      return await this.#fill();
    } finally {
      this.#filling = false;
    }
  }
  async #fill(): Promise<Filled> {
    const { logs, origin } = this.#p;
    for (;;) {
      if (this.#ended()) return await this.drained();
      const tail = await logs.tail(origin, this.#sent, this.#page);
      if (tail.is === 'trimmed') return { is: 'trimmed' };
      if (tail.entries.length === 0) return { is: 'done' };
      // Whoever adds one after that rings again.
      const all = tail.entries.length < this.#page;
      this.#page = pageAfter(tail.entries);
      await this.#sendAll(tail.entries);
      if (all && !this.#ended()) return { is: 'done' };
    }
  }

  /** Waits for all answers. */
  async drained(): Promise<Filled> {
    await Promise.all(this.#flights.map((f) => f.done));
    if (this.#failed !== undefined) throw this.#failed.why;
    return this.#trouble ?? { is: 'done' };
  }

  #ended(): boolean {
    return this.#trouble !== undefined || this.#failed !== undefined;
  }

  get #full(): boolean {
    return this.#flights.length >= WINDOW || this.#bytes >= WINDOW_BYTES;
  }

  async #sendAll(entries: readonly LogEntry[]): Promise<void> {
    for (const batch of batches(entries)) {
      while (this.#full) await this.#flights[0]?.done;
      if (this.#ended()) return;
      this.#send(batch);
    }
  }
  #send(batch: readonly LogEntry[]): void {
    const [first, last] = [batch[0]?.id, batch.at(-1)?.id];
    if (first === undefined || last === undefined) return;
    const prev = this.#sent;
    this.#sent = last;
    const [answer, bytes] = [this.#p.peer.apply(this.#p.origin, prev, batch), bytesIn(batch)];
    this.#bytes += bytes;
    this.#flights.push({ first, entries: batch.length, bytes, done: this.#answered(answer) });
  }
  async #answered(answer: Promise<Applied>): Promise<void> {
    try {
      const end = await answer;
      if (end.is === 'applied') this.#p.confirmed(end.id);
      else this.#trouble ??= end;
    } catch (why) {
      this.#failed ??= { why };
    }
    this.#bytes -= this.#flights.shift()?.bytes ?? 0;
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
