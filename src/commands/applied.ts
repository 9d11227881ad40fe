import type { FleetEvent } from '../fleet/index.ts';
import type { Clock, Journal } from '../kernel/index.ts';

const LAST_STEPS = ['sealed', 'stopped', 'lagging'] as const;

/** Keeps who each cluster is, how each app of it ended and after how long; one that needed nothing is not told. */
export function keepApplied(journal: Journal, clock: Clock): (e: FleetEvent) => void {
  const began = new Map<string, number>();
  return (e) => {
    if (e.type === 'identity') journal.append({ kind: 'fleet.identity', cluster: e.cluster, data: { uid: e.uid } });
    if (e.type !== 'step') return;
    const now = clock.monotonic();
    const key = `${e.cluster} ${e.app}`;
    const since = began.get(key) ?? now;
    began.set(key, since);
    const step = LAST_STEPS.find((s) => s === e.step);
    if (step === undefined) return;
    const data = { app: e.app, step, ms: Math.round(now - since), code: e.problem?.code ?? null };
    journal.append({ kind: 'fleet.applied', cluster: e.cluster, data });
  };
}
