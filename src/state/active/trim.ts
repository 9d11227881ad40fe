// How much of the logs may go.
import { earlier, type Id, idAt, later, msOf, type Origin, START, type Vector } from './ids.ts';

export interface TrimView {
  here: Vector;
  /** What every other cluster was last known to have; nothing heard yet = an empty vector. */
  others: readonly Vector[];
  /** Wall time, milliseconds. */
  now: number;
  /** Entries that are younger stay: a crash may take a moment back from a Redis that had confirmed them. */
  keepMs: number;
}

/** Per origin the id up to which everybody has everything, and which is old enough. */
export function trims(v: TrimView): readonly { origin: Origin; id: Id }[] {
  const old: Id = `${Math.max(0, Math.floor(v.now - v.keepMs))}-0`;
  return Object.keys(v.here).flatMap((origin) => {
    const all = [v.here, ...v.others].map((x) => idAt(x, origin));
    const id = all.reduce(earlier, old);
    return msOf(id) === 0 || id === START ? [] : [{ origin, id }];
  });
}

/**
 * The part of a log that is too long which may go though some lack it: what another cluster has. What nobody else has
 * stays, whatever it takes: whoever lacks it could get it nowhere.
 */
export function spare(origin: Origin, x: { id: Id; others: readonly Vector[] }): Id {
  return earlier(x.id, x.others.map((v) => idAt(v, origin)).reduce(later, START));
}
