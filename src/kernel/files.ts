import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A name beside the file that no other writer takes, in this process or another. */
const beside = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;

function written(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const part = beside(path);
  writeFileSync(part, text, { mode: 0o600, flag: 'wx' });
  return part;
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
