// Places in the logs of origins, as pure values.
import type { ClusterName } from '../../kernel/index.ts';

/** Place in the log of one origin: `ms-seq`, as stream ids of Redis. */
export type Id = string;
/** One incarnation of one cluster: `<cluster>.<8 hex>`. */
export type Origin = string;
/** Greatest id applied per origin. */
export type Vector = Readonly<Record<Origin, Id>>;

/** Before every entry. */
export const START: Id = '0-0';

function split(id: Id): readonly [number, number] {
  const dash = id.indexOf('-');
  return [Number(id.slice(0, dash)), Number(id.slice(dash + 1))];
}

/** Its number as the library counts, which is what it keeps: (ms - 1.6e12) * 4096 + seq. */
export function numberOf(id: Id): number {
  const [ms, seq] = split(id);
  return (ms - 1_600_000_000_000) * 4096 + seq;
}

/** Milliseconds of the id: wall time of its origin, or a little ahead of it. */
export const msOf = (id: Id): number => split(id)[0];

/** Below 0: `a` comes before `b`. */
export function compareIds(a: Id, b: Id): number {
  const [[x, m], [y, n]] = [split(a), split(b)];
  return x === y ? m - n : x - y;
}
export const isAfter = (a: Id, b: Id): boolean => compareIds(a, b) > 0;
export const earlier = (a: Id, b: Id): Id => (isAfter(a, b) ? b : a);
export const later = (a: Id, b: Id): Id => (isAfter(a, b) ? a : b);

/** What `v` has of that origin. */
export const idAt = (v: Vector, origin: Origin): Id => v[origin] ?? START;

/** True when `a` has everything that `b` has. */
export const covers = (a: Vector, b: Vector): boolean =>
  Object.entries(b).every(([origin, id]) => !isAfter(id, idAt(a, origin)));

/** The cluster whose incarnation it is. */
export const clusterOf = (origin: Origin): ClusterName => origin.slice(0, origin.lastIndexOf('.'));

/** The part of a vector that is of one cluster's incarnations. */
export const partOf = (v: Vector, cluster: ClusterName): Vector =>
  Object.fromEntries(Object.entries(v).filter(([origin]) => clusterOf(origin) === cluster));
