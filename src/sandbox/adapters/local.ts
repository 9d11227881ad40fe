import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import type { Place } from '../../infra/index.ts';
import { type Clock, fault, systemClock, type TwError, toJson } from '../../kernel/index.ts';
import { checkBinaries } from '../binaries.ts';
import type {
  ChaosChange,
  ChaosReceipt,
  ProcessView,
  SandboxEvent,
  SandboxSpec,
  SandboxView,
  Visit,
  VisitRequest,
} from '../model.ts';
import { layout } from '../plan/layout.ts';
import { namespaceOf } from '../plan/places.ts';
import { preflightFault } from '../plan/preflight.ts';
import { grownFrom, growsLive } from '../plan/spec.ts';
import { restingView } from '../plan/view.ts';
import type { SandboxPort } from '../ports.ts';
import { childEnv, commandLines } from '../supervisor/commands.ts';
import { bringDown, sweep } from './down.ts';
import { lastWords, readJson } from './files.ts';
import { ROLE, scanMarked } from './marks.ts';
import { machineFacts } from './preflight.ts';
import { claim, connectSecret, writeDirectory } from './prepare.ts';
import { unixHttp } from './unix-http.ts';

/** What the clouds' folder adds: the mirror terraform installs its providers from, and credentials drawn from the seed. */
export interface CloudsKit {
  /** Writes DIR/mirror and DIR/terraformrc. */
  writeMirror(o: { dir: string; providerBinary: string; schemaDir: string; socket: string }): {
    env: Record<string, string>;
  };
  fakeCredentials(
    seed: number,
    accounts: SandboxSpec['accounts'],
  ): { env: Record<string, string>; endpoints: Record<string, string> };
}
export interface LocalOptions {
  dir: string;
  kit: CloudsKit;
  /** Folder that `down --purge` deletes as well. */
  cache?: string;
  /** Node that runs supervisor, clouds and users. */
  node?: string;
  clock?: Clock;
  /** How long `up` waits for the world. Default 120 s. */
  startMs?: number;
}

const POLL_MS = 100;

/** The sandbox of one directory on this machine. */
export function localSandbox(o: LocalOptions): SandboxPort {
  const clock = o.clock ?? systemClock;
  const l = layout(o.dir);
  const node = o.node ?? process.execPath;

  async function status(): Promise<SandboxView> {
    try {
      return (await ask(o.dir, '/view')) as SandboxView;
    } catch {
      const id = existsSync(l.id) ? readFileSync(l.id, 'utf8').trim() : undefined;
      const orphans = id === undefined ? 0 : scanMarked(id).length;
      return restingView({ at: clock.now(), dir: o.dir, orphans, ...(id === undefined ? {} : { id }) });
    }
  }

  return {
    up: (spec) => start(spec, { o, clock, node, status }),
    down: ({ purge }) => bringDown(o.dir, { purge, ...(o.cache === undefined ? {} : { cache: o.cache }) }),
    status,
    chaos: async (change: ChaosChange) => (await ask(o.dir, '/chaos', change)) as ChaosReceipt,
    visit: (request) => visit(request, { dir: o.dir, status }),
    place: async () => placeOf(o, node),
    enter: async (place) => enterPrefix(place, { dir: o.dir, node, view: await status() }),
  };
}

interface StartDeps {
  o: LocalOptions;
  clock: Clock;
  node: string;
  status: () => Promise<SandboxView>;
}

async function* start(wanted: SandboxSpec, d: StartDeps): AsyncGenerator<SandboxEvent> {
  const { o, clock } = d;
  const l = layout(o.dir);
  const known = readJson<SandboxSpec>(l.spec);
  const spec = grownFrom(wanted, known);
  const step = steps(clock);
  const began = clock.monotonic();
  const event = (name: string, state: SandboxEvent['state'], detail?: string): SandboxEvent => ({
    at: clock.now(),
    step: name,
    state,
    ...(detail === undefined ? {} : { detail }),
  });
  const now = (await d.status()).state;
  if (now === 'up' && JSON.stringify(known) === JSON.stringify(spec)) {
    yield event('sandbox', 'note', 'already up');
    yield { ...event('sandbox', 'done'), ms: 0 };
    return;
  }
  const runs = now === 'up' || now === 'degraded';
  if (runs && known !== undefined && growsLive(known, spec)) {
    yield* grow(spec, d, step);
    yield* pages(await d.status(), clock);
    yield { ...event('sandbox', 'done'), ms: Math.round(clock.monotonic() - began) };
    return;
  }
  if (runs)
    yield event('sandbox', 'note', 'the config asks for another world: all of it starts again, as after a power cut');
  yield* step('preflight', async () => preflight(spec));
  const id = claim(o.dir);
  yield* step('sweep', async () => {
    const killed = await sweep(id);
    return killed === 0 ? undefined : `${killed} processes of an earlier life ended`;
  });
  yield* step('directory', async () => writeDirectory(spec, { id, rootless: process.getuid?.() !== 0 }));
  yield* step('provider mirror', async () => {
    o.kit.writeMirror({
      dir: o.dir,
      providerBinary: `${spec.bins}/tw-provider`,
      schemaDir: `${spec.root}/terraform/schema`,
      socket: l.cloudsSocket,
    });
  });
  const alive = startSupervisor(spec, { id, node: d.node });
  const log = `${l.log}/supervisor.log`;
  yield* progress({ status: d.status, clock, startMs: o.startMs ?? 120_000, log, alive });
  yield* pages(await d.status(), clock);
  yield { ...event('sandbox', 'done'), ms: Math.round(clock.monotonic() - began) };
}

function* pages(view: SandboxView, clock: Clock): Generator<SandboxEvent> {
  for (const [name, url] of Object.entries(view.doors.pages))
    yield { at: clock.now(), step: `users ${name}`, state: 'note', detail: url };
}

/** New places come to a world that runs; nothing in it ends. */
async function* grow(spec: SandboxSpec, d: StartDeps, step: ReturnType<typeof steps>): AsyncGenerator<SandboxEvent> {
  const { dir } = d.o;
  yield* step('preflight', async () => preflight(spec));
  yield* step('directory', async () => writeDirectory(spec, { id: claim(dir), rootless: process.getuid?.() !== 0 }));
  yield* step('new places', async () => {
    const { sites } = (await ask(dir, '/grow', {})) as { sites: readonly string[] };
    return sites.length === 0 ? 'none' : sites.join(', ');
  });
}

const absent = (dir: string, cause?: unknown) =>
  fault('TW9008', {
    value: dir,
    fix: [{ say: 'Start it.', command: 'tw sandbox up' }],
    ...(cause === undefined ? {} : { cause }),
  });

/** One question to the supervisor. Throws TW9008 when none answers, TW9010 and TW9012 with its words. */
async function ask(dir: string, path: string, body?: unknown): Promise<unknown> {
  const method = body === undefined ? 'GET' : 'POST';
  const sent = body === undefined ? {} : { body: toJson(body) };
  const socket = layout(dir).supervisorSocket;
  const reply = await unixHttp(socket, { method, path, ...sent, timeoutMs: 60_000 }).catch((cause: unknown) => {
    throw absent(dir, cause);
  });
  if (reply.status < 400) return reply.body;
  const said = reply.body as { code?: string; message?: string; faults?: string[] };
  const why = said.faults ?? [said.message ?? `status ${reply.status}`];
  throw fault(said.code === 'TW9010' ? 'TW9010' : 'TW9012', { value: path, why });
}

function preflight(spec: SandboxSpec): void {
  const wish = {
    dir: spec.dir,
    clusters: spec.clusters.map((c) => c.name),
    users: spec.users.map((u) => u.name),
    ignoreMemory: spec.ignoreMemory,
  };
  const refused = preflightFault(machineFacts(spec.dir), wish);
  if (refused !== undefined) throw refused;
  checkBinaries(spec.bins);
}

/** Its own session, output to a file: it outlives the command that started it. */
function startSupervisor(spec: SandboxSpec, o: { id: string; node: string }): () => boolean {
  const l = layout(spec.dir);
  const [command = '', ...args] = commandLines(spec, l, o.node).supervisor;
  const log = openSync(`${l.log}/supervisor.log`, 'a', 0o600);
  const env = { ...childEnv(l, o.id), [ROLE]: 'supervisor' };
  const child = spawn(command, args, { cwd: l.dir, env, detached: true, stdio: ['ignore', log, log] });
  let alive = true;
  for (const end of ['error', 'exit']) child.once(end, () => (alive = false));
  child.unref();
  closeSync(log);
  return () => alive;
}

function steps(clock: Clock) {
  return async function* step(
    name: string,
    work: () => Promise<string | undefined | void>,
  ): AsyncGenerator<SandboxEvent> {
    const began = clock.monotonic();
    yield { at: clock.now(), step: name, state: 'start' };
    const ms = (): number => Math.round(clock.monotonic() - began);
    try {
      const detail = await work();
      yield { at: clock.now(), step: name, state: 'done', ms: ms(), ...(typeof detail === 'string' ? { detail } : {}) };
    } catch (error) {
      yield { at: clock.now(), step: name, state: 'failed', ms: ms() };
      throw error;
    }
  };
}

interface ProgressDeps {
  status: () => Promise<SandboxView>;
  clock: Clock;
  startMs: number;
  log: string;
  /** Whether the supervisor's process lives. */
  alive: () => boolean;
}

/** One event per process that starts or serves, until the supervisor says it is all there. Throws TW9040. */
async function* progress(d: ProgressDeps): AsyncGenerator<SandboxEvent> {
  const told = new Map<string, string>();
  const until = d.clock.monotonic() + d.startMs;
  for (;;) {
    const view = await d.status();
    for (const p of view.processes.filter((x) => told.get(x.name) !== x.state)) {
      told.set(p.name, p.state);
      yield processEvent(p, view.at);
    }
    // A machine of an earlier life that does not start again is no reason to withhold the others.
    for (const why of view.state === 'degraded' ? view.why : [])
      yield { at: view.at, step: 'sandbox', state: 'note', detail: why };
    if (view.state === 'up' || view.state === 'degraded') return;
    if (!d.alive() || view.state === 'failed') throw notStarted(d, view, 'start failed');
    if (d.clock.monotonic() > until) throw notStarted(d, view, `no world after ${Math.round(d.startMs / 1000)} s`);
    await d.clock.sleep(POLL_MS);
  }
}

function notStarted(d: ProgressDeps, view: SandboxView, value: string): TwError {
  return fault('TW9040', {
    value,
    where: [{ file: d.log }],
    why: view.why.length > 0 ? view.why : [lastWords(d.log)],
    fix: [{ say: 'Clear away what was started.', command: 'tw sandbox down' }],
  });
}

function processEvent(p: ProcessView, at: number): SandboxEvent {
  const common = { at, step: p.name, ...(p.why === undefined ? {} : { detail: p.why }) };
  if (p.state === 'up') return { ...common, state: 'done', ms: Math.max(0, at - (p.since ?? at)) };
  return { ...common, state: p.state === 'starting' ? 'start' : p.state === 'failed' ? 'failed' : 'note' };
}

async function visit(request: VisitRequest, o: { dir: string; status: () => Promise<SandboxView> }): Promise<Visit[]> {
  const l = layout(o.dir);
  const { users, state } = await o.status();
  if (state === 'absent' || state === 'orphaned') throw absent(o.dir);
  const from = request.from ?? users;
  const unknown = from.filter((f) => !users.includes(f));
  if (unknown.length > 0) {
    throw fault('TW9010', { value: unknown.join(', '), why: [`user regions here: ${users.join(', ')}`] });
  }
  const times = request.times ?? 1;
  const patience = 15_000 + times * ((request.timeoutMs ?? 5000) + (request.everyMs ?? 0) + 8000);
  const all = await Promise.all(
    from.map(async (name) => {
      const { from: _, ...rest } = request;
      const reply = await unixHttp(l.usersSocket(name), {
        method: 'POST',
        path: '/visit',
        body: toJson(rest),
        timeoutMs: patience,
      }).catch((cause: unknown) => {
        throw fault('TW9040', { value: `users-${name}`, cause });
      });
      if (reply.status >= 400) throw fault('TW9010', { value: name, why: [JSON.stringify(reply.body)] });
      return reply.body as Visit[];
    }),
  );
  return all.flat();
}

function enterPrefix(place: string, o: { dir: string; node: string; view: SandboxView }): string[] {
  const spec = readJson<SandboxSpec>(layout(o.dir).spec);
  if (spec === undefined || o.view.state === 'absent') throw absent(o.dir);
  const ns = namespaceOf(place, o.view, spec);
  if ('fault' in ns) throw fault('TW9010', { value: place, why: [ns.fault] });
  return commandLines(spec, layout(o.dir), o.node).enter(ns.name, []);
}

function placeOf(o: LocalOptions, node: string): Place {
  const l = layout(o.dir);
  const spec = readJson<SandboxSpec>(l.spec);
  const id = existsSync(l.id) ? readFileSync(l.id, 'utf8').trim() : '';
  if (spec === undefined || id === '') throw absent(o.dir);
  const doors = readJson<{ connect?: { port: number } }>(l.doors);
  const { env, endpoints } = o.kit.fakeCredentials(spec.seed, spec.accounts);
  const lines = commandLines(spec, l, node);
  return {
    name: 'sandbox',
    env: {
      ...childEnv(l, id),
      TF_CLI_CONFIG_FILE: l.terraformrc,
      CHECKPOINT_DISABLE: '1',
      TW_CLOUDS_SOCKET: l.cloudsSocket,
      ...env,
    },
    endpoints,
    ...(doors?.connect === undefined
      ? {}
      : { proxyUrl: `http://tw:${connectSecret(o.dir)}@127.0.0.1:${doors.connect.port}` }),
    enter: lines.enter('operator', []),
    rootsDir: l.roots,
    lockDir: l.locks,
    ownProviders: true,
  };
}
