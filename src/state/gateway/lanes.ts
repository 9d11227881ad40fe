// Connections to one Redis that all clients share. What comes in within one turn of the loop goes out as one batch: one
// write, one WAIT, one ROLE. A WAIT blocks its connection, so writes have several; reads follow each other on one.
import { encode } from '../resp/values.ts';
import { type Arrival, type Exchanged, post, type Tail } from './exchange.ts';
import { reached, type Token } from './tokens.ts';
import type { Upstream } from './upstream.ts';

/** The commands of one client, on their way. */
export interface Parcel {
  raws: readonly Buffer[];
  /** Address of the client. */
  source: string;
  done(a: Arrival): void;
}

export interface LanesOptions {
  /** `home`: writes and reads at the primary; `copy`: reads here, and each batch says where the log ends. */
  kind: 'home' | 'copy';
  /** `write`: only once enough copies follow, else the WAIT behind a refused write would block it for nothing. */
  open(to: 'read' | 'write'): Promise<Upstream>;
  /** Hears what clients have seen; their replies wait for the end of the promise. */
  seen(sources: readonly string[], at: Token, written: boolean): Promise<void> | undefined;
  /** Where a peer confirms writes: true once it has that own entry. */
  confirmed(own: string): Promise<boolean>;
  ackMs: number;
}

/** Most commands of one batch, connections for writes, how slow a batch lets another one be opened, and how many at once. */
const [BATCH, WRITERS, SLOW_MS, OPENING] = [1000, 16, 4, 4];
/** Shortest silence that means that nobody is there, milliseconds, and in round trips. */
const [SILENT_MS, SILENT_TRIPS] = [2000, 5];
const PING = encode(['PING']);

export class Lanes {
  readonly #o: LanesOptions;
  readonly #reader: Upstream;
  readonly #writers = new Set<Upstream>();
  readonly #idle: Upstream[] = [];
  #writes: Parcel[] = [];
  #reads: Parcel[] = [];
  #scheduled = false;
  #opening = 0;
  #staffing: Promise<void> | undefined;
  /** Last batch of writes, milliseconds. */
  #took = Number.POSITIVE_INFINITY;
  /** Of a copy: where its log was seen to end. What it has once, it keeps. */
  at: Token;

  private constructor(o: LanesOptions, reader: Upstream) {
    this.#o = o;
    this.#reader = reader;
    this.at = { epoch: reader.epoch, offset: -1 };
    reader.onClose = () => this.close();
  }

  /** Resolves once reads can be sent; the first connection for writes is being opened then. Rejects when there is no way. */
  static async open(o: LanesOptions): Promise<Lanes> {
    const writer = o.kind === 'home' ? o.open('write') : undefined;
    writer?.catch(() => undefined);
    try {
      const lanes = new Lanes(o, await o.open('read'));
      if (writer !== undefined) lanes.#staffed(writer).catch(() => undefined);
      return lanes;
    } catch (error) {
      writer?.then((up) => up.close()).catch(() => undefined);
      throw error;
    }
  }

  get closed(): boolean {
    return this.#reader.closed;
  }
  get writable(): boolean {
    return this.#writers.size > 0;
  }
  /** Opens the first connection for writes. Rejects with the reason when there is none. */
  async staff(): Promise<void> {
    if (this.writable) return;
    await (this.#staffing ?? this.#staffed(this.#o.open('write')));
  }
  #staffed(opening: Promise<Upstream>): Promise<void> {
    const staffing = this.#joined(opening).finally(() => (this.#staffing = undefined));
    this.#staffing = staffing;
    return staffing;
  }
  get epoch(): number {
    return this.#reader.epoch;
  }
  /** Commands of clients that wait for a connection. */
  get waiting(): number {
    return this.#writes.length;
  }

  /** Sends at the end of this turn; `done` comes later, or at once when nothing can be sent any more. */
  ship(p: Parcel, write: boolean): void {
    if (this.closed || (write && !this.writable)) {
      p.done({ is: 'unsent' });
      return;
    }
    (write ? this.#writes : this.#reads).push(p);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  exchange(raws: readonly Buffer[], source: string, write: boolean): Promise<Arrival> {
    return new Promise((done) => this.ship({ raws, source, done }, write));
  }

  /** Asks where the log ends, and keeps it in `at`. */
  async look(): Promise<void> {
    await this.exchange([], '', false);
  }
  has(t: Token): boolean {
    return reached(t, this.at.epoch, this.at.offset);
  }

  /** Ends what has been silent for longer than any answer takes, and asks for a sign of life; called now and then. */
  watch(): void {
    const limit = Math.max(SILENT_MS, SILENT_TRIPS * this.#reader.trip);
    for (const up of this.#writers) if (up.silence > this.#o.ackMs + limit) up.close();
    if (this.#reader.silence > limit) this.close();
    else if (this.#reader.silence === 0 && !this.closed) this.#reader.post([PING], 1, () => undefined);
  }

  /** What is on its way is lost, what waits was not sent. */
  close(): void {
    this.#reader.close();
    for (const up of this.#writers) up.close();
    for (const p of [...this.#writes.splice(0), ...this.#reads.splice(0)]) p.done({ is: 'unsent' });
  }

  async #joined(opening: Promise<Upstream>): Promise<void> {
    const up = await opening;
    if (this.closed) {
      up.close();
      throw new Error('the connection ended');
    }
    this.#writers.add(up);
    this.#idle.push(up);
    up.onClose = () => {
      this.#writers.delete(up);
      if (!this.writable) for (const p of this.#writes.splice(0)) p.done({ is: 'unsent' });
    };
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#reads.length > 0) this.#send(this.#reader, this.#reads, this.#o.kind === 'copy' ? 'copy' : 'read');
    while (this.#writes.length > 0) {
      const up = this.#idle.pop();
      if (up === undefined) break;
      if (!up.closed) this.#send(up, this.#writes, 'write');
    }
    if (this.#writes.length > 0 && this.#took > SLOW_MS) this.#grow();
  }

  #send(up: Upstream, queue: Parcel[], tail: Tail): void {
    let n = 0;
    const raws: Buffer[] = [];
    for (const p of queue) {
      if (n > 0 && raws.length >= BATCH) break;
      n += 1;
      raws.push(...p.raws);
    }
    const batch = queue.splice(0, n);
    const from = performance.now();
    post(up, raws, tail, (a) => {
      if (tail === 'write') {
        this.#took = performance.now() - from;
        this.#idle.push(up);
      }
      // What waits goes out first: Redis works on it while the replies are given out.
      if (this.#writes.length > 0 || this.#reads.length > 0) this.#flush();
      this.#arrived(batch, a, tail);
    });
  }

  #arrived(batch: readonly Parcel[], a: Arrival, tail: Tail): void {
    if (a.is !== 'replies') {
      for (const p of batch) p.done(a);
      return;
    }
    if (tail === 'copy' && a.at !== undefined && a.at.offset >= 0) this.at = a.at;
    if (a.own !== undefined) {
      void this.#o.confirmed(a.own).then((acked) => handOut(batch, { ...a, acked }));
      return;
    }
    const told = tail === 'copy' || a.at === undefined ? undefined : this.#tell(batch, a.at, tail === 'write');
    if (told === undefined) handOut(batch, a);
    else void told.finally(() => handOut(batch, a));
  }
  #tell(batch: readonly Parcel[], at: Token, written: boolean): Promise<void> | undefined {
    const sources = new Set(batch.map((p) => p.source));
    return this.#o.seen([...sources], at, written);
  }

  /** Where the second copy is far, a WAIT takes a round trip to it: more connections, smaller batches. */
  #grow(): void {
    if (this.#opening >= OPENING || this.#writers.size + this.#opening >= WRITERS) return;
    this.#opening += 1;
    const over = (): void => {
      this.#opening -= 1;
      if (!this.closed && this.#writes.length > 0) this.#flush();
    };
    this.#joined(this.#o.open('write')).then(over, over);
  }
}

/** Each client gets its part of the replies. */
function handOut(batch: readonly Parcel[], a: Exchanged): void {
  let n = 0;
  for (const p of batch) {
    p.done({ ...a, replies: a.replies.slice(n, n + p.raws.length) });
    n += p.raws.length;
  }
}
