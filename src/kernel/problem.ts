import { diskFault } from './disk.ts';
import { CATALOGUE } from './errors/catalogue.ts';
import { causes, type Problem, TwError } from './errors/fault.ts';

/** Any thrown value as a Problem: ours as it is, everything else is a bug of ours (TW8999). */
export function problemOf(error: unknown): Problem {
  if (error instanceof TwError) return error.problem;
  const disk = diskFault(error);
  if (disk !== undefined) return disk.problem;
  const entry = CATALOGUE.TW8999;
  const stack = error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 4) : [];
  return {
    code: 'TW8999',
    kind: entry.kind,
    title: entry.title,
    where: [],
    why: [...causes(error), ...stack.map((l) => l.trim())],
    fix: [{ say: 'Please report it with the command you typed and the file that this writes:', command: 'tw report' }],
    exit: entry.exit,
  };
}
