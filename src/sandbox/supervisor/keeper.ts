import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, renameSync, statSync } from 'node:fs';
import type { Clock } from '../../kernel/index.ts';
import { lastWords } from '../adapters/files.ts';
import { descendants, ROLE } from '../adapters/marks.ts';
import type { ProcessState, ProcessView } from '../model.ts';
import { afterDeath } from './model.ts';

export interface ProcessDef {
  name: string;
  /** For the order of `down` and for `status`: `net`, `clouds`, `users`, `control-plane`, `node`. */
  role: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  log: string;
  /** Called before every start, restarts included. */
  before?: () => void;
  /** Resolves true when it serves; asked again every 50 ms. Absent = at once. `logFrom` is where this start's log begins. */
  ready?: (logFrom: number) => Promise<boolean> | boolean;
}
interface Kept {
  def: ProcessDef;
  state: ProcessState;
  child?: ChildProcess;
  since?: number;
  deaths: number[];
  restarts: number;
  why?: string;
  timer?: NodeJS.Timeout;
  logFrom: number;
}
export type KeeperEvent = { kind: 'started' | 'up' | 'died' | 'failed'; name: string; detail: string };

const LOG_LIMIT = 16 * 1024 * 1024;
const READY_POLL_MS = 50;

/** Starts processes, watches them, starts them again with back-off, and stops after five deaths in five minutes. */
export class Keeper {
  readonly #kept = new Map<string, Kept>();
  readonly #clock: Clock;
  readonly #tell: (e: KeeperEvent) => void;
  #closing = false;

  constructor(clock: Clock, tell: (e: KeeperEvent) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Starts `def`, replacing a process of the same name. */
  async start(def: ProcessDef): Promise<void> {
    await this.stop(def.name);
    this.#kept.set(def.name, { def, state: 'starting', deaths: [], restarts: 0, logFrom: 0 });
    this.#spawn(def.name);
  }

  /** Waits until it serves. Rejects when it failed, was stopped, died `deaths` times, or after `timeoutMs`. */
  async ready(name: string, timeoutMs: number, deaths = 2): Promise<void> {
    const until = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      const k = this.#kept.get(name);
      if (k?.state === 'up') return;
      if (k === undefined || hopeless(k, deaths)) throw new Error(`${name} ${k?.why ?? 'was stopped'}`);
      if (this.#clock.monotonic() > until) throw new Error(late(k, timeoutMs));
      await this.#clock.sleep(READY_POLL_MS);
    }
  }

  /** Ends it for good (SIGKILL: a sandbox pulls plugs) and waits until it is gone. */
  async stop(name: string): Promise<void> {
    const k = this.#kept.get(name);
    if (k === undefined) return;
    this.#kept.delete(name);
    clearTimeout(k.timer);
    await end(k.child);
  }

  /** Kills it and keeps it dead until `release`. */
  async hold(name: string): Promise<void> {
    const k = this.#kept.get(name);
    if (k === undefined) return;
    k.state = 'held';
    clearTimeout(k.timer);
    await end(k.child);
  }

  /** Starts a held process again. */
  release(name: string): void {
    const k = this.#kept.get(name);
    if (k?.state !== 'held') return;
    k.deaths = [];
    this.#spawn(name);
  }

  /** SIGKILL once; the usual restart follows. */
  kill(name: string): boolean {
    return this.#kept.get(name)?.child?.kill('SIGKILL') ?? false;
  }

  /** Freezes or thaws the process and all it started. Returns how many processes that were. */
  pause(name: string, on: boolean): number {
    const k = this.#kept.get(name);
    const pid = k?.child?.pid;
    if (k === undefined || pid === undefined || !alive(k.child)) return 0;
    const all = [pid, ...descendants(pid)];
    for (const p of all) signal(p, on ? 'SIGSTOP' : 'SIGCONT');
    if (on) k.state = 'paused';
    else if (k.state === 'paused') k.state = 'up';
    return all.length;
  }

  has(name: string): boolean {
    return this.#kept.has(name);
  }

  view(): ProcessView[] {
    return [...this.#kept.values()].map((k) => ({
      name: k.def.name,
      state: k.state,
      restarts: k.restarts,
      ...(alive(k.child) ? { pid: k.child.pid } : {}),
      ...(k.since === undefined ? {} : { since: k.since }),
      ...(k.why === undefined ? {} : { why: k.why }),
    }));
  }

  state(name: string): ProcessState {
    return this.#kept.get(name)?.state ?? 'stopped';
  }

  /** No restart from now on. */
  close(): void {
    this.#closing = true;
    for (const k of this.#kept.values()) clearTimeout(k.timer);
  }

  #spawn(name: string): void {
    const k = this.#kept.get(name);
    if (k === undefined || this.#closing) return;
    const { def } = k;
    def.before?.();
    rotate(def.log);
    const log = openSync(def.log, 'a', 0o600);
    k.logFrom = fstatSync(log).size;
    const [command = '', ...args] = def.argv;
    // Output goes to a file and the child leads its own session: it outlives the supervisor without a broken pipe.
    const child = spawn(command, args, {
      cwd: def.cwd,
      env: { ...def.env, [ROLE]: def.role },
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    k.child = child;
    k.state = 'starting';
    k.since = this.#clock.now();
    child.on('error', (e) => this.#died(name, child, e.message));
    child.on('exit', (code, sig) =>
      this.#died(name, child, sig === null ? `ended with exit code ${code}` : `ended by ${sig}`),
    );
    this.#tell({ kind: 'started', name, detail: `pid ${child.pid ?? 0}` });
    this.#watch(name, child).catch(() => undefined);
  }

  async #watch(name: string, child: ChildProcess): Promise<void> {
    const k = this.#kept.get(name);
    while (k !== undefined && k.child === child && k.state === 'starting') {
      if (k.def.ready === undefined || (await k.def.ready(k.logFrom))) {
        if (k.child !== child || k.state !== 'starting') return;
        k.state = 'up';
        this.#tell({ kind: 'up', name, detail: `after ${this.#clock.now() - (k.since ?? 0)} ms` });
        return;
      }
      await this.#clock.sleep(READY_POLL_MS);
    }
  }

  #died(name: string, child: ChildProcess, how: string): void {
    const k = this.#kept.get(name);
    if (k === undefined || k.child !== child || k.state === 'held' || this.#closing) return;
    const now = this.#clock.now();
    k.deaths = [...k.deaths, now].slice(-10);
    const words = lastWords(k.def.log, k.logFrom);
    k.why = words === '' ? how : `${how}: ${words}`;
    const next = afterDeath(k.deaths, now);
    if (next === 'failed') {
      k.state = 'failed';
      this.#tell({ kind: 'failed', name, detail: k.why });
      return;
    }
    k.state = 'backoff';
    k.restarts += 1;
    this.#tell({ kind: 'died', name, detail: k.why });
    k.timer = setTimeout(() => this.#spawn(name), next.waitMs);
  }
}

const hopeless = (k: Kept, deaths: number): boolean =>
  k.state === 'failed' || k.state === 'held' || k.deaths.length >= deaths;

function late(k: Kept, timeoutMs: number): string {
  const words = lastWords(k.def.log, k.logFrom);
  return `${k.def.name} is not ready after ${Math.round(timeoutMs / 1000)} s: ${words}`;
}

/** A child that runs: spawned, not yet ended. */
function alive(child: ChildProcess | undefined): child is ChildProcess & { pid: number } {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function signal(pid: number, sig: NodeJS.Signals): void {
  try {
    process.kill(pid, sig);
  } catch {
    // Gone meanwhile.
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!alive(child)) return;
  await new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function rotate(log: string): void {
  if (existsSync(log) && statSync(log).size > LOG_LIMIT) renameSync(log, `${log}.1`);
}
