import type { Fact, Json } from '../kernel/index.ts';
import type { RunInfo } from './model.ts';

/** The journal's runs, folded fact by fact; newest last. */
export type Runs = ReadonlyMap<string, Folded>;
interface Folded extends RunInfo {
  pid: number;
}

interface Start {
  verb: string;
  args?: Json;
  pid?: number;
  by?: string;
}
interface End {
  exit: number;
  problems?: string[];
}

const KEEP = 500;

const fresh = (f: Fact, run: string): Folded => {
  const d = f.data as unknown as Start;
  return {
    run,
    verb: d.verb,
    args: {},
    door: d.by === undefined ? 'cli' : 'http',
    by: d.by ?? 'terminal',
    startedAt: f.at,
    endedAt: null,
    state: 'running',
    exit: null,
    problems: [],
    view: null,
    pid: 0,
  };
};

/** From the wish over HTTP, or from the start of a command in a terminal. */
function started(f: Fact, run: string, old: Folded | undefined): Folded {
  const base = old ?? fresh(f, run);
  const { args = base.args, pid = base.pid } = f.data as unknown as Start;
  return { ...base, args, pid };
}

function ended(old: Folded, f: Fact): Folded {
  const d = f.data as unknown as End;
  return { ...old, endedAt: f.at, exit: d.exit, problems: d.problems ?? [], state: d.exit === 0 ? 'done' : 'failed' };
}

export const NOTHING: Runs = new Map();

/** The fold with one more fact. */
export function withFact(runs: Runs, f: Fact): Runs {
  const { run } = f;
  if (run === undefined) return runs;
  const old = runs.get(run);
  switch (f.kind) {
    case 'http.command':
    case 'command.start':
      return new Map([...runs, [run, started(f, run, old)] as const].slice(-KEEP));
    case 'command.end':
    case 'http.end':
      return old === undefined ? runs : new Map([...runs, [run, ended(old, f)]]);
    default:
      return runs;
  }
}

/** Runs for people, newest first; one whose process is gone before it ended is lost. */
export function runsOf(runs: Runs, alive: (pid: number) => boolean): RunInfo[] {
  return [...runs.values()]
    .toReversed()
    .map(({ pid, ...r }) => (r.state === 'running' && !alive(pid) ? { ...r, state: 'lost' } : r));
}
