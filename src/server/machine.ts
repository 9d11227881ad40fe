import type { Fact, Json, ProcessId } from '../kernel/index.ts';
import type { RunInfo } from './model.ts';

/** The journal's runs, folded fact by fact; newest last. */
export type Runs = ReadonlyMap<string, Folded>;
/** `process`: the one that runs it; a journal of old does not tell it apart. */
interface Folded extends RunInfo {
  process: ProcessId;
}

interface Start extends Partial<ProcessId> {
  verb: string;
  args?: Json;
  /** Of a wish over HTTP the sign-in, of a start the person. */
  by?: string;
  door?: string;
}
interface End {
  by?: string;
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
    door: f.kind === 'http.command' ? 'http' : (d.door ?? 'cli'),
    by: d.by ?? 'terminal',
    startedAt: f.at,
    endedAt: null,
    state: 'running',
    exit: null,
    problems: [],
    release: null,
    plan: null,
    view: null,
    process: { pid: 0, started: '', host: '' },
  };
};

/** From the wish over HTTP, or from the start of a command in a terminal. */
function started(f: Fact, run: string, old: Folded | undefined): Folded {
  const base = old ?? fresh(f, run);
  const { args = base.args, by = base.by, pid, started: since, host } = f.data as unknown as Start;
  const process = pid === undefined ? base.process : { pid, started: since ?? '', host: host ?? '' };
  return { ...base, args, by, process };
}

function ended(old: Folded, f: Fact): Folded {
  const d = f.data as unknown as End;
  const { by = old.by } = d;
  return {
    ...old,
    by,
    endedAt: f.at,
    exit: d.exit,
    problems: d.problems ?? [],
    state: d.exit === 0 ? 'done' : 'failed',
  };
}

/** What a command decided about. */
function did(f: Fact): Partial<Pick<RunInfo, 'release' | 'plan'>> {
  const d = f.data as { release?: string; planId?: string; plan?: string };
  return f.kind === 'command.up' ? { plan: d.plan ?? null } : { release: d.release ?? null, plan: d.planId ?? null };
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
    case 'release.record':
    case 'command.up':
      return old === undefined ? runs : new Map([...runs, [run, { ...old, ...did(f) }]]);
    default:
      return runs;
  }
}

/** Runs for people, newest first; one whose process is gone before it ended is lost. */
export function runsOf(runs: Runs, alive: (p: ProcessId) => boolean): RunInfo[] {
  return [...runs.values()]
    .toReversed()
    .map(({ process, ...r }) => (r.state === 'running' && !alive(process) ? { ...r, state: 'lost' } : r));
}
