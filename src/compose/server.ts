import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ulid } from 'ulid';
import type { Context, Invocation, ServerDoor } from '../commands/index.ts';
import { serve } from '../server/index.ts';
import { chatOf } from './chat.ts';
import { configPath, readProject, sandboxDir, version } from './place.ts';
import { webFiles } from './web.ts';

const when = (path: string): string => {
  try {
    const { mtimeMs, ino } = statSync(path);
    return `${ino} ${mtimeMs}`;
  } catch {
    return '-';
  }
};

/** Moves when the config file, the place or the sandbox behind it do. */
function stampOf(c: Context, config: string | undefined): string {
  let file = '';
  try {
    file = configPath(c.cwd, c.stateDir, config, process.env);
  } catch {
    file = '';
  }
  const dir = sandboxDir(c.stateDir, process.env);
  return [file, join(c.stateDir, 'project.json'), join(dir, 'id'), join(dir, 'run', 'doors.json')].map(when).join(' ');
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The server over this project; each command gets a context as a terminal would. */
export function serverDoor(c: Context, config: string | undefined, engine: (call: Invocation) => Context): ServerDoor {
  const named = (call: Invocation): Invocation => (config === undefined ? call : { ...call, config });
  return {
    serve: async (wish, ready, signal) => {
      const log = (line: string): void => void process.stderr.write(`${line}\n`);
      const place = (): 'sandbox' | 'real' | undefined => readProject(c.stateDir)?.place;
      const chat = await chatOf({ c, engine: (call) => engine(named(call)), log, place });
      // A chat ends with the server, whichever way that ends.
      const stop = new AbortController();
      const chats = chat.run(AbortSignal.any([signal, stop.signal]));
      chats.catch((error: unknown) => log(`chat: ${error instanceof Error ? error.message : String(error)}`));
      await serve(
        {
          stateDir: c.stateDir,
          version: version(),
          clock: c.clock,
          journal: c.journal(),
          newId: ulid,
          engine: async (call) => {
            const { server: _, remote: __, ...context } = engine(named(call));
            return context;
          },
          stamp: () => stampOf(c, config),
          place,
          alive,
          hook: chat.hook,
          lab: chat.lab,
          web: webFiles,
        },
        wish,
        { ready, signal },
      ).finally(() => stop.abort());
      await chats.catch(() => undefined);
    },
  };
}
