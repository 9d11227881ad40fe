// A line of a terminal, through the parser, the choice of a server, the gate, the verb and the renderer of `tw`.
import { buildProgram, type Invocation as Parsed } from '../../../src/cli/program.ts';
import { choose } from '../../../src/cli/remote/choose.ts';
import { tableLines } from '../../../src/cli/render.ts';
import { COMMANDS, type Context, type Invocation, type Io, runCommand } from '../../../src/commands/index.ts';
import { fault, type Problem, problemOf } from '../../../src/kernel/index.ts';
import { argvOf } from './blocks.ts';

export interface Typist {
  /** Login of the machine. */
  as: string;
  /** What they answer to a question; `undefined`: nobody is there. */
  answer: (question: string) => string | undefined;
}

/** What a line came to. */
export interface Said {
  /** As a terminal shows it; stdout of what streams. */
  text: string;
  data: unknown;
  problem?: Problem;
  /** Questions that were asked, and the flags that answer them. */
  asked: { text: string; flag: string }[];
  /** What was said before it began. */
  note?: string;
}

const PLAIN = { colour: false, ascii: false, columns: 400 };

/** `typist`: `ana`, who says yes to everything. */
export async function type(c: Context, line: string, typist: Partial<Typist> = {}): Promise<Said> {
  const { as = 'ana', answer = () => 'yes' } = typist;
  let parsed: Parsed | undefined;
  await buildProgram(COMMANDS, '0.0.0', (i) => (parsed = i)).parseAsync(argvOf(line), { from: 'user' });
  if (parsed === undefined) throw new Error(`"${line}" was not parsed`);
  const { spec, args, global } = parsed;
  const asked: Said['asked'] = [];
  let streamed = '';
  const io: Io = {
    show: () => undefined,
    machine: false,
    out: (text) => void (streamed += text),
    ask: async (q) => {
      asked.push({ text: q.text, flag: q.flag });
      const word = answer(q.text);
      if (word === undefined) throw fault('TW6005', { value: q.flag });
      return word;
    },
    signal: new AbortController().signal,
    detach: new AbortController().signal,
  };
  const from = { door: 'cli', identity: { platform: 'os', tenant: '', actor: as } };
  const typed: Invocation = { verb: spec.verb, args, from };
  try {
    const { call, remote, note } = await choose(c, typed, { spec, inProcess: global.inProcess, env: {}, version: '0' });
    const outcome = remote === undefined ? await runCommand(c, call, io) : await remote(io);
    const { data, problem } = outcome;
    const text = outcome.streamed === true ? streamed : tableLines(outcome.view, PLAIN).join('\n');
    return { asked, text, data, ...(problem && { problem }), ...(note === undefined ? {} : { note }) };
  } catch (error) {
    return { asked, text: streamed, data: undefined, problem: problemOf(error) };
  }
}
