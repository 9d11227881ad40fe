import type { ErrorEntry, ExitCode } from './block.ts';
import { type Code, entryOf } from './catalogue.ts';

/** Where it went wrong; every part that is known. */
export interface Where {
  cluster?: string;
  resource?: string;
  file?: string;
  line?: number;
  /** From 1, like the line. */
  column?: number;
  /** Characters from the column on that are meant. */
  width?: number;
  /** The line itself. */
  source?: string;
  path?: string;
}
export interface Fix {
  say: string;
  /** A line to paste. */
  command?: string;
}
export interface FaultDetails {
  value?: string;
  where?: readonly Where[];
  /** Innermost cause first. */
  why?: readonly string[];
  fix?: readonly Fix[];
  cause?: unknown;
}

/** An error from the catalogue, as data; JSON-safe. */
export interface Problem {
  code: string;
  kind: ErrorEntry['kind'];
  title: string;
  value?: string;
  where: readonly Where[];
  why: readonly string[];
  fix: readonly Fix[];
  exit: ExitCode;
}

export class TwError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem, cause?: unknown) {
    super(describe(problem), cause === undefined ? {} : { cause });
    this.name = 'TwError';
    this.problem = problem;
  }
  get code(): string {
    return this.problem.code;
  }
}

function describe(p: Problem): string {
  const value = p.value === undefined ? '' : ` (${p.value})`;
  const why = p.why.length === 0 ? '' : `: ${p.why[0]}`;
  return `${p.code} ${p.title}${value}${why}`;
}

/** The error `code` with what is known of this case. */
export function fault(code: Code, details: FaultDetails = {}): TwError {
  const entry = entryOf(code);
  const problem: Problem = {
    code,
    kind: entry.kind,
    title: entry.title,
    ...(details.value === undefined ? {} : { value: details.value }),
    where: details.where ?? [],
    why: details.why ?? (details.cause === undefined ? [] : causes(details.cause)),
    fix: details.fix ?? [],
    exit: entry.exit,
  };
  return new TwError(problem, details.cause);
}

/** Messages along the `cause` chain, innermost first. */
export function causes(error: unknown): string[] {
  const out: string[] = [];
  for (let e = error; e !== undefined && e !== null && out.length < 8; ) {
    out.unshift(e instanceof Error ? e.message : typeof e === 'string' ? e : JSON.stringify(e));
    e = e instanceof Error ? e.cause : undefined;
  }
  return out;
}
