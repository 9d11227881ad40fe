import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessStat {
  ppid: number;
  /** When it started, in the kernel's own notation: a reused pid is told from the process that had it. */
  start: string;
  /** One letter of proc(5); `Z` and `X` run nothing any more. */
  state: string;
}

/** Of Linux; `undefined`: no such process, or no /proc. */
export function processStat(pid: number | string): ProcessStat | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name is in brackets and may hold spaces and brackets itself.
    const f = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { state: f[0] ?? '', ppid: Number(f[1]), start: f[19] ?? '' };
  } catch {
    return undefined;
  }
}

function startByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Start time of a live process; a zombie is dead, it only waits for its parent to take note. */
export function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return startByPs(pid);
  const stat = processStat(pid);
  return stat === undefined || /[ZX]/.test(stat.state) ? undefined : stat.start;
}

/** One process, told apart from others with its number: of an earlier life of the machine, of another pod, of another host. */
export interface ProcessId {
  pid: number;
  /** As `startOf` tells it. */
  started: string;
  host: string;
}

export const thisProcess = (): ProcessId => ({
  pid: process.pid,
  started: startOf(process.pid) ?? '',
  host: hostname(),
});

/** Whether it runs; of another host nobody here knows, so `elsewhere` is the answer. */
export const stillRuns = (p: ProcessId, elsewhere: boolean): boolean =>
  p.host === hostname() ? startOf(p.pid) === p.started : elsewhere;
