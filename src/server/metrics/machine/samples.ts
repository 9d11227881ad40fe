import type { Fact } from '../../../kernel/index.ts';
import { endedCommands } from '../../machine/commands.ts';
import { isEnd, type LeftPhase, leftPhases } from '../../machine/releases.ts';
import { type AppliedFact, endedRoots, isFailed, isTeardown, isWork, type RootWork } from '../../machine/roots.ts';
import type { Sample } from '../definitions.ts';

/** Commands that ended, of every door. */
export function commandSamples(): (f: Fact) => Sample[] {
  const ended = endedCommands();
  return (f) =>
    ended(f).flatMap(({ verb, door, exit, since, at }): Sample[] => [
      { name: 'commands_total', labels: { verb, door, result: String(exit) }, value: 1 },
      { name: 'command_duration_seconds', labels: { verb, door }, value: (at - since) / 1000 },
    ]);
}

function ofPhase({ app, phase, next, since, at, backSince, flips }: LeftPhase): Sample[] {
  const times = flips.map((x) => x.at);
  const skew = Math.max(...times) - Math.min(...times);
  return [
    { name: 'release_step_duration_seconds', labels: { app, phase }, value: (at - since) / 1000 },
    ...(phase === 'flip' && next !== 'aborting' && flips.length > 1
      ? [{ name: 'flip_skew_seconds', labels: { app }, value: skew / 1000 } as const]
      : []),
    ...(next === 'rolledback' && backSince !== undefined
      ? [{ name: 'rollback_duration_seconds', labels: { app }, value: (at - backSince) / 1000 } as const]
      : []),
    ...(isEnd(next) ? [{ name: 'releases_total', labels: { app, result: next }, value: 1 } as const] : []),
  ];
}

/** Releases by their decisions and flips, app by app. */
export function releaseSamples(): (f: Fact) => Sample[] {
  const left = leftPhases();
  return (f) => left(f).flatMap(ofPhase);
}

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

function ofRoot(w: RootWork): Sample[] {
  if (isTeardown(w)) return [];
  if (isFailed(w)) return [failure(w.cluster, 'infra', w.code)];
  return w.states.at(-1) === 'ready' && isWork(w) ? [took(w.cluster, 'infra', w.at - w.since)] : [];
}
const ofApp = (cluster: string, d: AppliedFact): Sample =>
  d.step === 'sealed' ? took(cluster, 'apps', d.ms) : failure(cluster, 'apps', d.code ?? d.step);

/** What `tw up` did on each cluster; plans and teardowns are none of it. */
export function reconcileSamples(): (f: Fact) => Sample[] {
  const roots = endedRoots();
  return (f) =>
    f.kind === 'fleet.applied' && f.cluster !== undefined
      ? [ofApp(f.cluster, f.data as unknown as AppliedFact)]
      : roots(f).flatMap(ofRoot);
}

const RESULTS: Readonly<Record<string, string>> = { 'state.failover': 'failover', 'state.moved': 'move' };

/** Changes of home, as the journal tells them. */
export function homeSamples(f: Fact): Sample[] {
  const result = RESULTS[f.kind];
  if (result === undefined) return [];
  const { app, tookMs } = f.data as { app: string; tookMs: number | null };
  const labels = { app, result };
  return [
    { name: 'state_home_changes_total', labels, value: 1 },
    ...(tookMs === null ? [] : [{ name: 'state_home_change_duration_seconds', labels, value: tookMs / 1000 } as const]),
  ];
}
