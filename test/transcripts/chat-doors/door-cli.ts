import { buildProgram, usageFault } from '../../../src/cli/program.ts';
import {
  type Caller,
  COMMANDS,
  type Invocation,
  type Io,
  type Outcome,
  runCommand,
} from '../../../src/commands/index.ts';
import { isFault } from '../../../src/commands/line/machine/parse.ts';
import { wordsOf } from '../../../src/commands/line/machine/words.ts';
import { fault, problemOf } from '../../../src/kernel/index.ts';
import type { Opened } from './doors.ts';
import { meant } from './phrase.ts';
import type { World } from './world.ts';

/** Chat says `on a,b` and `because x`, a terminal `--on a --on b --because x`. */
function argvOf(line: string): string[] {
  const w = wordsOf(line);
  if (isFault(w)) throw fault(w.code, w);
  const argv: string[] = [];
  for (let i = 0; i < w.words.length; i++) {
    const text = w.words[i]?.text ?? '';
    if (text === 'on') argv.push(...(w.words[++i]?.text ?? '').split(',').flatMap((c) => ['--on', c]));
    else argv.push(text);
  }
  return w.because === undefined ? argv : [...argv, '--because', w.because];
}

async function parsed(line: string): Promise<Pick<Invocation, 'verb' | 'args'>> {
  const argv = argvOf(line);
  let found: Pick<Invocation, 'verb' | 'args'> | undefined;
  const program = buildProgram(COMMANDS, '0.0.0', (i) => {
    found = { verb: i.spec.verb, args: i.args };
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    throw String((error as { code?: unknown }).code).startsWith('commander.')
      ? usageFault(error as never, argv, COMMANDS)
      : error;
  }
  if (found === undefined) throw fault('TW6001', { value: line });
  return found;
}

const nobody = new AbortController().signal;
const io = (): Io => ({
  show: () => undefined,
  out: () => undefined,
  machine: false,
  ask: async (q) => {
    throw fault('TW6005', { value: q.flag });
  },
  signal: nobody,
  detach: nobody,
});

/** `tw` as persons with logins of their own type it. */
export async function cliDoor(world: World): Promise<Opened> {
  const run = (call: Invocation): Promise<Outcome> => runCommand(world.context(call), call, io());
  return {
    say: async (person, line) => {
      const from: Caller = { door: 'cli', identity: { platform: 'os', tenant: '', actor: person } };
      try {
        const means = await meant(line, async (verb) => (await run({ verb, args: { app: 'guestbook' }, from })).data);
        if (typeof means === 'object') return means.code;
        const { problem, exit = 0 } = await run({ ...(await parsed(means)), from });
        return problem?.code ?? (exit === 0 ? 'ok' : `exit ${exit}`);
      } catch (error) {
        return problemOf(error).code;
      }
    },
    close: async () => undefined,
  };
}
