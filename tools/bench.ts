// Runs the benchmarks (all of bench/*.ts, or those named) one after the other, each bounded in time, and
// prints their tables. Nothing is asserted: figures depend on the machine, the ratios much less.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
/** Time to clean up after SIGTERM. */
const GRACE_MS = 20_000;
/** Longest time of one benchmark, seconds, where it is not DEFAULT_S: a world of its own takes a minute or two to stand. */
const LIMITS_S: Readonly<Record<string, number>> = {
  'chat-abort': 600,
  'dns-change': 400,
  plan: 600,
  'release-flip': 600,
  'release-judge': 900,
  'release-loss': 900,
  'release-rollouts': 2400,
  'release-vs-rollouts': 1800,
  'sandbox-up': 400,
  'state-aa': 900,
  'state-chaos': 1200,
  'state-gateway': 300,
};
const DEFAULT_S = 180;

const known = readdirSync(join(root, 'bench'))
  .filter((f) => f.endsWith('.ts'))
  .map((f) => f.slice(0, -3))
  .toSorted();

let stopped = false;

/** True when the benchmark ended well. It has a process group of its own: nothing of it outlives the limit. */
async function bench(name: string): Promise<boolean> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'bench', `${name}.ts`)], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const group = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // all of it has ended
    }
  };
  const forward = (): void => {
    stopped = true;
    group('SIGTERM');
  };
  process.once('SIGINT', forward);
  const limit = (LIMITS_S[name] ?? DEFAULT_S) * 1000;
  const soft = setTimeout(() => group('SIGTERM'), limit);
  const hard = setTimeout(() => group('SIGKILL'), limit + GRACE_MS);
  const code = await new Promise<number>((done) => {
    child.on('error', () => done(127));
    child.on('close', (c) => done(c ?? 1));
  });
  clearTimeout(soft);
  clearTimeout(hard);
  group('SIGKILL');
  process.off('SIGINT', forward);
  return code === 0;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((n) => !existsSync(join(root, 'bench', `${n}.ts`)));
if (unknown.length > 0) {
  process.stderr.write(`no benchmark ${unknown.join(', ')}; there are: ${known.join(', ')}\n`);
  process.exitCode = 2;
} else {
  const failed: string[] = [];
  for (const name of wanted.length > 0 ? wanted : known) {
    if (stopped) break;
    process.stdout.write(`\n== ${name}\n`);
    if (!(await bench(name))) failed.push(name);
  }
  if (failed.length > 0) {
    process.stderr.write(`\nnot measured: ${failed.join(', ')}\n`);
    process.exitCode = 1;
  }
}
