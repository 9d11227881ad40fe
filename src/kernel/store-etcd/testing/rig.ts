import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '../../clock.ts';
import type { EtcdOptions } from '../members.ts';
import { EtcdStore } from '../store.ts';

const ROOT = resolve(import.meta.dirname, '..', '..', '..', '..');
/** The official server, as tools/build.ts leaves it. */
export const ETCD = join(process.env['TW_SANDBOX_BIN'] ?? join(ROOT, '.tradewind', 'cache', 'bin'), 'tw-etcd');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const at = server.address();
  await new Promise((done) => server.close(done));
  return typeof at === 'object' && at !== null ? at.port : 0;
}

interface Running {
  name: string;
  client: string;
  argv: string[];
  process: ChildProcess | undefined;
}

/** Real members on the loopback. */
export class EtcdRig {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tw-etcd-'));
  readonly #members: Running[] = [];

  static async start(count: number, flags: readonly string[] = []): Promise<EtcdRig> {
    const rig = new EtcdRig();
    const ports = await Promise.all(Array.from({ length: count * 2 }, freePort));
    const url = (i: number): string => `http://127.0.0.1:${ports[i] ?? 0}`;
    const names = Array.from({ length: count }, (_, i) => `m${i + 1}`);
    const cluster = names.map((n, i) => `${n}=${url(count + i)}`).join(',');
    for (const [i, name] of names.entries()) {
      const argv = [
        ...['--name', name, '--data-dir', join(rig.#dir, name), '--log-level', 'fatal', '--unsafe-no-fsync'],
        ...['--listen-client-urls', url(i), '--advertise-client-urls', url(i)],
        ...['--listen-peer-urls', url(count + i), '--initial-advertise-peer-urls', url(count + i)],
        ...['--initial-cluster', cluster, '--initial-cluster-token', 'rig', ...flags],
      ];
      rig.#members.push({ name, client: url(i), argv, process: undefined });
      rig.run(name);
    }
    await rig.ready();
    return rig;
  }

  /** Waits until the members have a leader and answer. */
  async ready(): Promise<void> {
    const store = new EtcdStore(this.options('/'));
    const until = performance.now() + 30_000;
    for (;;) {
      try {
        await store.get('ready');
        return await store.close();
      } catch (e) {
        if (performance.now() > until) throw e;
      }
      await systemClock.sleep(100);
    }
  }

  options(root: string, only?: readonly string[]): EtcdOptions {
    const names = only ?? this.#members.map((m) => m.name);
    const endpoints = names.map((name) => ({ name, url: this.#at(name).client }));
    return { endpoints, root, clock: systemClock, timeoutMs: 1500 };
  }

  run(name: string): void {
    const m = this.#at(name);
    m.process = spawn(ETCD, m.argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  signal(name: string, signal: NodeJS.Signals): void {
    this.#at(name).process?.kill(signal);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ process: p }) => {
        if (p === undefined || p.exitCode !== null || p.signalCode !== null) return;
        const ended = new Promise((done) => p.once('exit', done));
        p.kill('SIGKILL');
        await ended;
      }),
    );
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #at(name: string): Running {
    const found = this.#members.find((m) => m.name === name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }
}
