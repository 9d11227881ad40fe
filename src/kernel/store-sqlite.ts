import type { DatabaseSync } from 'node:sqlite';
import { fault, type TwError } from './errors/fault.ts';
import type { Json } from './json.ts';
import { openOrLook } from './sqlite.ts';
import type { Store } from './store.ts';

// The counter lies beside the keys: a key that was deleted and made again never has an old revision.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS store (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS store_counter (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL);
  INSERT OR IGNORE INTO store_counter VALUES (1, 0);`;
const TICK = 'UPDATE store_counter SET last = last + 1 RETURNING last';
const PUT = `INSERT INTO store VALUES (?1, ?2, ?3)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision`;

const broken = (path: string, cause: unknown): TwError =>
  fault('TW1020', {
    value: path,
    cause,
    fix: [{ say: 'Check free disk space and the rights of the folder; another process may hold the file.' }],
  });

/** Whether the key has `revision`; then `next` is written, inside the caller's transaction. */
function swap(db: DatabaseSync, key: string, revision: number, next: string): boolean {
  const at = db.prepare('SELECT revision FROM store WHERE key = ?').get(key);
  if (Number(at?.['revision'] ?? 0) !== revision) return false;
  const { last = 0 } = db.prepare(TICK).get() ?? {};
  db.prepare(PUT).run(key, next, last);
  return true;
}

function undo(db: DatabaseSync): void {
  if (db.isTransaction) db.exec('ROLLBACK');
}

/**
 * The store of one machine: tables in the journal's file, which several processes may share. Throws TW1020; where
 * an existing one can only be read, `cas` does.
 */
export function openStore(path: string): Store {
  const asked = <T>(work: () => T): T => {
    try {
      return work();
    } catch (e) {
      throw broken(path, e);
    }
  };
  const { db, unwritable } = asked(() => openOrLook(path, SCHEMA, 'store'));
  const select = db.prepare('SELECT value, revision FROM store WHERE key = ?');
  const keys = db.prepare('SELECT key FROM store WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key');
  const prepare = (key: string, revision: number, next: string): boolean => {
    if (unwritable !== undefined) throw unwritable;
    db.exec('BEGIN IMMEDIATE');
    try {
      return swap(db, key, revision, next);
    } catch (e) {
      undo(db);
      throw e;
    }
  };
  return {
    get: async (key) => {
      const row = asked(() => select.get(key));
      if (row === undefined) return { value: undefined, revision: 0 };
      return { value: JSON.parse(String(row['value'])) as Json, revision: Number(row['revision']) };
    },
    cas: async (key, revision, next) => {
      const won = asked(() => prepare(key, revision, JSON.stringify(next)));
      try {
        db.exec('COMMIT');
        return won ? 'ok' : 'stale';
      } catch {
        // The disk may hold it or not.
        undo(db);
        return won ? 'unknown' : 'stale';
      }
    },
    list: async (prefix) => asked(() => keys.all(prefix)).map((row) => String(row['key'])),
    close: async () => db.close(),
  };
}
