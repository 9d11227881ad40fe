import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

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
function openSqlite(path: string, schema: string): DatabaseSync {
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

/** The same file where nothing can be written: what was written back of the log is there. */
function lookInto(path: string): DatabaseSync {
  const url = pathToFileURL(path);
  url.search = 'immutable=1';
  return new DatabaseSync(url, { readOnly: true });
}

/**
 * As openSqlite; a file that has the table `probe` and can only be read (read-only or full disk) is opened for
 * looking, with the cause. Throws what SQLite says.
 */
export function openOrLook(path: string, schema: string, probe: string): { db: DatabaseSync; unwritable?: unknown } {
  try {
    return { db: openSqlite(path, schema) };
  } catch (cause) {
    try {
      const db = lookInto(path);
      db.prepare(`SELECT count(*) FROM ${probe}`).get();
      return { db, unwritable: cause };
    } catch {
      throw cause;
    }
  }
}
