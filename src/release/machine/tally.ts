import type { Counters } from '../model.ts';

export interface Share {
  requests: number;
  errors: number;
}

/** Requests of some time: what counters grew by. JSON-safe: the count below Infinity is `timed`. */
export interface Tally extends Share {
  /** Finite upper bounds in seconds, ascending; `within[i]` requests took at most `le[i]`, `timed` have a time at all. */
  le: readonly number[];
  within: readonly number[];
  timed: number;
}

export const NOTHING: Tally = { requests: 0, errors: 0, le: [], within: [], timed: 0 };
const isNothing = (t: Tally): boolean => t.requests === 0 && t.timed === 0;

/** Counters as read: the tally since the gateway started. */
export function tallyOf(c: Counters): Tally {
  const finite = c.latency.filter((b) => Number.isFinite(b.le));
  return {
    requests: c.requests,
    errors: Math.min(c.errors, c.requests),
    le: finite.map((b) => b.le),
    within: finite.map((b) => b.count),
    timed: c.latency.at(-1)?.count ?? 0,
  };
}

const sameBounds = (a: Tally, b: Tally): boolean =>
  a.le === b.le || (a.le.length === b.le.length && a.le.every((bound, i) => bound === b.le[i]));

const wentDown = (now: Tally, then: Tally): boolean =>
  now.requests < then.requests ||
  now.errors < then.errors ||
  now.requests - now.errors < then.requests - then.errors ||
  now.timed < then.timed ||
  now.within.some((n, i) => n < (then.within[i] ?? 0));

/**
 * What counters grew by; times that appear for the first time are all new. A counter that went down, or other bounds, mean that the gateway was started anew:
 * then all it has counted is new, and what came between the last reading and its end is lost.
 */
export function growth(now: Tally, then: Tally): Tally {
  if (wentDown(now, then)) return now;
  const untimed = then.timed === 0 && then.le.length === 0;
  if (untimed) return { ...now, requests: now.requests - then.requests, errors: now.errors - then.errors };
  if (!sameBounds(now, then)) return now;
  return {
    requests: now.requests - then.requests,
    errors: now.errors - then.errors,
    le: now.le,
    within: now.within.map((n, i) => n - (then.within[i] ?? 0)),
    timed: now.timed - then.timed,
  };
}

/** The sum of two tallies; of their latencies only the bounds both have. */
export function plus(a: Tally, b: Tally): Tally {
  if (isNothing(a)) return b;
  if (isNothing(b)) return a;
  const le = sameBounds(a, b) ? a.le : a.le.filter((bound) => b.le.includes(bound));
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    le,
    within: le.map((bound, i) =>
      le === a.le ? (a.within[i] ?? 0) + (b.within[i] ?? 0) : withinOf(a, bound) + withinOf(b, bound),
    ),
    timed: a.timed + b.timed,
  };
}
const withinOf = (t: Tally, bound: number): number => t.within[t.le.indexOf(bound)] ?? 0;

/**
 * The bucket that holds the 99th percentile: its upper bound in seconds, Infinity when it is above all bounds,
 * `undefined` without any time. Nothing is interpolated: a bucket is all that is known.
 */
export function p99Bound(t: Tally): number | undefined {
  if (t.timed === 0) return undefined;
  return t.le.find((_, i) => (t.within[i] ?? 0) >= 0.99 * t.timed) ?? Infinity;
}

/** How many took longer than `seconds`, as far as the bounds can tell for sure: those above the next bound, and it. */
export function slowerThan(t: Tally, seconds: number): { count: number; bound: number } | undefined {
  // A hair below: 1.5 × 0.2 must not miss the bound 0.3.
  const i = t.le.findIndex((bound) => bound >= seconds * (1 - 1e-9));
  const bound = t.le[i];
  return bound === undefined ? undefined : { count: t.timed - (t.within[i] ?? 0), bound };
}

/**
 * Wilson score interval of a share (E. B. Wilson, JASA 22, 1927): `hits` of `n`, `z` standard deviations.
 * [0, 1] without a sample.
 */
export function wilson(hits: number, n: number, z: number): { lower: number; upper: number } {
  if (n <= 0) return { lower: 0, upper: 1 };
  const p = hits / n;
  const zz = (z * z) / n;
  const middle = p + zz / 2;
  const reach = z * Math.sqrt((p * (1 - p)) / n + zz / (4 * n));
  return {
    lower: hits === 0 ? 0 : Math.max(0, (middle - reach) / (1 + zz)),
    upper: hits === n ? 1 : Math.min(1, (middle + reach) / (1 + zz)),
  };
}
