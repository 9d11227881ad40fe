import type { Question } from '../commands/index.ts';
import { clean, fault } from '../kernel/index.ts';
import { isDumb, showsUtf8, toAscii } from './terminal.ts';

type Sides = Pick<NodeJS.Process, 'stdin' | 'stderr' | 'env'>;

/** On a terminal that cannot move its cursor, or has no more letters than ASCII: a line asks, a line answers. */
async function plainly(q: Question, p: Sides): Promise<string | undefined> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: p.stdin, output: p.stderr, terminal: false });
  const leave = (): void => lines.close();
  process.once('SIGINT', leave);
  try {
    p.stderr.write(`${toAscii(q.text)} ${q.kind === 'yes' ? '[y/N] ' : ''}`);
    for await (const line of lines) {
      if (q.kind === 'text') return line;
      return /^y(es)?$/i.test(line.trim()) ? 'yes' : 'no';
    }
    return undefined;
  } finally {
    process.off('SIGINT', leave);
    lines.close();
  }
}

async function drawn(q: Question): Promise<string | undefined> {
  const { confirm, text, isCancel } = await import('@clack/prompts');
  const answer =
    q.kind === 'yes' ? await confirm({ message: q.text, initialValue: false }) : await text({ message: q.text });
  if (isCancel(answer)) return undefined;
  return answer === true ? 'yes' : answer === false ? 'no' : answer;
}

/** Asks a person; without a terminal on both sides, or in CI, it fails at once and names the flag. Throws TW6005. */
export async function ask(question: Question, p: Sides): Promise<string> {
  if (p.stdin.isTTY !== true || p.stderr.isTTY !== true || p.env['CI'] !== undefined) {
    throw fault('TW6005', {
      value: question.flag,
      why: ['there is no terminal to ask on'],
      fix: [{ say: 'Say it on the command line:', command: question.flag }],
    });
  }
  const q = { ...question, text: clean(question.text) };
  const answer = isDumb(p.env) || !showsUtf8(p.env) ? await plainly(q, p) : await drawn(q);
  if (answer === undefined) throw fault('TW6005', { value: question.flag, why: ['the answer was cancelled'] });
  return answer;
}
