import { type ExecFileException, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..', '..');
export const EXAMPLE = join(ROOT, 'examples', 'guestbook', 'tradewind.config.ts');

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}
/** A problem as the JSON document tells it. */
export interface Told {
  code: string;
  value?: string;
  why: string[];
  where: { cluster?: string; resource?: string; file?: string; line?: number }[];
  fix: { say: string; command?: string }[];
}
export interface Doc {
  apiVersion: string;
  kind: string;
  data: never;
  problem?: Told;
  warnings?: Told[];
}

/** A project folder of its own: state, sandbox and kubeconfig; short, since Unix sockets live in it. */
export class Rig {
  readonly dir = mkdtempSync(join(tmpdir(), 'tw-'));
  readonly env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv = {}) {
    this.env = { ...process.env, CI: 'true', TW_CONFIG: EXAMPLE, ...env, TW_STATE_DIR: join(this.dir, 's') };
  }

  get state(): string {
    return join(this.dir, 's');
  }

  /** Runs tw as a person would, to its end. */
  tw(...args: string[]): Promise<Ran> {
    return this.run(join(ROOT, 'tw'), args);
  }

  run(command: string, args: readonly string[], timeout = 600_000): Promise<Ran> {
    return new Promise((done) => {
      execFile(
        command,
        args,
        { env: this.env, cwd: ROOT, timeout, maxBuffer: 64 << 20 },
        (error: ExecFileException | null, stdout, stderr) => {
          done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
        },
      );
    });
  }

  /** Starts tw and leaves it running; for interrupts. */
  start(...args: string[]): { pid: number; ended: Promise<number | null>; text: () => string } {
    const child = spawn(join(ROOT, 'tw'), args, { env: this.env, cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const s of [child.stdout, child.stderr]) s.on('data', (b: Buffer) => (text += b.toString()));
    return {
      pid: child.pid ?? 0,
      ended: new Promise((done) => child.on('close', (code) => done(code))),
      text: () => text,
    };
  }

  /** The one JSON document of a verb. */
  async json(...args: string[]): Promise<Doc & Ran> {
    const at = args.indexOf('--');
    const ran = await this.tw(...(at < 0 ? [...args, '-o', 'json'] : args.toSpliced(at, 0, '-o', 'json')));
    return { ...(JSON.parse(ran.stdout) as Doc), ...ran };
  }

  async kubectl(context: string, ...args: string[]): Promise<Ran> {
    const told = await this.tw('kubeconfig', '--print-path');
    if (told.code !== 0) return told;
    return await this.run('kubectl', ['--kubeconfig', told.stdout.trim(), '--context', context, ...args]);
  }

  async end(): Promise<void> {
    await this.tw('sandbox', 'down');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface Visit {
  from: string;
  answeredBy: string;
  cluster: string;
  version: string;
  status: number;
  ms: number;
  body?: string;
  error?: string;
}

export async function visits(rig: Rig, from: string, ...more: string[]): Promise<Visit[]> {
  const doc = await rig.json('sandbox', 'visit', '--from', from, ...more);
  return (doc.data as { visits: Visit[] }).visits;
}

/** Tries until it holds; the last failure is thrown when the time is over. */
export async function eventually<T>(ms: number, check: () => Promise<T>): Promise<T> {
  const until = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await new Promise((r) => setTimeout(r, 100));
  }
}
