// The store as one cloud sees it: a quorum is a round trip to the nearest other cloud, and out of reach while cut off.
import { setTimeout as delay } from 'node:timers/promises';
import { fault, type Store } from '../../../src/kernel/index.ts';
import { CLOUDS, type Cloud, type Wan } from './wan.ts';

const DEADLINE_MS = 3000;

/** `dead` = clouds whose member of the store has ended. */
export function farStore(store: Store, at: Cloud, wan: Wan, dead: ReadonlySet<Cloud> = new Set()): Store {
  /** Members that can be reached, by their distance; the own one is at 0. */
  const ways = (): number[] => {
    const members = CLOUDS.filter((c) => !wan.isCut(at, c) && !dead.has(c));
    return members.map((c) => (c === at ? 0 : wan.rtt(at, c))).sort((a, b) => a - b);
  };
  const alone = (): boolean => ways().length < 2;
  const way = (): number => ways()[1] ?? 0;
  const far = async <T>(work: () => Promise<T>): Promise<T> => {
    if (alone()) {
      await delay(DEADLINE_MS);
      throw fault('TW1020', { value: at, why: ['no quorum'] });
    }
    const half = way() / 2;
    await delay(half);
    const done = await work();
    await delay(half);
    return done;
  };
  return {
    ...store,
    range: (prefix, mode) => (mode === 'local' ? store.range(prefix, mode) : far(() => store.range(prefix, mode))),
    txn: (t) => far(() => store.txn(t)),
    lease: (ttl) => far(() => store.lease(ttl)),
    watch: async function* (prefix, signal) {
      for await (const view of store.watch(prefix, signal)) {
        while (alone() && !signal.aborted) await delay(50);
        await delay(way() / 2);
        yield view;
      }
    },
  };
}
