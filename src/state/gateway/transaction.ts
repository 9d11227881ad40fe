// MULTI, EXEC and WATCH of one client: they live on one connection to home, so what was begun on a connection that is
// gone is given up as a whole, and a refused command makes EXEC refuse as it does in Redis.
import { encode } from '../resp/values.ts';
import { EXECABORT, NULL_ARRAY, noQuorum, OK } from './says.ts';

export interface Command {
  name: string;
  raw: Buffer;
  write: boolean;
  /** It may go with commands of other clients over one connection. */
  shared: boolean;
  /** The answer that is known without a Redis; `queues` = inside MULTI it is sent all the same. */
  fixed?: Buffer;
  queues?: boolean;
  /** Of SELECT. */
  db?: string;
}

/** What is sent (`raw`), and what the client gets: the reply to it, or `fixed`. */
export interface Item {
  name: string;
  raw?: Buffer;
  fixed?: Buffer;
  /** The reply stands for a change of data. */
  write: boolean;
  db?: string;
}

const DISCARD = encode(['DISCARD']);
const MOVED = noQuorum('home moved inside MULTI');

/** `C` = what a connection is; only compared. */
export class Transaction<C> {
  #open = false;
  #broken = false;
  #writes = false;
  #on: C | undefined;
  #watch: C | undefined;

  /** A transaction is begun and not ended. */
  get open(): boolean {
    return this.#open;
  }
  /** Nothing of this client hangs on a connection. */
  get idle(): boolean {
    return !this.#open && this.#watch === undefined;
  }

  /** What to send on `up` (undefined = nowhere: everything else gets `error`), and what to answer. */
  plan(commands: readonly Command[], up: C | undefined, error: Buffer = MOVED): Item[] {
    return commands.map((c) => {
      const base = { name: c.name, write: false, ...(c.db === undefined ? {} : { db: c.db }) };
      const item = this.#open ? this.#inside(c, up) : this.#outside(c, up);
      if (item.raw !== undefined && up === undefined) return { ...base, fixed: error };
      return { ...base, ...item };
    });
  }

  #outside(c: Command, up: C | undefined): Partial<Item> {
    if (c.fixed !== undefined) return { fixed: c.fixed };
    if (c.name === 'MULTI' && up !== undefined) {
      this.#open = true;
      this.#on = up;
      this.#broken = false;
      this.#writes = false;
    } else if (c.name === 'WATCH') this.#watch ??= up;
    else if (c.name === 'UNWATCH') this.#watch = undefined;
    return { raw: c.raw, write: c.write };
  }

  #inside(c: Command, up: C | undefined): Partial<Item> {
    if (c.name === 'EXEC' || c.name === 'DISCARD') return this.#end(c, up);
    const gone = this.#on !== up;
    if (gone || (c.fixed !== undefined && c.queues !== true)) {
      this.#broken = true;
      return { fixed: gone ? MOVED : (c.fixed ?? MOVED) };
    }
    this.#writes ||= c.write;
    return { raw: c.raw };
  }

  #end(c: Command, up: C | undefined): Partial<Item> {
    const [gone, broken, watch] = [this.#on !== up, this.#broken, this.#watch];
    this.#open = false;
    this.#watch = undefined;
    if (c.name === 'DISCARD') return gone ? { fixed: OK } : { raw: DISCARD };
    if (gone) return { fixed: EXECABORT };
    if (broken) return { raw: DISCARD, fixed: EXECABORT };
    if (watch !== undefined && watch !== up) return { raw: DISCARD, fixed: NULL_ARRAY };
    return { raw: c.raw, write: this.#writes };
  }

  reset(): void {
    this.#open = false;
    this.#watch = undefined;
  }
}
