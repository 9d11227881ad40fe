/** Lines that one person may type at once, and how soon there is room for the next. Milliseconds. */
export interface Limit {
  burst: number;
  everyMs: number;
}
const PERSON: Limit = { burst: 10, everyMs: 1000 };
/** How often a person is told. */
const TELL_MS = 30_000;
/** Persons that are remembered; who is quiet is forgotten first. */
const MOST = 1000;

interface Bucket {
  left: number;
  at: number;
  toldAt: number;
}

/**
 * A bucket for each person, and one beside it for lines that make things safer: who typed too much can still say
 * `abort`, and nobody waits because of another. `tell` = refused, and it is time to say so.
 */
export class Flood {
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: Limit;

  constructor(limit: Limit = PERSON) {
    this.#limit = limit;
  }

  take(person: string, safe: boolean, now: number): 'yes' | 'no' | 'tell' {
    const { burst, everyMs } = this.#limit;
    const key = `${person} ${safe ? 'safe' : 'other'}`;
    const old = this.#buckets.get(key) ?? { left: burst, at: now, toldAt: Number.NEGATIVE_INFINITY };
    const left = Math.min(burst, old.left + (now - old.at) / everyMs);
    const yes = left >= 1;
    const tell = !yes && now - old.toldAt >= TELL_MS;
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: yes ? left - 1 : left, at: now, toldAt: tell ? now : old.toldAt });
    for (const [oldest] of this.#buckets) {
      if (this.#buckets.size <= MOST) break;
      this.#buckets.delete(oldest);
    }
    return yes ? 'yes' : tell ? 'tell' : 'no';
  }
}
