import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { duration, fault, startOf } from '../kernel/index.ts';
import type { Context } from './context.ts';

interface Holder {
  pid: number;
  started: string;
  host: string;
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

const alive = (h: Holder): boolean => h.host !== hostname() || startOf(h.pid) === h.started;

/** One changing verb at a time in a project folder; a dead holder's lock is taken over. Throws TW6201. */
export function takeLock(c: Context, verb: string): () => void {
  const path = join(c.stateDir, 'lock.json');
  mkdirSync(c.stateDir, { recursive: true, mode: 0o700 });
  const me: Holder = {
    pid: process.pid,
    started: startOf(process.pid) ?? '',
    host: hostname(),
    person: userInfo().username,
    verb,
    at: c.clock.now(),
  };
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(me), { flag: 'wx', mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (cause) {
      const holder = holderOf(path);
      if (attempt > 0 || (holder !== undefined && alive(holder))) {
        throw fault('TW6201', {
          value: holder === undefined ? path : `${holder.person} runs "tw ${holder.verb}"`,
          why:
            holder === undefined
              ? ['the lock file cannot be read']
              : [`process ${holder.pid} on ${holder.host}, for ${duration(c.clock.now() - holder.at)}`],
          cause,
        });
      }
      rmSync(path, { force: true });
    }
  }
}
