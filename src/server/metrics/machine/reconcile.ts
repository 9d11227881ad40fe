import type { Fact } from '../../../kernel/index.ts';
import type { Sample } from '../definitions.ts';

interface StateFact {
  state: string;
  problem?: { code: string };
}
interface AppliedFact {
  app: string;
  step: 'sealed' | 'stopped' | 'lagging';
  ms: number;
  code: string | null;
}
interface PlanFact {
  /** null: the cluster could not be planned. */
  differs: Readonly<Record<string, { infra: number; apps: Readonly<Record<string, number>> } | null>>;
}

/** One terraform root while a command works on it. */
interface Work {
  cluster: string;
  since: number;
  at: number;
  states: readonly string[];
  code: string;
}

const TAKEN_DOWN = ['draining', 'destroying', 'sweeping', 'gone'];
const FAILED = ['failed', 'partial'];
const failure = (cluster: string, phase: string, code: string): Sample => ({
  name: 'reconcile_failures_total',
  labels: { cluster, phase, code },
  value: 1,
});
const took = (cluster: string, phase: string, ms: number): Sample => ({
  name: 'reconcile_duration_seconds',
  labels: { cluster, phase },
  value: ms / 1000,
});

/** Terraform on a cluster, once the command is through with all of them; plans and teardowns are none of it. */
function settled(w: Work): Sample[] {
  if (w.states.some((s) => TAKEN_DOWN.includes(s))) return [];
  const end = w.states.at(-1) ?? '';
  if (FAILED.includes(end)) return [failure(w.cluster, 'infra', w.code)];
  return end === 'ready' && w.states.length > 1 ? [took(w.cluster, 'infra', w.at - w.since)] : [];
}

const applied = (cluster: string, d: AppliedFact): Sample =>
  d.step === 'sealed' ? took(cluster, 'apps', d.ms) : failure(cluster, 'apps', d.code ?? d.step);

/** What `tw up` did on each cluster. */
export function reconcileSamples(): (f: Fact) => Sample[] {
  const runs = new Map<string, Map<string, Work>>();
  const moved = (run: string, cluster: string, f: Fact): void => {
    const mine = runs.get(run) ?? new Map<string, Work>();
    const { state, problem } = f.data as unknown as StateFact;
    const old = mine.get(cluster) ?? { cluster, since: f.at, at: f.at, states: [], code: '' };
    mine.set(cluster, { ...old, at: f.at, states: [...old.states, state], code: problem?.code ?? old.code });
    runs.set(run, mine);
  };
  const ended = (run: string): Work[] => {
    const all = [...(runs.get(run)?.values() ?? [])];
    runs.delete(run);
    return all;
  };
  return (f) => {
    const { run = '', cluster = '', data } = f;
    switch (f.kind) {
      case 'infra.state':
        if (cluster !== '') moved(run, cluster, f);
        return [];
      case 'infra.plan':
        ended(run);
        return [];
      case 'infra.end':
        return ended(run).flatMap(settled);
      case 'fleet.applied':
        return [applied(cluster, data as unknown as AppliedFact)];
      default:
        return [];
    }
  };
}

interface Differs {
  infra: number;
  apps: Readonly<Record<string, number>>;
}

/** What differs from the config, as the last plan found it; what was made since as configured does not any more. */
export function driftOf(): { hear(f: Fact): void; samples(): Sample[] } {
  const clusters = new Map<string, Differs>();
  const change = (cluster: string, to: (d: Differs) => Differs): void => {
    const d = clusters.get(cluster);
    if (d !== undefined) clusters.set(cluster, to(d));
  };
  const planned = (p: PlanFact): void => {
    for (const [cluster, d] of Object.entries(p.differs))
      if (d === null) clusters.delete(cluster);
      else clusters.set(cluster, d);
  };
  const built = (cluster: string, { state }: StateFact): void => {
    if (state === 'ready') change(cluster, (d) => ({ ...d, infra: 0 }));
    if (state === 'gone') clusters.delete(cluster);
  };
  const made = (cluster: string, { app, step }: AppliedFact): void => {
    if (step === 'sealed') change(cluster, (d) => ({ ...d, apps: { ...d.apps, [app]: 0 } }));
  };
  return {
    hear: ({ kind, cluster = '', data }) => {
      if (kind === 'command.plan') planned(data as unknown as PlanFact);
      if (kind === 'infra.state') built(cluster, data as unknown as StateFact);
      if (kind === 'fleet.applied') made(cluster, data as unknown as AppliedFact);
    },
    samples: () =>
      [...clusters].map(([cluster, d]) => ({
        name: 'drift_objects',
        labels: { cluster },
        value: d.infra + Object.values(d.apps).reduce((n, m) => n + m, 0),
      })),
  };
}
