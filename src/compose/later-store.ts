import { fault, type Store } from '../kernel/index.ts';

/** A store that is opened when first asked; an opening that failed is tried again. Once closed it is never opened. */
export function laterStore(open: () => Promise<Store>): Store {
  let opened: Promise<Store> | undefined;
  let closed = false;
  const store = async (): Promise<Store> => {
    // Who asks late would leave a connection that nobody closes, and the process would never end.
    if (closed) throw fault('TW1020', { why: ['it is closed'] });
    opened ??= open().catch((e: unknown) => {
      opened = undefined;
      throw e;
    });
    return await opened;
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
      closed = true;
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}
