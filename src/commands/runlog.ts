import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Fact,
  JOURNAL_FILE,
  type Journal,
  type Json,
  type Problem,
  problemOf,
  TwError,
  thisProcess,
  toJson,
} from '../kernel/index.ts';
import { terminal } from './access/persons.ts';
import { byOf } from './by.ts';
import type { Context, Invocation } from './context.ts';
import type { Outcome } from './model.ts';
import { redactorOf } from './secrets.ts';
import { specOf } from './table.ts';

/** All facts of a run and of its parts, in order. */
export function factsOf(journal: Journal, run: string): Fact[] {
  const own = journal.read({ run });
  const parts = new Set(own.flatMap((f) => (f.kind === 'command.part' ? [(f.data as { run: string }).run] : [])));
  return [...own, ...[...parts].flatMap((p) => journal.read({ run: p }))].toSorted((a, b) => a.offset - b.offset);
}

/** A folder that is no project gets no journal by a verb that fails in it. */
async function isProject(c: Context): Promise<boolean> {
  if (existsSync(c.stateDir)) return true;
  return await c.config().then(
    () => true,
    () => false,
  );
}

/** What touches this machine alone is done also where the journal cannot be used: clearing away is the way out. */
function appender(c: Context, free: boolean): (f: Parameters<Journal['append']>[0]) => Fact | undefined {
  if (!free) return (f) => c.journal().append(f);
  return (f) => {
    try {
      return c.journal().append(f);
    } catch {
      return undefined;
    }
  };
}

const senderOf = (c: Context, { from = terminal() }: Invocation) => ({ by: byOf(c), door: from.door });

/** A bug of ours names the run that it ended and the file that has all of it; any other problem is as it was. */
function located(problem: Problem, run: string | undefined, stateDir: string): Problem {
  if (problem.kind !== 'bug' || run === undefined) return problem;
  const where = [...problem.where, { resource: `run ${run}`, file: join(stateDir, JOURNAL_FILE) }];
  const fix = problem.fix.map((f) => (f.command === 'tw report' ? { ...f, command: `tw report --run ${run}` } : f));
  return { ...problem, where, fix };
}

const codesOf = (all: readonly Problem[]): string[] => all.map((p) => p.code);

/** Writes start and end of a run: arguments without secrets, exit code, codes of the problems. */
export async function logged(c: Context, call: Invocation, work: () => Promise<Outcome>): Promise<Outcome> {
  if (!(await isProject(c))) return await work();
  const since = c.clock.monotonic();
  const append = appender(c, specOf(call.verb).free === true);
  const args = (await redactorOf(c)).json(toJson(call.args));
  const begun = append({
    kind: 'command.start',
    data: { verb: call.verb, args, ...thisProcess(), ...senderOf(c, call) },
  });
  const end = (exit: number, codes: readonly string[]): void => {
    const data: Json = { verb: call.verb, exit, problems: [...codes], ms: Math.round(c.clock.monotonic() - since) };
    append({ kind: 'command.end', data });
  };
  const found = (p: Problem): Problem => located(p, begun?.run, c.stateDir);
  let outcome: Outcome;
  try {
    outcome = await work();
  } catch (error) {
    const problem = problemOf(error);
    try {
      end(problem.exit, [problem.code]);
    } catch {
      // The failure of the verb is what matters; a journal that fails too may be its cause.
    }
    throw problem.kind === 'bug' ? new TwError(found(problem), error) : error;
  }
  const { problem, warnings = [] } = outcome;
  const exit = outcome.exit ?? problem?.exit ?? 0;
  if (problem === undefined) {
    end(exit, codesOf(warnings));
    return outcome;
  }
  end(exit, codesOf([problem, ...warnings]));
  return { ...outcome, problem: found(problem) };
}
