import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { type Clock, fault, type Journal, startOf, toJson } from '../../kernel/index.ts';
import { type Place, type RootId, type RunRef, rootName } from '../model.ts';
import type { QueryResult, RunHandle, RunResult, RunSpec, TerraformPort } from '../ports.ts';
import { lineCutter, parseLine, type TfEvent } from '../stream.ts';
import { terraformEnv } from './process.ts';
import { pruneRuns } from './runs.ts';

const POLL_MS = 100;
const TAIL_BYTES = 4096;

export interface RunnerOptions {
  /** Found when it is first needed. */
  binary: () => Promise<string>;
  place: Place;
  journal: Journal;
  clock: Clock;
  /** Environment of the caller; cleaned before use. */
  env: Readonly<Record<string, string | undefined>>;
}
interface Ended {
  code: number | null;
  signal?: string;
}

/** Last part of a text file, or nothing. */
function tailOf(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    return text.slice(-TAIL_BYTES).trim();
  } catch {
    return '';
  }
}

/** Reads a growing file until `ended` is fulfilled and its last byte is read. */
async function* follow(file: string, ended: Promise<unknown>, stop: AbortSignal, clock: Clock): AsyncIterable<TfEvent> {
  const fd = openSync(file, 'r');
  const cut = lineCutter();
  const decoder = new StringDecoder('utf8');
  const buffer = Buffer.alloc(65_536);
  let over = false;
  void ended.finally(() => {
    over = true;
  });
  try {
    while (!stop.aborted) {
      const last = over; // looked at before the read: what was written before the end is then read
      const n = readSync(fd, buffer, 0, buffer.length, null);
      for (const line of cut.push(decoder.write(buffer.subarray(0, n)))) yield parseLine(line);
      if (n === 0 && last) break;
      if (n === 0) await Promise.race([clock.sleep(POLL_MS), ended]);
    }
    const rest = cut.rest();
    if (rest.trim() !== '' && !stop.aborted) yield parseLine(rest);
  } finally {
    closeSync(fd);
  }
}

/** SIGINT once in the life of a run, also over several tw: terraform takes a second one as "die now". */
function interruptOnce(ref: RunRef): void {
  const marker = `${ref.eventsFile}.interrupted`;
  if (existsSync(marker) || startOf(ref.pid) !== ref.pidStarted) return;
  writeFileSync(marker, '', { mode: 0o600 });
  try {
    process.kill(ref.pid, 'SIGINT');
  } catch {
    // ended in between
  }
}

/** Folder of the run files, beside the roots. */
const runsDir = (o: RunnerOptions): string => join(dirname(o.place.rootsDir), 'runs');
const dirOf = (o: RunnerOptions, root: RootId): string => join(o.place.rootsDir, rootName(root));

async function argvOf(o: RunnerOptions, args: readonly string[]): Promise<[string, string[]]> {
  const [command = '', ...rest] = [...(o.place.enter ?? []), await o.binary(), ...args];
  return [command, rest];
}

/** Journals a step of a run; `key` names the run and its file. */
function note(o: RunnerOptions, state: 'intent' | 'started' | 'ended', key: string, more: object = {}): void {
  const name = key.split('/')[1] ?? '';
  const cluster = name.startsWith('cluster-') ? { cluster: name.slice('cluster-'.length) } : {};
  o.journal.append({ kind: 'infra.run', ...cluster, data: toJson({ state, key, ...more }) });
}

interface Live {
  ref: RunRef;
  key: string;
  ended: Promise<Ended>;
  /** Lets this process end although the run goes on. */
  unref(): void;
}

function handleOf(o: RunnerOptions, live: Live): RunHandle {
  const { ref, key, ended } = live;
  const stop = new AbortController();
  const left = new Promise<RunResult>((resolve) =>
    stop.signal.addEventListener('abort', () => resolve({ code: null, stderr: '', detached: true })),
  );
  const finished = ended.then((e): RunResult => {
    if (!stop.signal.aborted) note(o, 'ended', key, { code: e.code });
    return { ...e, stderr: tailOf(`${ref.eventsFile}.stderr`) };
  });
  return {
    ref,
    events: follow(ref.eventsFile, Promise.race([ended, left]), stop.signal, o.clock),
    interruptOnce: () => interruptOnce(ref),
    detach: () => {
      stop.abort();
      live.unref();
    },
    done: Promise.race([finished, left]),
  };
}

/** Starts terraform in a session of its own, its output in files: it outlives this process. */
async function start(o: RunnerOptions, env: Record<string, string>, spec: RunSpec): Promise<RunHandle> {
  const key = `${spec.run}/${rootName(spec.root)}/${spec.verb}-${o.clock.now()}`;
  const eventsFile = join(runsDir(o), `${key}.jsonl`);
  if (!existsSync(join(runsDir(o), spec.run))) pruneRuns(runsDir(o), o.journal);
  note(o, 'intent', key);
  const [command, args] = await argvOf(o, spec.args);
  const files = openFiles(eventsFile);
  const stdio: ['ignore', number, number] = ['ignore', files.out, files.err];
  const child = spawn(command, args, { cwd: dirOf(o, spec.root), env, detached: true, stdio });
  files.close();
  const ended = once(child, 'exit').then(
    ([code, signal]): Ended => ({
      code: code as number | null,
      ...(signal === null ? {} : { signal: String(signal) }),
    }),
    (): Ended => ({ code: null }),
  );
  if (child.pid === undefined) {
    const cause: unknown = await once(child, 'spawn').catch((e: unknown) => e);
    note(o, 'ended', key);
    throw fault('TW2107', { value: command, cause });
  }
  const { run, root, verb } = spec;
  const pidStarted = startOf(child.pid) ?? '';
  const ref: RunRef = { run, root, verb, host: hostname(), pid: child.pid, pidStarted, eventsFile };
  note(o, 'started', key, { ref });
  return handleOf(o, { ref, key, ended, unref: () => child.unref() });
}

/** The runner of real processes (infra.md, Spawn and Resume). */
export function terraformRunner(o: RunnerOptions): TerraformPort {
  const env = terraformEnv(o.env, o.place.env);
  return {
    start: async (spec) => await start(o, env, spec),
    attach: async (ref) => {
      const key = ref.eventsFile.slice(runsDir(o).length + 1, -'.jsonl'.length);
      return handleOf(o, { ref, key, ended: gone(ref, o.clock), unref: () => undefined });
    },
    alive: (ref) => ref.host === hostname() && startOf(ref.pid) === ref.pidStarted,
    query: async (root, args) => await query(await argvOf(o, args), dirOf(o, root), env),
  };
}

function openFiles(eventsFile: string): { out: number; err: number; close(): void } {
  try {
    mkdirSync(dirname(eventsFile), { recursive: true, mode: 0o700 });
    const out = openSync(eventsFile, 'a', 0o600);
    const err = openSync(`${eventsFile}.stderr`, 'a', 0o600);
    return {
      out,
      err,
      close: () => {
        closeSync(out);
        closeSync(err);
      },
    };
  } catch (cause) {
    throw fault('TW2107', {
      value: eventsFile,
      cause,
      fix: [{ say: 'Check free disk space and the rights of the folder.' }],
    });
  }
}

/** Resolves when a process that is not our child has ended. */
async function gone(ref: RunRef, clock: Clock): Promise<Ended> {
  while (startOf(ref.pid) === ref.pidStarted) await clock.sleep(POLL_MS);
  return { code: null };
}

async function query(
  [command, args]: [string, string[]],
  cwd: string,
  env: Record<string, string>,
): Promise<QueryResult> {
  return await new Promise((resolve) => {
    execFile(command, args, { cwd, env, maxBuffer: 256 * 1024 * 1024 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
    });
  });
}
