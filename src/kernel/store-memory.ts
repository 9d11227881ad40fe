import { fault } from './errors/fault.ts';
import type { Json } from './json.ts';
import type { Store } from './store.ts';

export interface StoreCall {
  do: 'get' | 'cas' | 'list';
  key: string;
}
/** `lost`: the write happens, its answer does not come; `dropped`: neither; `refused`: TW1020. Reads know `refused` only. */
export type StoreFault = 'lost' | 'dropped' | 'refused';

/** The twin: a plain map. `faults` is asked before every call. */
export function memoryStore(faults: (call: StoreCall) => StoreFault | undefined = () => undefined): Store {
  const kept = new Map<string, { value: Json; revision: number }>();
  let last = 0;
  const begin = (call: StoreCall): StoreFault | undefined => {
    const bad = faults(call);
    if (bad === 'refused') throw fault('TW1020', { value: call.key, why: ['the store refuses'] });
    return bad;
  };
  return {
    get: async (key) => {
      begin({ do: 'get', key });
      const at = kept.get(key);
      return at === undefined ? { value: undefined, revision: 0 } : structuredClone(at);
    },
    cas: async (key, revision, next) => {
      const bad = begin({ do: 'cas', key });
      if (bad === 'dropped') return 'unknown';
      const fits = (kept.get(key)?.revision ?? 0) === revision;
      if (fits) kept.set(key, { value: structuredClone(next), revision: ++last });
      if (bad === 'lost') return 'unknown';
      return fits ? 'ok' : 'stale';
    },
    list: async (prefix) => {
      begin({ do: 'list', key: prefix });
      return [...kept.keys()].filter((k) => k.startsWith(prefix)).toSorted();
    },
    close: async () => undefined,
  };
}
