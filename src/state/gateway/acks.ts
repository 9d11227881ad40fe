// Where every cluster takes writes and `ack: quorum` is asked for: a write is answered once a peer has its entry.
import { type Clock, within } from '../../kernel/index.ts';
import { type Id, isAfter, later, START } from '../active/ids.ts';
import { bytesOf } from '../resp/replies.ts';
import { decode, encode, type Value } from '../resp/values.ts';
import type { Upstream } from './upstream.ts';

/** Stream whose last id is the greatest own entry that a peer has confirmed. */
const STREAM = 'tw:acks';
/** How long one look may block, how often a lost connection is tried again. Milliseconds. */
const [LOOK_MS, AGAIN_MS] = [1000, 100];

export interface AcksDeps {
  /** A connection of its own to the Redis of this cluster, in the database of the metadata. */
  open(): Promise<Upstream>;
  clock: Clock;
  /** How long a write waits, milliseconds. */
  ackMs: number;
}

/** The id of the last entry of what `XREAD` said; undefined = nothing new. */
function lastOf(said: Value): Id | undefined {
  const entries = Array.isArray(said) && Array.isArray(said[0]) ? (said[0] as readonly Value[])[1] : undefined;
  const last = Array.isArray(entries) ? (entries as readonly (readonly Value[])[]).at(-1)?.[0] : undefined;
  return Buffer.isBuffer(last) ? last.toString() : undefined;
}

export class Acks {
  readonly #deps: AcksDeps;
  #waiting = new Set<{ id: Id; tell(acked: boolean): void }>();
  #up: Upstream | undefined;
  /** Greatest own entry that is known to lie in a second cluster. */
  #last: Id = START;

  constructor(deps: AcksDeps) {
    this.#deps = deps;
  }

  /** True once a peer has that entry, false when that is not known in time, or the connection that would tell ends. */
  async confirmed(id: Id): Promise<boolean> {
    if (this.#up?.closed === false && !isAfter(id, this.#last)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const entry = { id, tell: resolve };
    this.#waiting.add(entry);
    try {
      return await within(this.#deps.clock, this.#deps.ackMs, promise, () => false);
    } finally {
      this.#waiting.delete(entry);
    }
  }

  /** Listens until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, open } = this.#deps;
    const stop = (): void => this.#up?.close();
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      await open()
        .then((up) => this.#listen(up, signal))
        .catch(() => undefined);
      // Another process may answer next, and its entries are others.
      this.#last = START;
      for (const w of this.#waiting) w.tell(false);
      await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
    }
    signal.removeEventListener('abort', stop);
  }

  async #listen(up: Upstream, signal: AbortSignal): Promise<void> {
    this.#up = up;
    const { clock } = this.#deps;
    try {
      while (!signal.aborted) {
        const look = encode(['XREAD', 'BLOCK', LOOK_MS, 'STREAMS', STREAM, this.#last]);
        const silent = (): never => {
          throw new Error('no answer');
        };
        const [said] = await within(clock, 3 * LOOK_MS, up.send([look], 1), silent);
        const last = said === undefined ? undefined : lastOf(decode(bytesOf(said)));
        if (last !== undefined) this.#reached(last);
        else if (said?.type === 45) await clock.sleep(AGAIN_MS, signal);
      }
    } finally {
      up.close();
    }
  }

  #reached(id: Id): void {
    this.#last = later(this.#last, id);
    for (const w of this.#waiting) if (!isAfter(w.id, this.#last)) w.tell(true);
  }
}
