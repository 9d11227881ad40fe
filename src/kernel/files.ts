import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { unwritable } from './disk.ts';

/** A name beside the file that no other writer takes, in this process or another. */
const beside = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;

function written(path: string, text: string): string {
  const part = beside(path);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(part, text, { mode: 0o600, flag: 'wx' });
    return part;
  } catch (error) {
    rmSync(part, { force: true });
    throw unwritable(path, error) ?? error;
  }
}

/** Readers see the old file or the new one, never a part; it is its owner's alone. Throws what the file system says. */
export function replaceFile(path: string, text: string): void {
  const part = written(path, text);
  try {
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** Makes the file whole, or not at all: false when there is one already. Throws what else the file system says. */
export function createFile(path: string, text: string): boolean {
  const part = written(path, text);
  try {
    linkSync(part, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(part, { force: true });
  }
}

/** The text of a file, or undefined where there is none. Throws what else the file system says. */
export function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What stands in a file that is made once: of two who make it, one wins and both get the winner's. */
export function madeOnce(path: string, make: () => string): string {
  const found = readFile(path);
  if (found !== undefined) return found;
  const text = make();
  return createFile(path, text) ? text : (readFile(path) ?? text);
}

/** How long one waits for another that changes a file, in milliseconds. */
const TURN_MS = 10_000;

/** Nobody else is at `work` for this folder. The lock is the operating system's: it ends with its process. */
function alone<T>(folder: string, work: () => T): T {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const turn = new DatabaseSync(join(folder, 'changes.lock'), { timeout: TURN_MS });
  try {
    turn.exec('BEGIN IMMEDIATE');
    return work();
  } finally {
    turn.close();
  }
}

/**
 * Changes a file that several processes change: each gets what the one before it wrote, undefined where there is none,
 * and returns what shall stand there, undefined = no file. `change` throws to refuse, does not wait, and may be called
 * again; it changes no other file of the folder this way. Throws what the file system says, or after 10 s that the
 * lock is held.
 */
export function changeFile<T extends string | undefined>(path: string, change: (now: string | undefined) => T): T {
  return alone(dirname(path), () => {
    for (;;) {
      const now = readFile(path);
      const next = change(now);
      if (next === now) return next;
      if (next === undefined) rmSync(path, { force: true });
      else if (now !== undefined) replaceFile(path, next);
      // Somebody made it at this moment, without being in turn: `madeOnce`.
      else if (!createFile(path, next)) continue;
      return next;
    }
  });
}
