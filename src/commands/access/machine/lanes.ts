/** What a command holds while it runs. */
export type LockKey = string;

/** A place in the line, as far as its order goes. */
export interface Standing {
  /** In order of arrival. */
  n: number;
  verb: string;
  app: string | null;
  /** `<app>/<cluster>` for one app, `*` for the fleet as a whole. */
  keys: readonly LockKey[];
  state: 'waits' | 'runs';
}

const FLEET = '*';

export const keysOf = (app: string | undefined, clusters: readonly string[]): LockKey[] =>
  app === undefined ? [FLEET] : clusters.map((c) => `${app}/${c}`).toSorted();

const meets = (a: readonly LockKey[], b: readonly LockKey[]): boolean =>
  a.includes(FLEET) || b.includes(FLEET) || a.some((k) => b.includes(k));

const RELEASES: readonly string[] = ['release', 'promote'];

/** A running release waits for this word: it must not wait for the end of that release, nor for what waits for it. */
const isWord = (p: Standing, all: readonly Standing[]): boolean =>
  p.verb === 'promote' && all.some((o) => o.state === 'runs' && RELEASES.includes(o.verb) && o.app === p.app);

/**
 * Those that it waits for: everybody who came earlier and wants one of its keys. All keys or none, in one order of
 * arrival: no deadlock, and nobody starves.
 */
export function ahead<P extends Standing>(p: Standing, all: readonly P[]): P[] {
  const others = all.filter((o) => o.n < p.n);
  return isWord(p, others) ? [] : others.filter((o) => meets(o.keys, p.keys));
}
