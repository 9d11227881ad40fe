import { canonical, fault, type Json, type Store, toJson } from '../../kernel/index.ts';

const TRIES = 40;

export const busy = (key: string): Error =>
  fault('TW6204', { value: key, why: ['somebody else writes it all the time'] });

const landed = (held: Json | undefined, wanted: Json): boolean =>
  held !== undefined && canonical(held) === canonical(wanted);

/**
 * Reads, changes, writes; again when somebody was faster, and an answer that got lost is looked up. `change` throws
 * to refuse. Throws TW1020, TW6204.
 */
export async function amend<T>(store: Store, key: string, change: (now: T | undefined) => T): Promise<T> {
  for (let i = 0; i < TRIES; i++) {
    const { value, revision } = await store.get(key);
    const next = change(value as T | undefined);
    const json = toJson(next);
    const put = await store.cas(key, revision, json);
    if (put === 'ok') return next;
    if (put === 'unknown' && landed((await store.get(key)).value, json)) return next;
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
    const put = await store.cas(`${prefix}${id}`, 0, toJson(value));
    if (put === 'ok') return value;
    if (put === 'unknown' && landed((await store.get(`${prefix}${id}`)).value, toJson(value))) return value;
  }
  throw busy(prefix);
}
