import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fault, type TwError } from './errors/fault.ts';

/** With less than this not even one commit of SQLite fits. Bytes. */
const LEAST = 64 * 1024;

/** The folder of it that is there. */
function standing(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}

function refusalOf(dir: string): string | undefined {
  try {
    accessSync(dir, constants.W_OK);
    return undefined;
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code === 'EROFS') return 'the file system is read-only';
    return code === 'EACCES' ? 'this user has no right to write there' : undefined;
  }
}

/**
 * Why `path` could not be written, where the disk is the reason: it is full, or can only be read. Asked of the disk as
 * it is now: what SQLite says of it is "disk I/O error" or "unable to open database file".
 */
export function unwritable(path: string, cause: unknown): TwError | undefined {
  try {
    const at = standing(path);
    const { bavail, bsize } = statfsSync(at);
    const free = bavail * bsize;
    const why = free < LEAST ? 'the disk is full' : refusalOf(at);
    if (why === undefined) return undefined;
    return fault('TW8010', {
      value: path,
      why: [why, `${free} bytes are free`],
      fix: [
        { say: free < LEAST ? 'Make room there, then say it again.' : 'Make it writable, then say it again.' },
        { say: 'What only looks works meanwhile.', command: 'tw status' },
      ],
      cause,
    });
  } catch {
    return undefined;
  }
}

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EROFS', 'EDQUOT']);

/** The same of an error that the file system threw. */
export function diskFault(error: unknown): TwError | undefined {
  if (!(error instanceof Error) || !('code' in error) || !FULL.has(error.code)) return undefined;
  const { path } = error as NodeJS.ErrnoException;
  return (
    unwritable(path ?? process.cwd(), error) ??
    fault('TW8010', { ...(path === undefined ? {} : { value: path }), cause: error })
  );
}
