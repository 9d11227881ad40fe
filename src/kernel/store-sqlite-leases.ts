import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from './clock.ts';
import type { Lease, Txn } from './store.ts';

interface LeaseInput {
  file: { db: DatabaseSync; writable: boolean; begin<T>(work: () => T): T; commit(): string | undefined };
  clock: Clock;
  /** Inside a transaction. */
  write(t: Txn): number | undefined;
}

interface Open {
  ttlMs: number;
  /** Unix milliseconds; as the file says. */
  until: number;
  timer: NodeJS.Timeout;
  lost: AbortController;
}

/** Leases of the store of one machine: all its processes read one clock, so the end of a lease is a time. */
export class Leases {
  readonly #in: LeaseInput;
  readonly #open = new Map<number, Open>();

  constructor(input: LeaseInput) {
    this.#in = input;
  }

  /** Removes leases that ran out, with their keys. */
  sweep(): void {
    const { file, clock } = this.#in;
    if (!file.writable) return;
    const ended = 'SELECT id FROM store_lease WHERE until <= ?';
    if (file.db.prepare(ended).get(clock.now()) === undefined) return;
    file.begin(() => {
      for (const row of file.db.prepare(ended).all(clock.now())) this.#end(Number(row['id']));
    });
    file.commit();
  }

  /** Inside a transaction. Throws where a put names a lease that has ended. */
  check(t: Txn): void {
    for (const p of t.put) {
      if (p.lease === undefined) continue;
      const alive = this.#in.file.db.prepare('SELECT 1 FROM store_lease WHERE id = ?').get(Number(p.lease));
      if (alive === undefined) throw new Error('the lease has ended');
    }
  }

  open(ttlMs: number): Lease {
    const { file, clock } = this.#in;
    const until = clock.now() + ttlMs;
    const id = file.begin(() => {
      const made = file.db.prepare('INSERT INTO store_lease (until) VALUES (?) RETURNING id').get(until);
      return Number(made?.['id']);
    });
    const why = file.commit();
    if (why !== undefined) throw new Error(why);
    const lost = new AbortController();
    const timer = setInterval(() => this.#keep(id), ttlMs / 3).unref();
    this.#open.set(id, { ttlMs, until, timer, lost });
    return {
      id: String(id),
      lost: lost.signal,
      close: async () => {
        this.#forget(id);
        try {
          file.begin(() => this.#end(id));
          file.commit();
        } catch {
          // it ends by its time
        }
      },
    };
  }

  /** Nothing is kept alive any more. */
  close(): void {
    for (const id of this.#open.keys()) this.#forget(id);
  }

  #forget(id: number): void {
    clearInterval(this.#open.get(id)?.timer);
    this.#open.delete(id);
  }

  #end(id: number): void {
    const { db } = this.#in.file;
    const keys = db.prepare('SELECT key FROM store_leased WHERE lease = ?').all(id);
    db.prepare('DELETE FROM store_lease WHERE id = ?').run(id);
    this.#in.write({ if: [], put: [], remove: keys.map((row) => String(row['key'])) });
  }

  /** Puts the end off; what runs out, or may have run out, is lost. */
  #keep(id: number): void {
    const at = this.#open.get(id);
    if (at === undefined) return;
    const { file, clock } = this.#in;
    const now = clock.now();
    const until = now + at.ttlMs;
    const sql = 'UPDATE store_lease SET until = ?1 WHERE id = ?2 AND until > ?3';
    try {
      const { changes } = file.begin(() => file.db.prepare(sql).run(until, id, now));
      if (file.commit() === undefined && Number(changes) === 1) at.until = until;
      else at.until = 0;
    } catch {
      // The file is busy or full: the lease lives as long as it was last given.
    }
    if (at.until > clock.now()) return;
    this.#forget(id);
    at.lost.abort();
  }
}
