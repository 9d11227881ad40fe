import type { Fact } from '../../../kernel/index.ts';
import type { Sample } from '../definitions.ts';

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
