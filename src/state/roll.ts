import type { ClusterName } from '../kernel/index.ts';

export interface RollPorts {
  /** Clusters whose pod was made of older settings than what its StatefulSet says now. */
  outdated(): Promise<readonly ClusterName[]>;
  /** Ends the pod in order; its StatefulSet makes the next one. Resolves when that one is of the newest settings. */
  renew(cluster: ClusterName): Promise<void>;
  /** Waits until every copy is in step again; home, or undefined when they are not in time. */
  whole(): Promise<ClusterName | undefined>;
}

export type Rolled = { cluster: ClusterName; is: 'begun' | 'done' } | { cluster: ClusterName; is: 'held'; why: string };

/**
 * Renews the copies one after the other, home last, each only while all others are in step: never are two copies away
 * at once (rule 17).
 */
export async function* roll(p: RollPorts): AsyncGenerator<Rolled> {
  for (let left = await p.outdated(); left.length > 0; left = await p.outdated()) {
    const home = await p.whole();
    const [cluster] = left.toSorted((a, b) => Number(a === home) - Number(b === home) || (a < b ? -1 : 1));
    if (cluster === undefined) return;
    if (home === undefined) {
      yield { cluster, is: 'held', why: `${left.join(', ')}: not renewed, not every copy is in step` };
      return;
    }
    yield { cluster, is: 'begun' };
    await p.renew(cluster);
    yield { cluster, is: 'done' };
  }
}
