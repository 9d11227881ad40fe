import type { ClusterName } from '../kernel/index.ts';
import type { ReleaseRecord, Verdict } from './model.ts';

/** What a shell gathers beside the state of objects: verdicts of the judge and the quiet of a version that is over. */
export interface Evidence {
  verdict(c: ClusterName): Verdict;
  quiet(c: ClusterName): boolean;
  /** One round: takes samples that are due; never waits for a slow cluster. */
  round(r: ReleaseRecord, facts: RoundFacts): void;
  close(): void;
}

export interface RoundFacts {
  /** Members that serve green now. */
  serving: readonly ClusterName[];
  /** Restarts and OOM kills of green's pods, where they are known. */
  restarts: Readonly<Record<ClusterName, number>>;
}

/** For fleets without a metric source and for simulations: no verdict, and quiet at once. */
export const noEvidence = (is: Verdict['is'] = 'unknown'): Evidence => ({
  verdict: () => ({ is, why: is === 'pass' ? [] : [{ code: 'TW7011', say: 'nothing measures requests here' }] }),
  quiet: () => true,
  round: () => undefined,
  close: () => undefined,
});
