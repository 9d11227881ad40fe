import { readFileSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createFile, duration, fault, type ProcessId, stillRuns, thisProcess } from '../kernel/index.ts';
import type { Context } from './context.ts';

interface Holder extends ProcessId {
  person: string;
  verb: string;
  at: number;
}

function holderOf(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

// Whole from the first moment: a half-written lock would be taken for that of a dead process.
function written(path: string, me: Holder): boolean {
  try {
    return createFile(path, JSON.stringify(me));
  } catch (cause) {
    throw fault('TW6201', { value: path, why: ['the lock file cannot be written'], cause });
  }
}

/** One changing verb at a time in a project folder; a dead holder's lock is taken over. Throws TW6201. */
export function takeLock(c: Context, verb: string): () => void {
  const path = join(c.stateDir, 'lock.json');
  const me: Holder = {
    ...thisProcess(),
    person: userInfo().username,
    verb,
    at: c.clock.now(),
  };
  for (let attempt = 0; ; attempt++) {
    if (written(path, me)) return () => rmSync(path, { force: true });
    const holder = holderOf(path);
    if (attempt > 0 || (holder !== undefined && stillRuns(holder, true))) {
      throw fault('TW6201', {
        value: holder === undefined ? path : `${holder.person} runs "tw ${holder.verb}"`,
        why:
          holder === undefined
            ? ['the lock file cannot be read']
            : [`process ${holder.pid} on ${holder.host}, for ${duration(c.clock.now() - holder.at)}`],
      });
    }
    rmSync(path, { force: true });
  }
}
