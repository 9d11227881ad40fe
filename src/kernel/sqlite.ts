import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** How long a writer waits for another process, in milliseconds. */
const BUSY_MS = 5000;

/**
 * The project's database, shared by several processes (write-ahead log, every commit synced), with the tables of
 * `schema` (statements that may run again). Throws what SQLite says.
 */
export function openSqlite(path: string, schema: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;');
    db.exec(schema);
    return db;
  } catch (e) {
    db.close();
    throw e;
  }
}
