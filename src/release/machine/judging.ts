import type { ClusterName } from '../../kernel/index.ts';
import type { Reason } from '../model.ts';
import { p99Bound, type Share, slowerThan, type Tally, wilson } from './tally.ts';

/** `release.judge` of the config, as far as the judge reads it. */
export interface JudgeTerms {
  /** Share of errors that is always allowed. */
  errors: number;
  /** Errors may be this many times the baseline. */
  factor: number;
  /** p99 may be this many times the baseline. */
  latency: number;
  /** Fewer requests than this are no verdict. */
  requests: number;
}

/** Before the switch: blue here, and the live version in the other clusters in the same time. */
export interface Base {
  blue: Tally;
  others: Readonly<Record<ClusterName, Tally>>;
}

/** Green here in some time, and beside it the clusters that still were on blue. Unix milliseconds. */
export interface Window {
  from: number;
  to: number;
  green: Tally;
  others: Tally;
  /** Errors the others would have had if nothing had changed since their part of the base. */
  expected: number;
}

export interface Case {
  cluster: ClusterName;
  terms: JudgeTerms;
  base: Base;
}

/** Standard deviations of the bounds on green's errors, and of what the baseline itself may be off by. */
const Z = 3;
const Z_BASE = 2;
const FUSE_SHARE = 0.1;
const FUSE_REQUESTS = 20;
/** Each of three windows running must be slow with this confidence: together rarer than one of 50,000. */
const Z_SLOW = 2;
/** p99: one request of a hundred may be slower. */
const SLOW_SHARE = 0.01;

const share = (errors: number, requests: number): number => (requests === 0 ? 0 : errors / requests);
const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;
const short = (x: number): string => `${Number((100 * x).toFixed(1))} %`;
const count = (n: number): string => n.toLocaleString('en-US');
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;

/**
 * How much the share of errors has moved in the clusters that still are on blue. 0 unless before and now are apart
 * beyond chance: an estimate from noise would only add its noise.
 */
function drift(c: Case, w: Window, enough: number): number {
  const { errors, requests } = w.others;
  if (requests < enough) return 0;
  const usual = w.expected / requests;
  const before = Object.values(c.base.others).reduce((sum, t) => sum + t.requests, 0);
  const [then, now] = [wilson(usual * before, before, Z), wilson(errors, requests, Z)];
  return now.lower > then.upper || now.upper < then.lower ? share(errors, requests) - usual : 0;
}

/** The share of errors blue would have here in the time of `w`; `undefined` when too little is known of it. */
function baseline(c: Case, w: Window, enough: number): number | undefined {
  const { blue } = c.base;
  if (blue.requests < c.terms.requests) return undefined;
  return Math.max(0, share(blue.errors, blue.requests) + drift(c, w, enough));
}

function sayErrors(c: Case, w: Window, x: { usual: number | undefined; limit: number; time: string }): string {
  const { blue } = c.base;
  const { errors, requests } = w.green;
  const was = share(blue.errors, blue.requests);
  const base = x.usual === undefined ? 'no baseline' : `baseline ${percent(was)} of ${count(blue.requests)}`;
  const moved = x.usual === undefined || Math.abs(x.usual - was) < 1e-12 ? '' : ` (${percent(x.usual)} by the others)`;
  const least = percent(wilson(errors, requests, Z).lower);
  const green = `green ${percent(share(errors, requests))} of ${count(requests)} requests${x.time}`;
  return `errors on ${c.cluster}: ${green} (at least ${least} with confidence), ${base}${moved}, limit ${short(x.limit)}`;
}

const failed = (c: Case, say: string): Reason => ({ code: 'TW7030', say, cluster: c.cluster });

/**
 * More than `least`, and more than `factor` × the baseline, both with confidence. Of the baseline too only a sample is
 * known: its reach is added to that of green (square-and-add, R. G. Newcombe, Statistics in Medicine 17, 1998). With
 * many requests of blue that is `lower bound > max(least, factor × baseline)`.
 */
function exceeds(c: Case, green: Share, x: { least: number; usual: number | undefined }): boolean {
  const rate = share(green.errors, green.requests);
  const { lower } = wilson(green.errors, green.requests, Z);
  if (lower <= x.least) return false;
  if (x.usual === undefined) return true;
  const { requests } = c.base.blue;
  const off = wilson(Math.min(1, x.usual) * requests, requests, Z_BASE).upper - x.usual;
  return rate - c.terms.factor * x.usual > Math.hypot(rate - lower, c.terms.factor * off);
}

/**
 * Errors since settle: fails when green's share is above max(errors, factor × baseline), with confidence.
 * Without a baseline the limit of the fuse stands in: what blue would have done is then not known.
 */
export function errorsFail(c: Case, w: Window): Reason | undefined {
  if (w.green.requests < c.terms.requests) return undefined;
  const usual = baseline(c, w, c.terms.requests);
  const least = Math.max(c.terms.errors, usual === undefined ? FUSE_SHARE : 0);
  if (!exceeds(c, w.green, { least, usual })) return undefined;
  return failed(c, sayErrors(c, w, { usual, limit: limitOf(c, least, usual), time: '' }));
}
const limitOf = (c: Case, least: number, usual: number | undefined): number =>
  Math.max(least, c.terms.factor * (usual ?? 0));

/** The fuse: so many errors in a short time that nothing else is waited for, not even the time to settle. */
export function fuseFails(c: Case, w: Window): Reason | undefined {
  if (w.green.requests < FUSE_REQUESTS) return undefined;
  const usual = baseline(c, w, FUSE_REQUESTS);
  const least = Math.max(FUSE_SHARE, c.terms.errors);
  if (!exceeds(c, w.green, { least, usual })) return undefined;
  const time = ` in ${seconds(w.to - w.from)}`;
  return failed(c, sayErrors(c, w, { usual, limit: limitOf(c, least, usual), time }));
}

/**
 * Slow: more than one of a hundred requests, with confidence, took longer than `latency` × the p99 of blue. Of
 * blue the upper bound of p99's bucket counts and the limit is rounded up to a bound of green's: inside one
 * bucket nothing is told apart. Scaled by what the p99 of the other clusters did. `undefined` = not slow, or
 * above the last bound and therefore not known.
 */
export function slow(c: Case, w: Window): Reason | undefined {
  const was = c.base.blue.timed < c.terms.requests ? undefined : p99Bound(c.base.blue);
  if (was === undefined) return undefined;
  const limit = slowerThan(w.green, was * c.terms.latency * slowdown(c, w));
  if (limit === undefined || wilson(limit.count, w.green.timed, Z_SLOW).lower <= SLOW_SHARE) return undefined;
  const part = `${percent(share(limit.count, w.green.timed))} of ${count(w.green.timed)} requests`;
  const base = `baseline at most ${was} s for 99 % of ${count(c.base.blue.timed)}`;
  const time = `3 windows running (the last of ${seconds(w.to - w.from)})`;
  return failed(
    c,
    `latency on ${c.cluster}: green over ${limit.bound} s for ${part} in ${time}, ${base}, limit ${c.terms.latency} ×`,
  );
}

/** p99 of the clusters still on blue, now by then: 1 or more; Infinity = they too are above all bounds. */
function slowdown(c: Case, w: Window): number {
  if (w.others.timed < c.terms.requests) return 1;
  const bounds = Object.values(c.base.others).flatMap((t) => p99Bound(t) ?? []);
  const [then, now] = [Math.max(...bounds), p99Bound(w.others)];
  return now === undefined || !Number.isFinite(then) ? 1 : Math.max(1, now / then);
}

/** Why green's errors can be neither passed nor failed yet; `undefined` = they can. */
export function errorsUnknown(c: Case, w: Window): string | undefined {
  const { errors, requests } = w.green;
  const { terms } = c;
  if (requests < terms.requests)
    return `errors on ${c.cluster}: ${count(requests)} requests of green, ${count(terms.requests)} are needed for a verdict`;
  if (baseline(c, w, terms.requests) !== undefined || share(errors, requests) <= terms.errors) return undefined;
  return `errors on ${c.cluster}: green ${percent(share(errors, requests))} of ${count(requests)} requests, limit ${short(terms.errors)}; the old version had too few requests (${count(c.base.blue.requests)}) to compare with`;
}

/** What a pass rests on. */
export function sayPass(c: Case, w: Window): string {
  const usual = baseline(c, w, c.terms.requests);
  return sayErrors(c, w, { usual, limit: limitOf(c, c.terms.errors, usual), time: '' });
}

export function restartsFail(c: Case, restarts: number): Reason | undefined {
  if (restarts === 0) return undefined;
  return failed(
    c,
    `restarts on ${c.cluster}: green's containers were started anew ${count(restarts)} × since the switch, limit 0`,
  );
}
