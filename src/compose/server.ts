import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import type { Context, Invocation, ServerDoor } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import { clean, stillRuns } from '../kernel/index.ts';
import { serve } from '../server/index.ts';
import { keepBackups } from './backups.ts';
import { chatOf } from './chat.ts';
import { ConfigKeeper, stampOfFile } from './config-keeper.ts';
import { configPath, readProject, sandboxDir, version } from './place.ts';
import { keepTraces } from './traces.ts';
import { webFiles } from './web.ts';

type Engine = (call: Invocation, read?: () => Promise<Config>) => Context;

/** How often the files of the config are looked at while nobody asks. Milliseconds. */
const LOOK_MS = 1000;

/** Moves when the config, the place or the sandbox behind it do. */
function stampOf(c: Context, keeper: ConfigKeeper): string {
  const dir = sandboxDir(c.stateDir, process.env);
  const files = [join(c.stateDir, 'project.json'), join(dir, 'id'), join(dir, 'run', 'doors.json')];
  return [keeper.stamp(), ...files.map(stampOfFile)].join(' ');
}

/** Keeps the config of this project; a change of it is a fact, and a line of the log. */
function keeperOf(c: Context, config: string | undefined, log: (line: string) => void): ConfigKeeper {
  return new ConfigKeeper({
    path: () => configPath(c.cwd, c.stateDir, config, process.env),
    now: () => c.clock.now(),
    onChange: ({ file, id, problem, restart }) => {
      const kind = problem === null ? 'config.read' : 'config.refused';
      c.journal().append({ kind, data: { file, id, code: problem?.code ?? null } });
      const again = restart.length === 0 ? '' : `; ${restart.join(' and ')} from the next start of the server on`;
      if (problem === null) log(`config ${id ?? ''} of ${file}${again}`);
      else
        log(
          `${problem.code} ${problem.title}: ${problem.why.join('; ')}; ${id === null ? 'there is none' : `${id} goes on`}`,
        );
    },
  });
}

/** Reads it when it was edited, also while nobody asks: what is wrong is told at once. */
async function watched(c: Context, keeper: ConfigKeeper, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await keeper.get().catch(() => undefined);
    await c.clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}

/** Ends with the world that it serves. */
async function whileSandbox(c: Context, signal: AbortSignal): Promise<void> {
  const id = join(sandboxDir(c.stateDir, process.env), 'id');
  while (!signal.aborted && existsSync(id)) await c.clock.sleep(LOOK_MS, signal).catch(() => undefined);
}

/** The server over this project; each command gets a context as a terminal would. */
export function serverDoor(c: Context, config: string | undefined, engine: Engine): ServerDoor {
  const named = (call: Invocation): Invocation => (config === undefined ? call : { ...call, config });
  return {
    serve: async (wish, ready, asked) => {
      const over = new AbortController();
      const signal = AbortSignal.any([asked, over.signal]);
      if (wish.withSandbox === true) void whileSandbox(c, signal).then(() => over.abort());
      const log = (line: string): void => void process.stderr.write(`${clean(line)}\n`);
      const place = (): 'sandbox' | 'real' | undefined => readProject(c.stateDir)?.place;
      const keeper = keeperOf(c, config, log);
      const context = (call: Invocation): Context => engine(named(call), () => keeper.get());
      const chat = await chatOf({ c, engine: context, log, place });
      // A chat ends with the server, whichever way that ends.
      const stop = new AbortController();
      const both = AbortSignal.any([signal, stop.signal]);
      const chats = chat.run(both);
      const traces = keepTraces({ c, config: () => keeper.get(), log }, both);
      const kept = [keepBackups({ clock: c.clock, engine: context, log }, both), traces];
      const watching = watched(c, keeper, both);
      chats.catch((error: unknown) => log(`chat: ${error instanceof Error ? error.message : String(error)}`));
      await serve(
        {
          stateDir: c.stateDir,
          version: version(),
          clock: c.clock,
          journal: c.journal(),
          newId: ulid,
          engine: async (call) => {
            const { server: _, remote: __, ...own } = context(call);
            return own;
          },
          stamp: () => stampOf(c, keeper),
          config: () => keeper.state(),
          place,
          // A folder's runs are of its own machine: what another one began before the files were moved is over.
          alive: (p) => stillRuns(p, false),
          hook: chat.hook,
          chatDepth: chat.depth,
          lab: chat.lab,
          web: webFiles,
        },
        wish,
        { ready, signal },
      ).finally(() => stop.abort());
      await Promise.all([watching, ...kept, chats.catch(() => undefined)]);
    },
  };
}
