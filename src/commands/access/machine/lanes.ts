/** What a command holds while it runs. */
export type LockKey = string;

/** `<app>/<cluster>` for one app, `*` for the fleet as a whole. */
export interface Waiter {
  id: string;
  keys: readonly LockKey[];
  /** Safe verbs overtake everything and hold nothing. */
  safe: boolean;
}

const FLEET = '*';

export const keysOf = (app: string | undefined, clusters: readonly string[]): LockKey[] =>
  app === undefined ? [FLEET] : clusters.map((c) => `${app}/${c}`).toSorted();

const meets = (a: readonly LockKey[], b: readonly LockKey[]): boolean =>
  a.length > 0 && b.length > 0 && (a.includes(FLEET) || b.includes(FLEET) || a.some((k) => b.includes(k)));

/**
 * Who may start now: safe ones at once; another one when it is the first of all that wait on each of its keys and
 * nobody holds one. All keys or none, in one order of arrival: no deadlock, and nobody starves.
 */
export function admit(waiting: readonly Waiter[], held: readonly Waiter[]): readonly Waiter[] {
  const taken: (readonly LockKey[])[] = held.filter((h) => !h.safe).map((h) => h.keys);
  const granted: Waiter[] = [];
  for (const w of waiting) {
    if (w.safe || !taken.some((keys) => meets(keys, w.keys))) granted.push(w);
    if (!w.safe) taken.push(w.keys);
  }
  return granted;
}
