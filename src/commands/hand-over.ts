import type { Outputs } from '../infra/index.ts';
import type { Engine, StateFacts } from './ports.ts';

/** Copies in step in clusters that stay, the least behind first. */
const heirs = (f: StateFacts, leaving: readonly string[]): string[] =>
  f.clusters
    .filter((s) => s.role === 'copy' && !leaving.includes(s.name))
    .toSorted((a, b) => (a.lagMs ?? 0) - (b.lagMs ?? 0))
    .map((s) => s.name);

async function homesIn(e: Engine, cluster: string, outputs: Outputs): Promise<StateFacts[]> {
  if (!e.state.shared) return [];
  return (await e.state.look(outputs)).filter((f) => f.home === cluster);
}

/** Some app has its home there and nowhere else a copy that could become home. */
export async function isLastHome(
  e: Engine,
  x: { cluster: string; leaving: readonly string[] },
  outputs: Outputs,
): Promise<boolean> {
  return (await homesIn(e, x.cluster, outputs)).some((f) => heirs(f, x.leaving).length === 0);
}

/**
 * Moves every home out of a cluster that is about to go. A move that does not succeed stops nothing: what was confirmed
 * is in another cloud as well, and a failover brings it to light, only later.
 */
export async function handOver(
  e: Engine,
  x: { cluster: string; leaving: readonly string[]; signal: AbortSignal },
  outputs: Outputs,
): Promise<void> {
  for (const f of await homesIn(e, x.cluster, outputs)) {
    for (const to of heirs(f, x.leaving)) {
      const moved = await e.state.move({ app: f.app, to }, outputs, x.signal).catch(() => undefined);
      if (moved !== undefined) break;
    }
  }
}
