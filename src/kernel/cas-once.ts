import { canonical, type Json } from './json.ts';
import type { CasResult, Store } from './store.ts';

/**
 * A compare-and-set whose lost answer is looked up at once: what was written is `ok` and is never written twice.
 * Still `unknown` when the store cannot be read either, or holds something else. Throws TW1020 as `cas` does.
 */
export async function casOnce(store: Store, key: string, w: { revision: number; value: Json }): Promise<CasResult> {
  const put = await store.cas(key, w.revision, w.value);
  if (put !== 'unknown') return put;
  const { value, revision } = await store.get(key).catch(() => ({ value: undefined, revision: w.revision }));
  const landed = revision > w.revision && value !== undefined && canonical(value) === canonical(w.value);
  return landed ? 'ok' : put;
}
