// Real redis-server processes for tests and benchmarks, on addresses of loopback, in a folder that goes with them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bytesOf, ReplyScanner } from '../resp/replies.ts';
import { decode, encode, type Value } from '../resp/values.ts';

/** Where the program is, by PATH; undefined = not installed. */
export function programOf(name: string): string | undefined {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return places
    .map((p) => join(p, name))
    .find((p) => {
      try {
        accessSync(p, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Runs `line` where `dir`, with the files that are in it, is a disk of so many bytes. Every program replaces the one before it. */
const onDisk = (dir: string, bytes: number, line: readonly string[]): string[] => [
  ...['unshare', '--map-root-user', '--mount', 'sh', '-ec'],
  'cp "$1/redis.conf" "$1.conf"; mount -t tmpfs -o "size=$2" tmpfs "$1"; mv "$1.conf" "$1/redis.conf"; shift 2; exec "$@"',
  ...['sh', dir, `${bytes}`, ...line],
];

/** Whether this machine lets a test have a disk of its own. */
export const hasDisks = (): boolean =>
  spawnSync('unshare', ['--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

/** A port of that address that nobody has now. */
export async function freePortAt(host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const at = server.address();
  server.close();
  await once(server, 'close');
  if (at === null || typeof at === 'string') throw new Error('no port');
  return at.port;
}

export class RedisProcess {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'twr-'));
  readonly host: string;
  readonly port: number;
  readonly #argv: readonly string[];
  readonly #diskBytes: number | undefined;
  #child: ChildProcess | undefined;

  /**
   * `conf` may use the folder `dir`; `argv` comes after the file (`--sentinel`). With `diskBytes` the folder is a small
   * disk that nobody but this process sees, and that goes with it.
   */
  constructor(o: { host: string; port: number; argv?: readonly string[]; diskBytes?: number }) {
    this.host = o.host;
    this.port = o.port;
    this.#argv = o.argv ?? [];
    this.#diskBytes = o.diskBytes;
  }

  /** The folder as the process sees it, while it runs. */
  get inside(): string {
    return `/proc/${this.pid}/root${this.dir}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and waits until it accepts connections. */
  async start(conf: string): Promise<void> {
    const program = programOf('redis-server');
    if (program === undefined) throw new Error('redis-server is not installed');
    const file = join(this.dir, 'redis.conf');
    writeFileSync(file, conf);
    const line = [program, file, ...this.#argv];
    const [command = '', ...args] = this.#diskBytes === undefined ? line : onDisk(this.dir, this.#diskBytes, line);
    this.#child = spawn(command, args, { cwd: this.dir, stdio: 'ignore' });
    for (let i = 0; i < 250; i++) {
      const socket = connect(this.port, this.host);
      const up = await once(socket, 'connect')
        .then(() => true)
        .catch(() => false);
      socket.destroy();
      if (up) return;
      if (this.#child.exitCode !== null) break;
      await delay(20);
    }
    throw new Error(`redis-server did not start on ${this.host}:${this.port}`);
  }

  /** Ends it as a crash does, or stops it in its tracks (SIGSTOP, SIGCONT). */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.alive) return;
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    await once(child, 'exit');
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A client that shows what Redis really answers: one command at a time or many, errors as values. */
export class RawClient {
  readonly #socket;
  readonly #scanner = new ReplyScanner();
  #waiting: ((v: Value | Error) => void)[] = [];
  closed = false;

  private constructor(at: { host: string; port: number; localAddress?: string }) {
    this.#socket = connect(at);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk) => {
      for (const r of this.#scanner.push(chunk)) this.#waiting.shift()?.(decode(bytesOf(r)));
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.closed = true;
      for (const tell of this.#waiting.splice(0)) tell(new Error('connection closed'));
    });
  }

  static async open(at: { host: string; port: number; localAddress?: string }): Promise<RawClient> {
    const client = new RawClient(at);
    await once(client.#socket, 'connect');
    return client;
  }

  /** The reply, an error reply as value; rejects when the connection ends before it. */
  async ask(...args: (string | Buffer | number)[]): Promise<Value> {
    return (await this.pipeline([args]))[0] ?? null;
  }

  async pipeline(commands: readonly (readonly (string | Buffer | number)[])[]): Promise<Value[]> {
    return await this.raw(commands.map(encode));
  }

  /** Commands that are encoded already. */
  async raw(commands: readonly Buffer[]): Promise<Value[]> {
    const replies = commands.map(() => {
      const { promise, resolve } = Promise.withResolvers<Value | Error>();
      this.#waiting.push(resolve);
      if (this.closed) resolve(new Error('connection closed'));
      return promise;
    });
    this.#socket.write(Buffer.concat(commands));
    const got = await Promise.all(replies);
    const broken = got.find((v) => v instanceof Error);
    if (broken !== undefined) throw broken;
    return got as Value[];
  }

  /** Sends bytes as they are. */
  send(bytes: Buffer | string): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Waits until `ready` says true; a throw counts as not yet. Throws with `what` after `limitMs`. */
export async function untilTrue(
  what: string,
  ready: () => boolean | Promise<boolean>,
  limitMs = 15_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const yes = await Promise.resolve()
      .then(ready)
      .catch(() => false);
    if (yes) return;
    await delay(15);
  }
  throw new Error(`not in ${limitMs} ms: ${what}`);
}
