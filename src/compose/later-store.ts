import type { Store } from '../kernel/index.ts';

/** A store that is opened when first asked; an opening that failed is tried again. */
export function laterStore(open: () => Promise<Store>): Store {
  let opened: Promise<Store> | undefined;
  const store = (): Promise<Store> => {
    opened ??= open().catch((e: unknown) => {
      opened = undefined;
      throw e;
    });
    return opened;
  };
  return {
    get: async (key) => (await store()).get(key),
    cas: async (key, revision, next) => (await store()).cas(key, revision, next),
    list: async (prefix) => (await store()).list(prefix),
    range: async (prefix, mode) => (await store()).range(prefix, mode),
    txn: async (t) => (await store()).txn(t),
    watch: async function* (prefix, signal) {
      yield* (await store()).watch(prefix, signal);
    },
    lease: async (ttlMs) => (await store()).lease(ttlMs),
    close: async () => {
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}
