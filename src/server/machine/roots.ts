import type { Fact } from '../../kernel/index.ts';

interface StateFact {
  state: string;
  problem?: { code: string };
}

/** Terraform on one cluster while a command works on it. */
export interface RootWork {
  /** Run of terraform's facts; a part of the command's. */
  run: string;
  cluster: string;
  since: number;
  at: number;
  states: readonly string[];
  /** Of its last problem; empty without one. */
  code: string;
}

/** Work that ended, told once the command is through with all clusters; plans are none. */
export function endedRoots(): (f: Fact) => RootWork[] {
  const runs = new Map<string, Map<string, RootWork>>();
  const moved = (run: string, cluster: string, f: Fact): void => {
    const mine = runs.get(run) ?? new Map<string, RootWork>();
    const { state, problem } = f.data as unknown as StateFact;
    const old = mine.get(cluster) ?? { run, cluster, since: f.at, at: f.at, states: [], code: '' };
    mine.set(cluster, { ...old, at: f.at, states: [...old.states, state], code: problem?.code ?? old.code });
    runs.set(run, mine);
  };
  const ended = (run: string): RootWork[] => {
    const all = [...(runs.get(run)?.values() ?? [])];
    runs.delete(run);
    return all;
  };
  return (f) => {
    const { run = '', cluster = '' } = f;
    if (f.kind === 'infra.state' && cluster !== '') moved(run, cluster, f);
    if (f.kind === 'infra.plan') runs.delete(run);
    return f.kind === 'infra.end' ? ended(run) : [];
  };
}

const TAKEN_DOWN = ['draining', 'destroying', 'sweeping', 'gone'];
const FAILED = ['failed', 'partial'];

export const isTeardown = (w: RootWork): boolean => w.states.some((s) => TAKEN_DOWN.includes(s));
export const isFailed = (w: RootWork): boolean => FAILED.includes(w.states.at(-1) ?? '');
/** Something was done, not only looked at. */
export const isWork = (w: RootWork): boolean => w.states.length > 1;

/** How one app of one cluster ended, from its first step on. */
export interface AppliedFact {
  app: string;
  step: 'sealed' | 'stopped' | 'lagging';
  ms: number;
  code: string | null;
}
