import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  changeFile,
  duration,
  fault,
  type ProcessId,
  problemOf,
  stillRuns,
  TwError,
  thisProcess,
} from '../kernel/index.ts';
import { byOf } from './by.ts';
import type { Context } from './context.ts';

interface Holder extends ProcessId {
  person: string;
  verb: string;
  at: number;
}

/** undefined: it cannot be read, so nobody stands behind it. */
function holderIn(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/** One changing verb at a time in a project folder; a dead holder's lock is taken over, by one. Throws TW6201. */
export function takeLock(c: Context, verb: string): () => void {
  const path = join(c.stateDir, 'lock.json');
  const me: Holder = {
    ...thisProcess(),
    person: byOf(c),
    verb,
    at: c.clock.now(),
  };
  const take = (now: string | undefined): string => {
    const holder = now === undefined ? undefined : holderIn(now);
    if (holder === undefined || !stillRuns(holder, true)) return JSON.stringify(me);
    throw fault('TW6201', {
      value: `${holder.person} runs "tw ${holder.verb}"`,
      why: [`process ${holder.pid} on ${holder.host}, for ${duration(c.clock.now() - holder.at)}`],
    });
  };
  try {
    changeFile(path, take);
  } catch (cause) {
    if (cause instanceof TwError) throw cause;
    if (problemOf(cause).code === 'TW8010') throw cause;
    throw fault('TW6201', { value: path, why: ['the lock file cannot be written'], cause });
  }
  return () => rmSync(path, { force: true });
}
