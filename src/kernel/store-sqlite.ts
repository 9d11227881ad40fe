import type { DatabaseSync } from 'node:sqlite';
import { type Clock, systemClock } from './clock.ts';
import { unwritable } from './disk.ts';
import { fault, TwError } from './errors/fault.ts';
import type { Json } from './json.ts';
import { openOrLook } from './sqlite.ts';
import { type CasResult, checkTxn, type Lease, type Store, type StoreView, type Txn, type TxnResult } from './store.ts';
import { changes } from './store-changes.ts';
import { Leases } from './store-sqlite-leases.ts';

// The counter lies beside the keys: a key that was deleted and made again never has an old revision.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS store (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS store_counter (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS store_lease (id INTEGER PRIMARY KEY AUTOINCREMENT, until INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS store_leased (key TEXT PRIMARY KEY, lease INTEGER NOT NULL);
  INSERT OR IGNORE INTO store_counter VALUES (1, 0);`;
const TICK = 'UPDATE store_counter SET last = last + 1 RETURNING last';
const LAST = 'SELECT last FROM store_counter';
const PUT = `INSERT INTO store VALUES (?1, ?2, ?3)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision`;
// A walk over the keys below the prefix, not over all that are kept.
const BELOW = 'key >= ?1 AND key < ?1 || char(1114111)';
const RANGE = `SELECT key, value, revision FROM store WHERE ${BELOW} ORDER BY key`;
/** Moves with every change below the prefix: a put raises the revision, a removal alone lowers the count. */
const STAMP = `SELECT count(*) AS n, max(revision) AS last FROM store WHERE ${BELOW}`;
const POLL_MS = 100;

const broken = (path: string, cause: unknown): TwError =>
  unwritable(path, cause) ??
  fault('TW1020', {
    value: path,
    cause,
    fix: [{ say: 'Check free disk space and the rights of the folder; another process may hold the file.' }],
  });

const revisionOf = (db: DatabaseSync, key: string): number =>
  Number(db.prepare('SELECT revision FROM store WHERE key = ?').get(key)?.['revision'] ?? 0);

/** Writes it inside the caller's transaction if its guards hold; the store's revision, or nothing. */
function write(db: DatabaseSync, t: Txn): number | undefined {
  if (t.if.some((g) => revisionOf(db, g.key) !== g.revision)) return undefined;
  const gone = (t.remove ?? []).filter((key) => revisionOf(db, key) !== 0);
  const sql = t.put.length + gone.length === 0 ? LAST : TICK;
  const revision = Number(db.prepare(sql).get()?.['last'] ?? 0);
  const free = db.prepare('DELETE FROM store_leased WHERE key = ?');
  for (const p of t.put) {
    db.prepare(PUT).run(p.key, JSON.stringify(p.value), revision);
    free.run(p.key);
    if (p.lease !== undefined) db.prepare('INSERT INTO store_leased VALUES (?, ?)').run(p.key, Number(p.lease));
  }
  for (const key of gone) {
    db.prepare('DELETE FROM store WHERE key = ?').run(key);
    free.run(key);
  }
  return revision;
}

function undo(db: DatabaseSync): void {
  if (db.isTransaction) db.exec('ROLLBACK');
}

/** One connection to the file, and what it may do with it. */
class File {
  readonly path: string;
  readonly db: DatabaseSync;
  readonly #unwritable: unknown;

  constructor(path: string) {
    this.path = path;
    const opened = this.asked(() => openOrLook(path, SCHEMA, 'store'));
    this.db = opened.db;
    this.#unwritable = opened.unwritable;
  }

  get writable(): boolean {
    return this.#unwritable === undefined;
  }

  asked<T>(work: () => T): T {
    try {
      return work();
    } catch (e) {
      throw e instanceof TwError ? e : broken(this.path, e);
    }
  }

  /** Runs `work` in a write transaction that is still open afterwards; whatever throws takes it back. */
  begin<T>(work: () => T): T {
    return this.asked(() => {
      if (this.#unwritable !== undefined) throw this.#unwritable;
      this.db.exec('BEGIN IMMEDIATE');
      try {
        return work();
      } catch (e) {
        undo(this.db);
        throw e;
      }
    });
  }

  /** Whether the disk certainly holds the transaction; it may even if not. */
  commit(): string | undefined {
    try {
      this.db.exec('COMMIT');
      return undefined;
    } catch (e) {
      undo(this.db);
      return e instanceof Error ? e.message : String(e);
    }
  }
}

class SqliteStore implements Store {
  readonly #file: File;
  readonly #leases: Leases;
  readonly #closed = new AbortController();

  constructor(file: File, clock: Clock) {
    this.#file = file;
    this.#leases = new Leases({ file, clock, write: (t) => write(file.db, t) });
  }

  async get(key: string): Promise<{ value: Json | undefined; revision: number }> {
    const row = this.#look((db) => db.prepare('SELECT value, revision FROM store WHERE key = ?').get(key));
    if (row === undefined) return { value: undefined, revision: 0 };
    return { value: JSON.parse(String(row['value'])) as Json, revision: Number(row['revision']) };
  }

  async cas(key: string, revision: number, value: Json): Promise<CasResult> {
    return (await this.txn({ if: [{ key, revision }], put: [{ key, value }] })).is;
  }

  async list(prefix: string): Promise<string[]> {
    return (await this.range(prefix)).entries.map((e) => e.key);
  }

  async range(prefix: string): Promise<StoreView> {
    return this.#look((db) => ({
      revision: Number(db.prepare(LAST).get()?.['last'] ?? 0),
      entries: db
        .prepare(RANGE)
        .all(prefix)
        .map((row) => ({
          key: String(row['key']),
          value: JSON.parse(String(row['value'])) as Json,
          revision: Number(row['revision']),
        })),
    }));
  }

  #stamp(prefix: string): string {
    const row = this.#look((db) => db.prepare(STAMP).get(prefix));
    return `${String(row?.['n'])} ${String(row?.['last'])}`;
  }

  async txn(t: Txn): Promise<TxnResult> {
    checkTxn(t);
    this.#file.asked(() => this.#leases.sweep());
    const revision = this.#file.begin(() => {
      this.#leases.check(t);
      return write(this.#file.db, t);
    });
    const why = this.#file.commit();
    if (revision === undefined) return { is: 'stale' };
    return why === undefined ? { is: 'ok', revision } : { is: 'unknown', why };
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<StoreView> {
    let seen: { stamp: string; view: StoreView } | undefined;
    return changes({
      // Values are read when something moved: many may watch, and most looks find nothing new.
      view: async () => {
        const stamp = this.#stamp(prefix);
        if (seen?.stamp !== stamp) seen = { stamp, view: await this.range(prefix) };
        return seen.view;
      },
      subscribe: (wake) => {
        const timer = setInterval(wake, POLL_MS);
        return () => clearInterval(timer);
      },
      signal: AbortSignal.any([signal, this.#closed.signal]),
    });
  }

  async lease(ttlMs: number): Promise<Lease> {
    return this.#file.asked(() => this.#leases.open(ttlMs));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#leases.close();
    if (this.#file.db.isOpen) this.#file.db.close();
  }

  /** Every read sees the store as it is after the leases that ended, at one moment. */
  #look<T>(work: (db: DatabaseSync) => T): T {
    const { db } = this.#file;
    return this.#file.asked(() => {
      this.#leases.sweep();
      db.exec('BEGIN');
      try {
        return work(db);
      } finally {
        db.exec('COMMIT');
      }
    });
  }
}

/**
 * The store of one machine: tables in the journal's file, which several processes may share. Throws TW1020; where
 * an existing one can only be read, writing does. Watches look every 100 ms.
 */
export const openStore = (path: string, clock: Clock = systemClock): Store => new SqliteStore(new File(path), clock);
