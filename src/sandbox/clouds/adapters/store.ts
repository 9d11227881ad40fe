import { mkdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Change, Chaos, Op, Resource, World } from '../model.ts';

/** The world on disk. One transaction per decision: written first, answered then. */
export interface WorldStore {
  load(setting: World['setting']): World;
  save(changes: readonly Change[]): void;
  /** Free-standing values (tokens, chaos), by key. */
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  close(): void;
}

/** The world could not be written: no room on its disk. Nothing of the change was kept. */
export class DiskFull extends Error {}

/** SQLITE_FULL; and what SQLite calls an I/O error on a disk where a page more does not fit. */
function isFull(error: unknown, free: number): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0;
  return (code & 0xff) === 13 || ((code & 0xff) === 10 && free < 65_536);
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}

/** Finished operations older than this many are forgotten. */
const KEEP_OPS = 500;

/** `:memory:` keeps nothing. Throws what node:sqlite throws (not a database); `save` throws DiskFull. */
export function openWorld(path: string): WorldStore {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(path, { timeout: 5000 });
  db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
    CREATE TABLE IF NOT EXISTS resource (key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS op (id TEXT PRIMARY KEY, started INTEGER NOT NULL, json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS value (key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;`);
  db.exec(
    `DELETE FROM op WHERE id NOT IN (SELECT id FROM op ORDER BY started DESC LIMIT ${KEEP_OPS}) AND json_extract(json, '$.phase') <> 'running'`,
  );
  const putResource = db.prepare(
    'INSERT INTO resource VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET json = excluded.json',
  );
  const dropResource = db.prepare('DELETE FROM resource WHERE key = ?');
  const putOp = db.prepare('INSERT INTO op VALUES (?, ?, ?) ON CONFLICT(id) DO UPDATE SET json = excluded.json');
  const dropOp = db.prepare('DELETE FROM op WHERE id = ?');
  const putCounter = db.prepare('INSERT INTO counter VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET n = excluded.n');
  const getValue = db.prepare('SELECT json FROM value WHERE key = ?');
  const putValue = db.prepare('INSERT INTO value VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET json = excluded.json');
  const write = (c: Change): void => {
    if (c.kind === 'resource') putResource.run(c.value.key, JSON.stringify(c.value));
    else if (c.kind === 'gone') dropResource.run(c.key);
    else if (c.kind === 'op') putOp.run(c.value.id, c.value.startedAt, JSON.stringify(c.value));
    else if (c.kind === 'opGone') dropOp.run(c.id);
    else putCounter.run(c.name, c.n);
  };
  const rows = <T>(table: string): T[] => db.prepare(`SELECT * FROM ${table}`).all() as unknown as T[];
  return {
    load: (setting) => ({
      setting,
      resources: new Map(
        rows<{ key: string; json: string }>('resource').map((r) => [r.key, JSON.parse(r.json) as Resource]),
      ),
      ops: new Map(rows<{ id: string; json: string }>('op').map((r) => [r.id, JSON.parse(r.json) as Op])),
      counters: new Map(rows<{ name: string; n: number }>('counter').map((r) => [r.name, r.n])),
    }),
    save: (changes) => {
      if (changes.length === 0) return;
      try {
        db.exec('BEGIN IMMEDIATE');
        for (const c of changes) write(c);
        db.exec('COMMIT');
      } catch (e) {
        // On a full disk SQLite has rolled back already.
        if (db.isTransaction) db.exec('ROLLBACK');
        const free = path === ':memory:' ? Number.POSITIVE_INFINITY : freeBytes(path);
        throw isFull(e, free) ? new DiskFull(`the disk of the sandbox is full: ${path}, ${free} bytes free`) : e;
      }
    },
    get: (key) => (getValue.get(key) as { json: string } | undefined)?.json,
    set: (key, value) => void putValue.run(key, value),
    close: () => db.close(),
  };
}

export function loadChaos(store: WorldStore): Chaos[] {
  return JSON.parse(store.get('chaos') ?? '[]') as Chaos[];
}
