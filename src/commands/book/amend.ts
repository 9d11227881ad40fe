import { casOnce, fault, type Store, toJson } from '../../kernel/index.ts';

/**
 * A try is lost only to somebody whose write went through, so many at once need as many tries; the bound is there for a
 * store that lies.
 */
export const TRIES = 1000;

export const busy = (key: string): Error =>
  fault('TW6204', { value: key, why: ['somebody else writes it all the time'] });

/**
 * Reads, changes, writes; again when somebody was faster, and an answer that got lost is looked up. `change` throws
 * to refuse. Throws TW1020, TW6204.
 */
export async function amend<T>(store: Store, key: string, change: (now: T | undefined) => T): Promise<T> {
  for (let i = 0; i < TRIES; i++) {
    const { value, revision } = await store.get(key);
    const next = change(value as T | undefined);
    if ((await casOnce(store, key, { revision, value: toJson(next) })) === 'ok') return next;
  }
  throw busy(key);
}

/** Values below a prefix, by key. */
export async function all<T>(store: Store, prefix: string): Promise<T[]> {
  return (await store.range(prefix)).entries.map((e) => e.value as unknown as T);
}

/** Ids such as i1, i2 …: the next free one is claimed with its first value. */
export async function numbered<T>(store: Store, prefix: string, letter: string, make: (id: string) => T): Promise<T> {
  for (let i = 0; i < TRIES; i++) {
    const keys = await store.list(prefix);
    const last = Math.max(0, ...keys.map((k) => Number(k.slice(prefix.length + letter.length)) || 0));
    const id = `${letter}${last + 1}`;
    const value = make(id);
    if ((await casOnce(store, `${prefix}${id}`, { revision: 0, value: toJson(value) })) === 'ok') return value;
  }
  throw busy(prefix);
}
