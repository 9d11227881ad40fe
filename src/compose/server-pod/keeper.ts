import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { type Clock, causes, createFile, readFile, replaceFile } from '../../kernel/index.ts';
import { CONFIG, type ProjectFiles, projectId } from './bundle.ts';
import { packFiles, unpackFiles } from './files.ts';
import { PORTS } from './names.ts';

/**
 * `empty`: it waits for the files of the fleet; `serving`; `giving`: it stopped so that they can be taken home; `given`:
 * somebody else has them, it never serves again.
 */
export type Standing = 'empty' | 'serving' | 'giving' | 'given';

/** What the pod says of itself. */
export interface KeeperState {
  is: Standing;
  fleet: string;
  version: string;
  /** It answers to commands. */
  ready: boolean;
  /** Digest of the project that is in force. */
  project: string | null;
}

export interface KeeperOptions {
  fleet: string;
  version: string;
  /** Folder of the volume. */
  data: string;
  /** Where the cluster puts the project's files. */
  project: string;
  /** What replaces the addresses of clouds that are simulated. */
  place?: { file: string; name: 'sandbox' };
  /** Starts `tw serve`. */
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log(line: string): void;
  /** Loopback; only tests take others. */
  ports?: { api: number; keep: number; health: number };
}

const LOOK_MS = 1000;
const LOOPBACK = '127.0.0.1';

/** Keeps one `tw serve` in a pod: waits for the fleet's files, starts it, and gives the files back. */
export class Keeper {
  readonly #o: KeeperOptions;
  readonly #ports: NonNullable<KeeperOptions['ports']>;
  readonly #servers: Server[] = [];
  readonly #end = Promise.withResolvers<number>();
  #child: ChildProcess | undefined;
  #ready = false;
  #giving = false;
  #taking = false;
  #stopping = false;
  #project: string | null = null;

  constructor(o: KeeperOptions) {
    this.#o = o;
    this.#ports = o.ports ?? PORTS;
  }

  get #dirs() {
    const at = (name: string): string => join(this.#o.data, name);
    return { state: at('state'), project: at('project'), incoming: at('incoming'), given: at('given.json') };
  }

  get #is(): Standing {
    if (existsSync(this.#dirs.given)) return 'given';
    if (!existsSync(this.#dirs.state)) return 'empty';
    return this.#giving ? 'giving' : 'serving';
  }

  #state(): KeeperState {
    const { fleet, version } = this.#o;
    return { is: this.#is, fleet, version, ready: this.#ready, project: this.#project };
  }

  /** Until the signal fires or `tw serve` ends by itself; the exit code. */
  async run(signal: AbortSignal): Promise<number> {
    mkdirSync(this.#o.data, { recursive: true, mode: 0o700 });
    this.#unpackProject();
    await this.#listen(this.#ports.keep, LOOPBACK, (req, res) => void this.#keep(req, res));
    await this.#listen(this.#ports.health, '0.0.0.0', (req, res) => this.#health(req, res));
    if (this.#is === 'serving') this.#serve();
    else this.#o.log(`${this.#is}: the files of ${this.#o.fleet} are not here`);
    const looking = this.#look(signal);
    signal.addEventListener('abort', () => void this.#stop().then(() => this.#end.resolve(0)), { once: true });
    const code = await this.#end.promise;
    for (const s of this.#servers) s.close();
    for (const s of this.#servers) s.closeAllConnections();
    await looking;
    return code;
  }

  #listen(port: number, host: string, answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<void> {
    const server = createServer(answer);
    this.#servers.push(server);
    return new Promise((done, failed) => {
      server.once('error', failed);
      server.listen(port, host, () => done());
    });
  }

  /** The project as the cluster brings it, and whether the server answers; both again and again. */
  async #look(signal: AbortSignal): Promise<void> {
    const ended = this.#end.promise.then(() => true);
    while (!signal.aborted) {
      this.#unpackProject();
      this.#ready = this.#child !== undefined && (await this.#answers());
      const over = await Promise.race([ended, this.#o.clock.sleep(LOOK_MS, signal).catch(() => true)]);
      if (over === true) return;
    }
  }

  async #answers(): Promise<boolean> {
    const url = `http://${LOOPBACK}:${this.#ports.api}/healthz`;
    return await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
      (r) => r.ok,
      () => false,
    );
  }

  /** Writes what changed; the config last, for the server reads it again when it moves. */
  #unpackProject(): void {
    const packed = readBytes(this.#o.project);
    if (packed === undefined) return;
    const id = projectId(packed.toString('base64'));
    if (id === this.#project) return;
    try {
      const files = JSON.parse(gunzipSync(packed).toString()) as ProjectFiles;
      for (const [name, text] of Object.entries(files)) {
        const path = join(this.#dirs.project, name);
        if (readFile(path) !== text) replaceFile(path, text);
      }
      this.#project = id;
    } catch (e) {
      this.#o.log(`the project's files cannot be taken over: ${causes(e).join(': ')}`);
    }
  }

  #serve(): void {
    const { argv, place, env, log } = this.#o;
    const { state, project } = this.#dirs;
    const config = join(project, CONFIG);
    replaceFile(join(state, 'project.json'), `${JSON.stringify({ config, place: place?.name ?? 'real' }, null, 2)}\n`);
    const { TW_SERVER: _, ...rest } = env;
    const own = { TW_STATE_DIR: state, TW_CONFIG: config, ...(place === undefined ? {} : { TW_PLACE: place.file }) };
    const [command = '', ...args] = argv;
    const child = spawn(command, args, {
      cwd: project,
      env: { ...rest, ...own },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.#child = child;
    log(`serving ${this.#o.fleet}`);
    child.on('error', (e) => log(e.message));
    child.on('close', (code) => {
      this.#child = undefined;
      this.#ready = false;
      // The kubelet starts all of it again.
      if (!this.#giving && !this.#stopping) this.#end.resolve(code === 0 ? 1 : (code ?? 1));
    });
  }

  /** The server stops safely: what runs there comes to a point where it can be resumed. */
  async #stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined) return;
    const closed = new Promise<void>((done) => child.once('close', () => done()));
    child.kill('SIGTERM');
    await closed;
  }

  #health(req: IncomingMessage, res: ServerResponse): void {
    const ok = req.url === '/healthz' || (req.url === '/readyz' && this.#ready);
    res.writeHead(ok ? 200 : 503).end(`${this.#is}\n`);
  }

  async #keep(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const route = `${req.method ?? ''} ${req.url ?? ''}`;
    try {
      if (route === 'GET /state') sayJson(res, 200, this.#state());
      else if (route === 'POST /take') await this.#take(req, res);
      else if (route === 'POST /give') await this.#give(res);
      else if (route === 'POST /keep') this.#keepOn(res);
      else if (route === 'POST /given') this.#given(res);
      else sayJson(res, 404, { why: 'there is nothing at this address' });
    } catch (e) {
      this.#o.log(`${route}: ${causes(e).join(': ')}`);
      if (res.headersSent) res.destroy();
      else sayJson(res, 500, { why: causes(e).join(': ') });
    }
  }

  /** The files come in whole or not at all. */
  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { incoming, state } = this.#dirs;
    if (this.#is !== 'empty' || this.#taking) {
      sayJson(res, 409, { why: `it is ${this.#taking ? 'taking files already' : this.#is}` });
      return;
    }
    this.#taking = true;
    try {
      rmSync(incoming, { recursive: true, force: true });
      await unpackFiles(req, incoming);
      renameSync(incoming, state);
    } finally {
      this.#taking = false;
    }
    this.#serve();
    sayJson(res, 200, this.#state());
  }

  /** Stops and sends the files; until `given` says that they arrived, a restart of the pod serves again. */
  async #give(res: ServerResponse): Promise<void> {
    if (this.#is === 'empty') {
      sayJson(res, 409, { why: 'there are no files' });
      return;
    }
    this.#giving = true;
    await this.#stop();
    const { state } = this.#dirs;
    try {
      res.writeHead(200, { 'content-type': 'application/gzip' });
      await pipeline(packFiles({ stateDir: state, rootsDir: join(state, 'roots') }), res);
    } catch (e) {
      // Whoever asked may be gone, and nobody else would say that it goes on.
      this.#goOn();
      throw e;
    }
  }

  #goOn(): void {
    if (this.#is !== 'giving' || this.#child !== undefined) return;
    this.#giving = false;
    this.#stopping = false;
    this.#serve();
  }

  /** They did not arrive: it goes on. */
  #keepOn(res: ServerResponse): void {
    this.#goOn();
    sayJson(res, 200, this.#state());
  }

  #given(res: ServerResponse): void {
    if (this.#is === 'giving') createFile(this.#dirs.given, `${JSON.stringify({ at: this.#o.clock.now() })}\n`);
    sayJson(res, this.#is === 'given' ? 200 : 409, this.#state());
  }
}

function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function sayJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
