import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { processStat, startOf } from '../../kernel/index.ts';

/** Environment variable every process of a sandbox carries; its value is the sandbox's id. */
export const MARK = 'TW_SANDBOX';
/** What the process is, for `status` and the order of `down`. */
export const ROLE = 'TW_SANDBOX_ROLE';

export interface Marked {
  pid: number;
  ppid: number;
  /** Clock ticks after boot (proc(5) stat field 22): with the pid it names one process for ever. */
  start: string;
  role: string;
}

function environOf(pid: number | string): Map<string, string> {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return new Map(pairs.map((p) => [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1)]));
  } catch {
    return new Map();
  }
}

const pids = (): number[] => readdirSync('/proc').flatMap((n) => (/^\d+$/.test(n) ? [Number(n)] : []));

/** This process and its ancestors: never to be killed by a sweep they run themselves. */
function lineage(): Set<number> {
  const own = new Set<number>();
  for (let pid = process.pid; pid > 1 && !own.has(pid); ) {
    own.add(pid);
    pid = processStat(pid)?.ppid ?? 0;
  }
  return own;
}

/** Live processes that carry the mark `id`, but this one and its ancestors. */
export function scanMarked(id: string): Marked[] {
  const own = lineage();
  return pids().flatMap((pid) => {
    if (own.has(pid)) return [];
    const env = environOf(pid);
    const stat = env.get(MARK) === id ? processStat(pid) : undefined;
    if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return [];
    return [{ pid, ppid: stat.ppid, start: stat.start, role: env.get(ROLE) ?? '' }];
  });
}

/** Kills one process if pid, start time and mark still fit. Returns whether the signal was sent. */
export function killMarked(id: string, m: { pid: number; start: string }, signal: NodeJS.Signals = 'SIGKILL'): boolean {
  if (startOf(m.pid) !== m.start || environOf(m.pid).get(MARK) !== id) return false;
  try {
    process.kill(m.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Live descendants of `root`, nearest first. */
export function descendants(root: number): number[] {
  const kids = new Map<number, number[]>();
  for (const pid of pids()) {
    const ppid = processStat(pid)?.ppid;
    if (ppid !== undefined) kids.set(ppid, [...(kids.get(ppid) ?? []), pid]);
  }
  const out: number[] = [];
  for (let next = [root]; next.length > 0; ) {
    next = next.flatMap((pid) => kids.get(pid) ?? []);
    out.push(...next);
  }
  return out;
}

const netOf = (pid: number | 'self'): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
};

/** Network namespaces that cannot go while they are held. */
export interface HeldSpaces {
  /** As /proc/<pid>/ns/net names them. */
  ids: ReadonlySet<string>;
  release(): void;
}

/** The file descriptor and name of the namespace of a process; nothing when it ended meanwhile. */
function openSpace(pid: number): { id: string; fd: number } | undefined {
  const start = startOf(pid);
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/ns/net`, 'r');
  } catch {
    return undefined;
  }
  if (start !== undefined && startOf(pid) === start) return { id: `net:[${fstatSync(fd).ino}]`, fd };
  closeSync(fd);
  return undefined;
}

/**
 * Holds the network namespaces, other than ours, in which marked processes and their children live. The kernel gives
 * the number of a namespace that is gone to the next one made, be it of another sandbox; a held one keeps its number.
 */
export function holdSpaces(marked: readonly Marked[]): HeldSpaces {
  const host = netOf('self');
  const held = new Map<string, number>();
  const alive = marked.filter((m) => startOf(m.pid) === m.start);
  for (const pid of alive.flatMap((m) => [m.pid, ...descendants(m.pid)])) {
    const space = openSpace(pid);
    if (space === undefined) continue;
    if (space.id === host || held.has(space.id)) closeSync(space.fd);
    else held.set(space.id, space.fd);
  }
  return { ids: new Set(held.keys()), release: () => [...held.values()].forEach((fd) => closeSync(fd)) };
}

/** Live processes inside any of these network namespaces. */
export function insideNamespaces(spaces: ReadonlySet<string>): number[] {
  const own = lineage();
  return pids().filter((pid) => !own.has(pid) && spaces.has(netOf(pid) ?? '') && startOf(pid) !== undefined);
}

/** A wave that will not die (state D) holds the next ones up no longer than this. */
const WAVE_MS = 1000;

/**
 * Kills everything with the mark, in waves by `rank` (low first), until nothing is left or `timeoutMs` is over.
 * Returns how many processes it ended.
 */
export async function killAll(id: string, rank: (role: string) => number, timeoutMs = 10_000): Promise<number> {
  const until = performance.now() + timeoutMs;
  const ended = new Set<string>();
  let wave = { rank: -1, since: 0 };
  for (;;) {
    const left = scanMarked(id);
    const now = performance.now();
    if (left.length === 0 || now > until) return ended.size;
    const first = Math.min(...left.map((m) => rank(m.role)));
    if (first !== wave.rank) wave = { rank: first, since: now };
    const stuck = now - wave.since > WAVE_MS;
    for (const m of left.filter((x) => stuck || rank(x.role) === first)) {
      if (killMarked(id, m)) ended.add(`${m.pid} ${m.start}`);
    }
    await delay(15);
  }
}
