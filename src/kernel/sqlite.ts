import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** How long a process waits for another one, in milliseconds. */
const BUSY_MS = 5000;
const SQLITE_BUSY = 5;

const isBusy = (e: unknown): boolean => e instanceof Error && 'errcode' in e && e.errcode === SQLITE_BUSY;

/** SQLite does not wait where two processes turn one new file to the log at the same moment: "locked" at once. */
function patiently(work: () => void): void {
  const until = performance.now() + BUSY_MS;
  for (;;) {
    try {
      work();
      return;
    } catch (e) {
      if (!isBusy(e) || performance.now() > until) throw e;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/**
 * The project's database, shared by several processes (write-ahead log, every commit synced), with the tables of
 * `schema` (statements that may run again). Throws what SQLite says.
 */
export function openSqlite(path: string, schema: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    patiently(() => db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;'));
    patiently(() => db.exec(schema));
    return db;
  } catch (e) {
    db.close();
    throw e;
  }
}
