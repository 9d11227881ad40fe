// The store as one cloud sees it: a quorum is a round trip to the nearest other cloud, and out of reach while cut off.
import { setTimeout as delay } from 'node:timers/promises';
import { fault, type Store } from '../../../src/kernel/index.ts';
import { CLOUDS, type Cloud, type Wan } from './wan.ts';

const DEADLINE_MS = 3000;

export function farStore(store: Store, at: Cloud, wan: Wan): Store {
  const others = CLOUDS.filter((c) => c !== at);
  const alone = (): boolean => others.every((c) => wan.isCut(at, c));
  const quorum = Math.min(...others.map((c) => wan.rtt(at, c)));
  const far = async <T>(work: () => Promise<T>): Promise<T> => {
    await delay(quorum / 2);
    if (alone()) {
      await delay(DEADLINE_MS);
      throw fault('TW1020', { value: at, why: ['no quorum'] });
    }
    const done = await work();
    await delay(quorum / 2);
    return done;
  };
  return {
    ...store,
    range: (prefix, mode) => (mode === 'local' ? store.range(prefix, mode) : far(() => store.range(prefix, mode))),
    txn: (t) => far(() => store.txn(t)),
    lease: (ttl) => far(() => store.lease(ttl)),
    watch: async function* (prefix, signal) {
      for await (const view of store.watch(prefix, signal)) {
        await delay(quorum / 2);
        while (alone() && !signal.aborted) await delay(50);
        yield view;
      }
    },
  };
}
