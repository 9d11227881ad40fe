// Helpers of a benchmark that live beside it: small programs and servers, all ended with it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT, run } from './measure.ts';

export interface Scratch {
  dir: string;
  /** Starts a server; its stdin stays open, so it can tell when we are gone. */
  start(
    argv: readonly string[],
    o?: { cwd?: string; env?: NodeJS.ProcessEnv; ipc?: boolean },
  ): ChildProcess & { pid: number };
  /** The traffic maker of bench/load, built once. */
  load(): string;
}

/** A folder and processes that are gone after `work`, or when the benchmark is told to stop. */
export async function withScratch(work: (s: Scratch) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'twb-'));
  const children: ChildProcess[] = [];
  let built: string | undefined;
  const clear = async (): Promise<void> => {
    const running = children.filter((c) => c.exitCode === null && c.signalCode === null);
    const ended = running.map((c) => once(c, 'exit'));
    for (const c of running) c.kill('SIGTERM');
    const late = setTimeout(() => running.forEach((c) => c.kill('SIGKILL')), 3000);
    await Promise.all(ended);
    clearTimeout(late);
    rmSync(dir, { recursive: true, force: true });
  };
  const stopped = (): void => void clear().finally(() => process.kill(process.pid, 'SIGKILL'));
  process.once('SIGTERM', stopped);
  process.once('SIGINT', stopped);
  try {
    await work({
      dir,
      start: (argv, { ipc = false, ...o } = {}) => {
        const [command = '', ...args] = argv;
        const stdio = ['pipe', 'pipe', 'inherit', ...(ipc ? (['ipc'] as const) : [])] as const;
        const child = spawn(command, args, { cwd: dir, ...o, stdio: [...stdio] });
        if (child.pid === undefined) throw new Error(`${command} does not start`);
        children.push(child);
        child.stdout?.resume();
        return child as ReturnType<Scratch['start']>;
      },
      load: () => {
        if (built !== undefined) return built;
        built = join(dir, 'load');
        const env = { ...process.env, CGO_ENABLED: '0', GO111MODULE: 'off' };
        run(['go', 'build', '-o', built, join(ROOT, 'bench', 'load', 'main.go')], { env });
        return built;
      },
    });
  } finally {
    process.off('SIGTERM', stopped);
    process.off('SIGINT', stopped);
    await clear();
  }
}

/** A port of loopback that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address();
  server.close();
  await once(server, 'close');
  if (at === null || typeof at === 'string') throw new Error('no port');
  return at.port;
}

/** Waits until `ready` no longer throws or says false. */
export async function until(what: string, ready: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    if (await Promise.resolve(ready()).catch(() => false)) return;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await delay(50);
  }
}
