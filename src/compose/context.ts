import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { type Context, type Engine, type Invocation, isRun, runJournal, type SandboxDoor } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import type { Place } from '../infra/index.ts';
import { fault, JOURNAL_FILE, type Journal, openJournal, openStore, type Store, systemClock } from '../kernel/index.ts';
import type { Known } from '../traffic/index.ts';
import { configPath, readProject, rememberProject, sandboxDir, stateDirOf } from './place.ts';
import type { Ways } from './server-pod/door.ts';
import { fileWitness } from './witness.ts';

/** Simulated clouds as whoever works beside them, in a pod, is told of them. */
interface PlaceFile {
  place: Place;
  known: Known;
}

async function engineOf(c: Context, place: 'sandbox' | 'real'): Promise<Engine> {
  const [config, { createEngine }, { realPlace, refuseLab }] = await Promise.all([
    c.config(),
    import('./engine.ts'),
    import('./place.ts'),
  ]);
  if (place === 'real') refuseLab(config);
  rememberProject(c.stateDir, { config: config.file, place });
  const common = { config, journal: c.journal(), clock: c.clock, stateDir: c.stateDir };
  if (place === 'real') return await createEngine({ ...common, place: realPlace(c.stateDir, config.dir), known: {} });
  const told = process.env['TW_PLACE'];
  if (told !== undefined && told !== '')
    return await createEngine({ ...common, ...(JSON.parse(readFileSync(told, 'utf8')) as PlaceFile) });
  const { knownOf, sandboxDoor } = await import('./sandbox.ts');
  const { port } = sandboxDoor(sandboxDir(c.stateDir, process.env));
  const at = await port.place();
  return await createEngine({ ...common, place: at, known: knownOf(await port.status(), config) });
}

function opened(stateDir: string, run: string | undefined): Journal {
  const journal = openJournal(join(stateDir, JOURNAL_FILE));
  return run === undefined ? journal : runJournal(journal, run);
}

/** Told to the server that is a pod. */
function standing(env: NodeJS.ProcessEnv): Pick<Context, 'standsAt'> {
  const standsAt = env['TW_STANDS_AT'];
  return standsAt === undefined || standsAt === '' ? {} : { standsAt };
}

/** `read` absent: the config is loaded once, as a process that ends with its verb needs it. */
export function contextOf(call: Invocation, read?: () => Promise<Config>): Context {
  const cwd = process.cwd();
  const stateDir = stateDirOf(cwd, process.env, call.config);
  const run = isRun(call.verb) ? (call.run ?? ulid()) : undefined;
  let journal: Journal | undefined;
  let book: Store | undefined;
  let config: Promise<Config> | undefined;
  let engine: Promise<Engine> | undefined;
  let door: SandboxDoor | undefined;
  let ways: Promise<Ways> | undefined;
  let closed = false;
  // Who comes late would leave connections that nobody closes, and the process would not end.
  const late = (): Promise<never> => Promise.reject(fault('TW8028', { value: `tw ${call.verb}` }));
  const context: Context = {
    cwd,
    stateDir,
    clock: systemClock,
    journal: () => (journal ??= opened(stateDir, run)),
    witness: fileWitness(stateDir),
    book: () => (book ??= openStore(join(stateDir, JOURNAL_FILE))),
    config: () =>
      (config ??=
        read?.() ??
        import('../config/index.ts').then((m) => m.loadConfig(configPath(cwd, stateDir, call.config, process.env)))),
    engine: (place) =>
      closed ? late() : (engine ??= engineOf(context, place ?? readProject(stateDir)?.place ?? 'real')),
    server: async () => (await import('./server.ts')).serverDoor(context, call.config, contextOf),
    remote: async () => (await import('./remote.ts')).remoteOf(context),
    pod: async () => await (await import('./server-pod/door.ts')).podOf(context),
    reach: async (cluster) =>
      await (ways ??= import('./server-pod/door.ts').then((m) => new m.Ways(context))).then((w) => w.to(cluster)),
    ...standing(process.env),
    sandbox: async () => (door ??= (await import('./sandbox.ts')).sandboxDoor(sandboxDir(stateDir, process.env)).door),
    close: async () => {
      closed = true;
      await (await ways?.catch(() => undefined))?.close();
      await (await engine?.catch(() => undefined))?.close();
      await book?.close();
      journal?.close();
    },
  };
  return context;
}
