import type { Question } from '../commands/index.ts';
import { fault } from '../kernel/index.ts';

/** Asks a person; without a terminal on both sides, or in CI, it fails at once and names the flag. Throws TW6005. */
export async function ask(question: Question, p: Pick<NodeJS.Process, 'stdin' | 'stderr' | 'env'>): Promise<string> {
  if (p.stdin.isTTY !== true || p.stderr.isTTY !== true || p.env['CI'] !== undefined) {
    throw fault('TW6005', {
      value: question.flag,
      why: ['there is no terminal to ask on'],
      fix: [{ say: 'Say it on the command line:', command: question.flag }],
    });
  }
  const { confirm, text, isCancel } = await import('@clack/prompts');
  const answer =
    question.kind === 'yes'
      ? await confirm({ message: question.text, initialValue: false })
      : await text({ message: question.text });
  if (isCancel(answer)) throw fault('TW6005', { value: question.flag, why: ['the answer was cancelled'] });
  return answer === true ? 'yes' : answer === false ? 'no' : answer;
}
