// A sandbox of its own for one benchmark, gone when it ends, however it ends.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdSpaces, insideNamespaces, scanMarked } from '../../src/sandbox/adapters/marks.ts';
import { createSandbox, type SandboxPort } from '../../src/sandbox/index.ts';
import { ROOT, run, type Sample } from './measure.ts';

export const CONFIG = join(ROOT, 'examples', 'guestbook', 'tradewind.config.ts');
export const HOST = 'guestbook.demo.tradewind.example';

/** For one command: `tw up` on a machine that others use takes minutes. */
const LIMIT_MS = 400_000;

export interface Bench {
  stateDir: string;
  /** Folder of the sandbox itself. */
  dir: string;
  env: NodeJS.ProcessEnv;
  port: SandboxPort;
  tw(...args: string[]): Sample & { stdout: string };
  /** What `tw up --sandbox` took; undefined when a running sandbox was lent. */
  up: Sample | undefined;
}

function open(stateDir: string): Omit<Bench, 'up'> {
  const dir = join(stateDir, 'sandbox');
  const env = { ...process.env, TW_STATE_DIR: stateDir, NO_COLOR: '1' };
  const tw = (...args: string[]): ReturnType<Bench['tw']> =>
    run([join(ROOT, 'tw'), ...args], { env, limitMs: LIMIT_MS });
  return { stateDir, dir, env, port: createSandbox({ dir }), tw };
}

/**
 * Brings the guestbook up in a sandbox, works with it and takes it down again. TW_BENCH_STATE lends a
 * state folder whose sandbox is up; that one is left as it is.
 */
export async function withSandbox(work: (b: Bench) => Promise<void>): Promise<void> {
  const lent = process.env['TW_BENCH_STATE'];
  if (lent !== undefined) return await work({ ...open(lent), up: undefined });
  // a short path: the kubelets make Unix sockets far below it
  const b = open(mkdtempSync(join(tmpdir(), 'twb-')));
  const clear = (): void => {
    try {
      b.tw('sandbox', 'down');
    } catch {
      b.tw('sandbox', 'down'); // what it says itself: what was just being started may need a second round
    } finally {
      rmSync(b.stateDir, { recursive: true, force: true });
    }
  };
  const stopped = (): void => {
    clear();
    process.kill(process.pid, 'SIGKILL');
  };
  process.once('SIGTERM', stopped);
  process.once('SIGINT', stopped);
  try {
    const up = b.tw('up', '--sandbox', '--yes', '--config', CONFIG);
    await work({ ...b, up });
  } finally {
    process.off('SIGTERM', stopped);
    process.off('SIGINT', stopped);
    clear();
  }
}

const idOf = (b: Bench): string => readFileSync(join(b.dir, 'id'), 'utf8').trim();

/** Every process of the sandbox by pid, with its role; what runs inside its pods is `pods`. */
export function processes(b: Bench): Map<number, string> {
  const marked = scanMarked(idOf(b));
  const spaces = holdSpaces(marked);
  const all = new Map(insideNamespaces(spaces.ids).map((pid) => [pid, 'pods']));
  spaces.release();
  for (const m of marked) all.set(m.pid, m.role === '' ? 'pods' : m.role);
  return all;
}

/** Proportional set size: shared pages are counted once over all processes that share them. */
export function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Lines of the supervisor's log: when, which process, what happened. */
export function supervisorLog(b: Bench): { at: number; name: string; what: string; detail: string }[] {
  const text = readFileSync(join(b.dir, 'log', 'supervisor.log'), 'utf8');
  return text.split('\n').flatMap((line) => {
    const m = /^(\S+) (\S+) (\w+): (.*)$/.exec(line);
    return m === null ? [] : [{ at: Date.parse(m[1] ?? ''), name: m[2] ?? '', what: m[3] ?? '', detail: m[4] ?? '' }];
  });
}

export const rootsOf = (b: Bench): string[] => readdirSync(join(b.dir, 'roots'));
