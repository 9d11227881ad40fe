import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from './clock.ts';
import { unwritable } from './disk.ts';
import { fault } from './errors/fault.ts';
import type { Json } from './json.ts';
import { openOrLook } from './sqlite.ts';

/** What is appended: `kind` is `<room>.<what>`; `run` groups the facts of one command. */
export interface Entry {
  kind: string;
  run?: string;
  cluster?: string;
  data: Json;
}
/** An appended entry. `offset` starts at 1 and only grows; `at` is Unix milliseconds. */
export interface Fact extends Entry {
  offset: number;
  at: number;
}
export interface JournalQuery {
  /** First offset wanted. */
  from?: number;
  kind?: string;
  run?: string;
}
/** Append-only record of decisions and events. Appends are durable when `append` returns. */
export interface Journal {
  append(entry: Entry): Fact;
  read(query?: JournalQuery): Fact[];
  /** Facts from `from` on, then new ones as they come, until the signal fires. */
  watch(from: number, signal: AbortSignal): AsyncIterable<Fact>;
  close(): void;
}

/** A fact of another process is seen by people soon after: half of what they wait for is this. Milliseconds. */
const POLL_MS = 40;

async function* poll(read: (from: number) => Fact[], from: number, signal: AbortSignal): AsyncIterable<Fact> {
  let next = from;
  while (!signal.aborted) {
    for (const fact of read(next)) {
      next = fact.offset + 1;
      yield fact;
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function matches(fact: Fact, q: JournalQuery): boolean {
  return (
    fact.offset >= (q.from ?? 0) &&
    (q.kind === undefined || fact.kind === q.kind) &&
    (q.run === undefined || fact.run === q.run)
  );
}

/** The twin: same contract, nothing on disk. */
export function memoryJournal(clock: Clock = systemClock): Journal {
  const facts: Fact[] = [];
  const read = (q: JournalQuery = {}): Fact[] => facts.filter((f) => matches(f, q));
  return {
    append: (entry) => {
      const fact: Fact = { ...structuredClone(entry), offset: facts.length + 1, at: clock.now() };
      facts.push(fact);
      return fact;
    },
    read,
    watch: (from, signal) => poll((f) => read({ from: f }), from, signal),
    close: () => undefined,
  };
}

interface Row {
  offset: number;
  at: number;
  kind: string;
  run: string | null;
  cluster: string | null;
  data: string;
}

function factOf(row: Row): Fact {
  return {
    offset: row.offset,
    at: row.at,
    kind: row.kind,
    ...(row.run === null ? {} : { run: row.run }),
    ...(row.cluster === null ? {} : { cluster: row.cluster }),
    data: JSON.parse(row.data) as Json,
  };
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS fact (offset INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
    kind TEXT NOT NULL, run TEXT, cluster TEXT, data TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS fact_kind ON fact(kind, offset);
  CREATE INDEX IF NOT EXISTS fact_run ON fact(run, offset);`;

/** SQLite's own words for bytes that are no database any more: SQLITE_CORRUPT, SQLITE_NOTADB. */
const BROKEN: ReadonlySet<unknown> = new Set([11, 26]);

function unusable(path: string, cause: unknown): Error {
  const disk = unwritable(path, cause);
  if (disk !== undefined) return disk;
  const broken = cause instanceof Error && 'errcode' in cause && BROKEN.has(cause.errcode);
  const fix = broken
    ? [
        { say: 'Move it away with its -wal and -shm, and find the releases again:', command: 'tw resume --recover' },
        { say: 'What was recorded is lost to the audit; keep the file.' },
      ]
    : [{ say: 'Check free disk space and the rights of the folder.' }];
  return fault('TW1010', { value: path, cause, fix });
}

function openDatabase(path: string): ReturnType<typeof openOrLook> {
  try {
    return openOrLook(path, SCHEMA, 'fact');
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** Its name in the folder of a project. */
export const JOURNAL_FILE = 'journal.db';

/**
 * The journal of one project: a SQLite file that several processes may share. Throws TW1010; where an existing
 * one can only be read, `append` does.
 */
export function openJournal(path: string, clock: Clock = systemClock): Journal {
  const { db, unwritable: refused } = openDatabase(path);
  const insert = db.prepare('INSERT INTO fact(at, kind, run, cluster, data) VALUES (?, ?, ?, ?, ?)');
  const select = db.prepare(
    'SELECT * FROM fact WHERE offset >= ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR run = ?3) ORDER BY offset',
  );
  const read = (q: JournalQuery = {}): Fact[] =>
    (select.all(q.from ?? 0, q.kind ?? null, q.run ?? null) as unknown as Row[]).map(factOf);
  return {
    append: (entry) => {
      if (refused !== undefined) throw unusable(path, refused);
      const at = clock.now();
      try {
        const r = insert.run(at, entry.kind, entry.run ?? null, entry.cluster ?? null, JSON.stringify(entry.data));
        return { ...entry, offset: Number(r.lastInsertRowid), at };
      } catch (cause) {
        throw unusable(path, cause);
      }
    },
    read,
    watch: (from, signal) => poll((f) => read({ from: f }), from, signal),
    close: () => db.close(),
  };
}
