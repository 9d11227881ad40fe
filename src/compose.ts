/** The entry of every process of the product: argv → CLI, or a process of the data plane. */
import { join } from 'node:path';
import { ulid } from 'ulid';
import { cli } from './cli/main.ts';
import { type Context, type Engine, type Invocation, isRun, runJournal, type SandboxDoor } from './commands/index.ts';
import { configPath, ROOT, readProject, rememberProject, sandboxDir, stateDirOf } from './compose/place.ts';
import type { Config } from './config/index.ts';
import { fault, type Journal, openJournal, openStore, type Store, systemClock } from './kernel/index.ts';

async function engineOf(c: Context, place: 'sandbox' | 'real'): Promise<Engine> {
  const [config, { createEngine }, { realPlace, refuseLab }] = await Promise.all([
    c.config(),
    import('./compose/engine.ts'),
    import('./compose/place.ts'),
  ]);
  if (place === 'real') refuseLab(config);
  rememberProject(c.stateDir, { config: config.file, place });
  const common = { config, journal: c.journal(), clock: c.clock, stateDir: c.stateDir };
  if (place === 'real') return await createEngine({ ...common, place: realPlace(c.stateDir, config.dir), known: {} });
  const { knownOf, sandboxDoor } = await import('./compose/sandbox.ts');
  const { port } = sandboxDoor(sandboxDir(c.stateDir, process.env));
  const at = await port.place();
  return await createEngine({ ...common, place: at, known: knownOf(await port.status(), config) });
}

function opened(stateDir: string, run: string | undefined): Journal {
  const journal = openJournal(join(stateDir, 'journal.db'));
  return run === undefined ? journal : runJournal(journal, run);
}

/** `read` absent: the config is loaded once, as a process that ends with its verb needs it. */
function contextOf(call: Invocation, read?: () => Promise<Config>): Context {
  const cwd = process.cwd();
  const stateDir = stateDirOf(cwd, process.env, call.config);
  const run = isRun(call.verb) ? (call.run ?? ulid()) : undefined;
  let journal: Journal | undefined;
  let book: Store | undefined;
  let config: Promise<Config> | undefined;
  let engine: Promise<Engine> | undefined;
  let door: SandboxDoor | undefined;
  const context: Context = {
    cwd,
    stateDir,
    clock: systemClock,
    journal: () => (journal ??= opened(stateDir, run)),
    book: () => (book ??= openStore(join(stateDir, 'journal.db'))),
    config: () =>
      (config ??=
        read?.() ??
        import('./config/index.ts').then((m) => m.loadConfig(configPath(cwd, stateDir, call.config, process.env)))),
    engine: (place) => (engine ??= engineOf(context, place ?? readProject(stateDir)?.place ?? 'real')),
    server: async () => (await import('./compose/server.ts')).serverDoor(context, call.config, contextOf),
    remote: async () => (await import('./compose/remote.ts')).remoteOf(context),
    sandbox: async () =>
      (door ??= (await import('./compose/sandbox.ts')).sandboxDoor(sandboxDir(stateDir, process.env)).door),
    close: async () => {
      await (await engine?.catch(() => undefined))?.close();
      await book?.close();
      journal?.close();
    },
  };
  return context;
}

async function runProcess(argv: readonly string[]): Promise<void> {
  const [name = '', ...args] = argv;
  if (name === 'state-agent') return await (await import('./compose/dataplane.ts')).runStateAgent(args);
  if (name === 'state-gateway') return await (await import('./compose/dataplane.ts')).runStateGateway(args);
  if (name !== 'nameserver')
    throw fault('TW6001', { value: `run ${name}`, why: ['processes: nameserver, state-agent, state-gateway'] });
  const { nameserverOptions, runNameserver } = await import('./traffic/index.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);
  await runNameserver({ ...(await nameserverOptions(args, process.env)), log, signal: stop.signal });
}

async function credential(argv: readonly string[]): Promise<void> {
  const { credentialArgs, kubeCredential } = await import('./infra/index.ts');
  process.stdout.write(await kubeCredential(credentialArgs(argv)));
}

async function githubAction(): Promise<void> {
  const action = await import('./compose/github-action.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const cli = join(ROOT, 'bin', 'tw.js');
  const deps = {
    env: process.env,
    cwd: process.cwd(),
    cli,
    engine: (call: Invocation) => contextOf(call),
    say,
    signal: stop.signal,
  };
  process.exitCode = await action.githubAction(deps);
}

await cli({
  argv: process.argv.slice(2),
  engine: async (call) => contextOf(call),
  processes: {
    run: runProcess,
    'kube-credential': credential,
    'github-action': githubAction,
    complete: async (argv) => await (await import('./compose/complete.ts')).complete(argv),
  },
});
