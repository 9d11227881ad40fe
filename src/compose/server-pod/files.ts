import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import tar from 'tar-fs';
import { JOURNAL_FILE } from '../../kernel/index.ts';
import { WITNESS_FILE } from '../witness.ts';

/** The files of one project: what decides for a fleet. */
export interface Folder {
  stateDir: string;
  /** One folder per root of terraform. */
  rootsDir: string;
}
const ROOTS = 'roots';

/** Of this machine, of this process, or made anew from the rest. */
const STAYS: ReadonlySet<string> = new Set([
  ...[
    'cache',
    'sandbox',
    'runs',
    'tokens',
    'locks',
    'lock.json',
    'changes.lock',
    'serve.json',
    'sign-in.json',
    'project.json',
  ],
  ...[WITNESS_FILE, 'server.json', 'kubeconfig', 'kubeconfig.credentials.json', ROOTS],
  ...[JOURNAL_FILE, `${JOURNAL_FILE}-wal`, `${JOURNAL_FILE}-shm`],
]);

/** Folders of earlier moves. */
const OWN = /^\.(pack|incoming|before)-/;

/** A whole copy of a database that is open, also by others. Throws what SQLite says. */
function copyOf(journal: string, to: string): void {
  const db = new DatabaseSync(journal, { timeout: 5000 });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
}

const list = (dir: string): string[] => {
  try {
    return readdirSync(dir);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw e;
  }
};

/** Whether a fleet was built from this folder; a journal is there as soon as anything is typed. */
export const holdsFiles = (f: Folder): boolean => list(f.rootsDir).length > 0;

type Pack = ReturnType<typeof tar.pack>;

/** Adds entries of a folder under a name. */
const add = (pack: Pack, from: { dir: string; entries: readonly string[]; under: string }): Promise<void> =>
  new Promise((done, failed) => {
    if (from.entries.length === 0) return done();
    pack.on('error', failed);
    tar.pack(from.dir, {
      pack,
      entries: [...from.entries],
      finalize: false,
      finish: () => done(),
      // terraform fetches its providers again where they are.
      ignore: (name) => basename(name) === '.terraform',
      map: (header) => ({ ...header, name: `${from.under}${header.name}` }),
    });
  });

/** All of them as tar.gz; nothing may change them meanwhile but the journal. Errors end the stream. */
export function packFiles(f: Folder): Readable {
  const out = createGzip();
  const scratch = mkdtempSync(join(f.stateDir, '.pack-'));
  const pack = tar.pack(scratch, { entries: [], finalize: false });
  const fill = async (): Promise<void> => {
    if (list(f.stateDir).includes(JOURNAL_FILE)) copyOf(join(f.stateDir, JOURNAL_FILE), join(scratch, JOURNAL_FILE));
    const entries = list(f.stateDir).filter((n) => !STAYS.has(n) && !OWN.test(n));
    await add(pack, { dir: scratch, entries: list(scratch), under: '' });
    await add(pack, { dir: f.stateDir, entries, under: '' });
    await add(pack, { dir: f.rootsDir, entries: list(f.rootsDir), under: `${ROOTS}/` });
    pack.finalize();
  };
  const sent = pipeline(pack, out).finally(() => rmSync(scratch, { recursive: true, force: true }));
  sent.catch((e: unknown) => out.destroy(e instanceof Error ? e : new Error(String(e))));
  fill().catch((e: unknown) => pack.destroy(e instanceof Error ? e : new Error(String(e))));
  return out;
}

/** Also to another file system. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EXDEV') throw e;
    cpSync(from, to, { recursive: true });
    rmSync(from, { recursive: true });
  }
}

/**
 * What came takes the place of what this folder has; what it had goes to `old`. The journal, with the audit in it, is
 * written over within SQLite: whoever has it open, this process too, goes on with the new one. Throws what SQLite or the
 * file system says.
 */
export async function settleFiles(incoming: string, f: Folder, old: string): Promise<void> {
  for (const name of list(incoming).filter((n) => n !== JOURNAL_FILE)) {
    const to = name === ROOTS ? f.rootsDir : join(f.stateDir, name);
    if (existsSync(to)) move(to, join(old, name));
    move(join(incoming, name), to);
  }
  if (!list(incoming).includes(JOURNAL_FILE)) return;
  const journal = join(f.stateDir, JOURNAL_FILE);
  if (existsSync(journal)) copyOf(journal, join(old, JOURNAL_FILE));
  // What was seen of the audit that was here, such as a rollback in process meanwhile, is not in the one that came.
  const witness = join(f.stateDir, WITNESS_FILE);
  if (existsSync(witness)) move(witness, join(old, WITNESS_FILE));
  const db = new DatabaseSync(join(incoming, JOURNAL_FILE), { readOnly: true });
  try {
    await backup(db, journal);
  } finally {
    db.close();
  }
}

/** Unpacks into an empty folder. Throws what the stream or the file system says; a part of it may be there then. */
export async function unpackFiles(from: Readable, dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // They become whoever's this process is; the types do not know it yet.
  const options: tar.ExtractOptions & { chown: boolean } = { chown: false };
  await pipeline(from, createGunzip(), tar.extract(dir, options));
}
