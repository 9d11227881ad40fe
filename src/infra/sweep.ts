import type { Leftover } from './ports.ts';

export interface Sorted {
  /** Lies inside what was destroyed, or carries both of the fleet's tags. */
  remove: Leftover[];
  /** Shown, never touched. */
  keep: Leftover[];
}

/** What a sweep may delete (rule 18). */
export function sortLeftovers(found: readonly Leftover[], fleet: string, cluster: string): Sorted {
  const ours = (l: Leftover): boolean =>
    l.inside || (l.tags['tradewind-fleet'] === fleet && l.tags['tradewind-cluster'] === cluster);
  return { remove: found.filter(ours), keep: found.filter((l) => !ours(l)) };
}
