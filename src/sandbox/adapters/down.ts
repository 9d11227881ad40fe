import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fault } from '../../kernel/index.ts';
import type { Leftover, Leftovers } from '../model.ts';
import { layout } from '../plan/layout.ts';
import { type HeldSpaces, holdSpaces, insideNamespaces, killAll, scanMarked } from './marks.ts';

/** Users first, the network after what lives in it; the supervisor before all, or it would start them again. */
const ORDER = ['supervisor', 'users', '', 'node', 'control-plane', 'clouds', 'net'];
/** Roles we did not give (terraform, pods, shells) end with the users. */
const rank = (role: string): number => (ORDER.indexOf(role) < 0 ? 2 : ORDER.indexOf(role));

const octal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, n: string) => String.fromCharCode(Number.parseInt(n, 8)));

/** Mount points at or below `dir` in this process's mount namespace (proc(5), mountinfo field 5), deepest first. */
export function mountsBelow(dir: string, mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  return mountinfo
    .split('\n')
    .map((line) => octal(line.split(' ')[4] ?? ''))
    .filter((at) => at === dir || at.startsWith(`${dir}/`))
    .toSorted((a, b) => b.length - a.length);
}

function unmount(dir: string): void {
  for (const at of mountsBelow(dir)) {
    try {
      execFileSync('umount', ['-l', at], { stdio: 'ignore' });
    } catch {
      // Still there: the check below says so.
    }
  }
}

/** Sockets in `dir` that a live process still holds (proc(5), /proc/net/unix). */
function socketsBelow(dir: string): string[] {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const path = line.split(' ').slice(7).join(' ');
      return path.startsWith(`${dir}/`) ? [path] : [];
    });
}

async function settled(check: () => unknown[], ms: number): Promise<void> {
  for (const until = performance.now() + ms; check().length > 0 && performance.now() < until; ) await delay(20);
}

async function endAll(id: string, spaces: HeldSpaces): Promise<number> {
  const killed = await killAll(id, rank);
  // Containers die with their node's process a moment later.
  await settled(() => insideNamespaces(spaces.ids), 3000);
  return killed;
}

/** Ends every process with the mark, as `up` does before it starts. Returns how many. */
export async function sweep(id: string): Promise<number> {
  const spaces = holdSpaces(scanMarked(id));
  try {
    return await endAll(id, spaces);
  } finally {
    spaces.release();
  }
}

function isOurs(dir: string): boolean {
  return existsSync(layout(dir).marker);
}

function readId(dir: string): string | undefined {
  const file = layout(dir).id;
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

function remove(dir: string): void {
  unmount(dir);
  // Never through a mount: what is mounted there is not ours to delete.
  if (mountsBelow(dir).length === 0) rmSync(dir, { recursive: true, force: true });
}

function proof(o: {
  dir: string;
  id: string | undefined;
  spaces: ReadonlySet<string>;
}): Omit<Leftovers, 'killed' | 'ms'> {
  const checks: { held: string; left: Leftover[] }[] = [
    {
      held: 'no process carries the mark of this sandbox',
      left: (o.id === undefined ? [] : scanMarked(o.id)).map((m) => ({
        kind: 'process',
        what: `pid ${m.pid} ${m.role}`.trim(),
      })),
    },
    {
      held: `${o.spaces.size} network namespaces are empty and gone`,
      left: insideNamespaces(o.spaces).map((pid) => ({ kind: 'namespace', what: `pid ${pid} lives in one` })),
    },
    { held: 'no socket below the directory', left: socketsBelow(o.dir).map((what) => ({ kind: 'socket', what })) },
    { held: 'no mount below the directory', left: mountsBelow(o.dir).map((what) => ({ kind: 'mount', what })) },
    { held: 'the directory is gone', left: existsSync(o.dir) ? [{ kind: 'directory', what: o.dir }] : [] },
  ];
  return {
    verified: checks.filter((c) => c.left.length === 0).map((c) => c.held),
    left: checks.flatMap((c) => c.left),
  };
}

/**
 * Ends the sandbox of `dir` and proves it. Needs nothing alive: not the supervisor, not the network.
 * Throws TW9005 when the directory is not a sandbox's, TW9050 with everything that is left.
 */
export async function bringDown(dir: string, o: { purge: boolean; cache?: string }): Promise<Leftovers> {
  const started = performance.now();
  if (existsSync(dir) && !isOurs(dir) && (!lstatSync(dir).isDirectory() || readdirSync(dir).length > 0)) {
    throw fault('TW9005', { value: dir, why: ['it holds no marker of a sandbox; nothing was deleted'] });
  }
  const id = readId(dir);
  const spaces = holdSpaces(id === undefined ? [] : scanMarked(id));
  let result: Leftovers;
  try {
    const killed = id === undefined ? 0 : await endAll(id, spaces);
    // The first thread of a killed process is gone before its others let go of their sockets.
    await settled(() => socketsBelow(dir), 3000);
    remove(dir);
    if (o.purge && o.cache !== undefined) rmSync(o.cache, { recursive: true, force: true });
    const ms = Math.round(performance.now() - started);
    result = { killed, ms, ...proof({ dir, id, spaces: spaces.ids }) };
  } finally {
    spaces.release();
  }
  if (result.left.length === 0) return result;
  throw fault('TW9050', {
    value: `${result.left.length} left`,
    where: result.left.map((l) => ({ resource: `${l.kind} ${l.what}` })),
    why: result.left.map((l) => `${l.kind}: ${l.what}`),
    fix: [{ say: 'Run it again; then end what is named by hand.', command: 'tw sandbox down' }],
  });
}
