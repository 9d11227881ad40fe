import type { ClusterName } from '../../kernel/index.ts';
import type { Counters, Reason, Verdict } from '../model.ts';
import {
  type Base,
  type Case,
  errorsFail,
  errorsUnknown,
  fuseFails,
  type JudgeTerms,
  restartsFail,
  sayPass,
  slow,
  type Window,
} from './judging.ts';
import { growth, NOTHING, plus, type Share, type Tally, tallyOf } from './tally.ts';

/** `before`: blue is live here. `settle`: switched, the data plane may lag. `soak`: what happens is judged. */
type JudgeStage = 'before' | 'settle' | 'soak';

/** What the shell saw of one cluster in one round; every second or two is a good rhythm, 10 s the longest. */
export interface JudgeSample {
  /** Unix milliseconds; a sample that is not newer than the last one is left out. */
  at: number;
  stage: JudgeStage;
  /** Counters of this cluster as read; absent = could not be read. */
  blue?: Counters | undefined;
  green?: Counters | undefined;
  /** Restarts and OOM kills of green's pods, summed. */
  restarts?: number | undefined;
  /** Counters of blue in the other clusters whose switch is on blue now. */
  others: Readonly<Record<ClusterName, Counters>>;
  /** A failover of state is going on: errors and times of this round count nowhere. */
  masked?: boolean;
}

/** Blue and the others in about a minute before the switch. */
interface Slice extends Base {
  from: number;
}

interface Last {
  at: number;
  stage: JudgeStage;
  green?: Tally | undefined;
  blue?: Tally | undefined;
  others: Readonly<Record<ClusterName, Tally>>;
}

/** The present window of the latency, and how many slow ones ran before it. */
interface Pace {
  window?: Window | undefined;
  slow: number;
  why?: Reason | undefined;
}

/**
 * What one cluster's judge remembers: plain JSON, some KiB. It lives in the shell's memory alone. A shell that
 * takes over starts anew: it takes all blue has counted for the baseline and judges green from then on, so a
 * verdict comes later, never earlier.
 */
export interface JudgeState {
  cluster: ClusterName;
  terms: JudgeTerms;
  last?: Last | undefined;
  /** Before the switch: the last quarter of an hour. */
  slices: readonly Slice[];
  /** From the first sample after the switch on. */
  base?: Base | undefined;
  /** Since settle. */
  total?: Window | undefined;
  /** The steps of the fuse's window. */
  recent: readonly Window[];
  pace: Pace;
  /** When green's counters were read last. */
  greenAt?: number | undefined;
  /** The last sum of restarts, and how many were added since the switch. */
  restarts?: number | undefined;
  restarted: number;
  /** Once failed, always failed. */
  failed?: Reason | undefined;
}

const SLICE_MS = 60_000;
const SLICES = 15;
/** So many times the wanted requests of blue make a baseline of their own. */
const PLENTY = 10;
const FUSE_MS = 10_000;
const SLOW_WINDOW_MS = 20_000;
const SLOW_WINDOWS = 3;
/** Counters older than this are no evidence. */
const STALE_MS = 30_000;

export const judgeStart = (cluster: ClusterName, terms: JudgeTerms): JudgeState => ({
  cluster,
  terms,
  slices: [],
  recent: [],
  pace: { slow: 0 },
  restarted: 0,
});

/** What the counters grew by since the last sample; nothing for one that was not read before. */
interface Grown {
  green: Tally;
  blue: Tally;
  others: Readonly<Record<ClusterName, Tally>>;
}

const mapped = <A, B>(of: Readonly<Record<ClusterName, A>>, f: (a: A, c: ClusterName) => B): Record<ClusterName, B> =>
  Object.fromEntries(Object.entries(of).map(([c, a]) => [c, f(a, c)]));
const grew = (now: Tally | undefined, then: Tally | undefined): Tally =>
  now === undefined || then === undefined ? NOTHING : growth(now, then);

/** A reading that failed leaves the older one in place, but not over a change of stage: its growth would be of both. */
const kept = (now: Tally | undefined, then: Tally | undefined, sameStage: boolean): Tally | undefined =>
  now ?? (sameStage ? then : undefined);

function read(s: JudgeSample, last: Last | undefined): { grown: Grown; next: Last } {
  const [green, blue] = [s.green, s.blue].map((c) => (c === undefined ? undefined : tallyOf(c)));
  const others = mapped(s.others, tallyOf);
  const grown = {
    green: grew(green, last?.green),
    blue: grew(blue, last?.blue),
    others: mapped(others, (now, c) => grew(now, last?.others[c])),
  };
  const same = s.stage === last?.stage;
  const next = {
    at: s.at,
    stage: s.stage,
    green: kept(green, last?.green, same),
    blue: kept(blue, last?.blue, same),
    others,
  };
  return { grown, next };
}

const add = (a: Readonly<Record<ClusterName, Tally>>, b: Readonly<Record<ClusterName, Tally>>) => ({
  ...a,
  ...mapped(b, (t, c) => plus(a[c] ?? NOTHING, t)),
});

/** One more sample before the switch: into the slice of its minute. */
function before(state: JudgeState, s: JudgeSample, grown: Grown): JudgeState {
  const open = state.slices.at(-1);
  if (open === undefined || s.at - open.from >= SLICE_MS)
    return {
      ...state,
      slices: [...state.slices, { from: s.at, blue: grown.blue, others: grown.others }].slice(-SLICES),
    };
  const wider = { from: open.from, blue: plus(open.blue, grown.blue), others: add(open.others, grown.others) };
  return { ...state, slices: [...state.slices.slice(0, -1), wider] };
}

/** All that was seen before the switch; a version of which too little was seen: all it has counted. */
function baseOf(state: JudgeState, s: JudgeSample): Base {
  const seen = state.slices.reduce<Base>(
    (sum, slice) => ({ blue: plus(sum.blue, slice.blue), others: add(sum.others, slice.others) }),
    { blue: NOTHING, others: {} },
  );
  return {
    blue: wholeIfFew(seen.blue, s.blue, state.terms),
    others: {
      ...seen.others,
      ...mapped(s.others, (c, name) => wholeIfFew(seen.others[name] ?? NOTHING, c, state.terms)),
    },
  };
}
function wholeIfFew(seen: Tally, counters: Counters | undefined, terms: JudgeTerms): Tally {
  if (seen.requests >= PLENTY * terms.requests || counters === undefined) return seen;
  const whole = tallyOf(counters);
  return whole.requests > seen.requests ? whole : seen;
}

/** The window of one step. Of the others only those count whose errors before the switch are known. */
function stepOf(state: JudgeState, base: Base, s: JudgeSample, grown: Grown): Window {
  const known = Object.entries(grown.others).flatMap(([c, now]) => {
    const was = base.others[c];
    return was !== undefined && was.requests >= state.terms.requests ? [{ now, was }] : [];
  });
  return {
    from: state.last?.at ?? s.at,
    to: s.at,
    green: grown.green,
    others: known.reduce((sum, { now }) => plus(sum, now), NOTHING),
    expected: known.reduce((sum, { now, was }) => sum + (now.requests * was.errors) / was.requests, 0),
  };
}

const joined = (a: Window | undefined, b: Window): Window =>
  a === undefined
    ? b
    : {
        from: a.from,
        to: b.to,
        green: plus(a.green, b.green),
        others: plus(a.others, b.others),
        expected: a.expected + b.expected,
      };
const untimed = (t: Share): Tally => ({ ...NOTHING, requests: t.requests, errors: t.errors });

/** The step in the windows of the latency: a full one is slow or not, and the next begins. */
function paced(c: Case, pace: Pace, step: Window): Pace {
  const window = joined(pace.window, step);
  if (window.to - window.from < SLOW_WINDOW_MS || window.green.timed < c.terms.requests) return { ...pace, window };
  const why = slow(c, window);
  const run = why === undefined ? 0 : pace.slow + 1;
  return { slow: run, why: run >= SLOW_WINDOWS ? why : undefined };
}

const fused = (recent: readonly Window[], step: Window): readonly Window[] => [
  ...recent.filter((w) => w.from >= step.to - FUSE_MS),
  { ...step, green: untimed(step.green), others: untimed(step.others) },
];

/** Restarts beyond those of the last sample; a sum that went down lost a pod, and is where the next count begins. */
const newRestarts = (now: number | undefined, last: number | undefined): number =>
  now === undefined || last === undefined ? 0 : Math.max(0, now - last);

function failure(c: Case, state: JudgeState): Reason | undefined {
  const fuse = state.recent.reduce<Window | undefined>(joined, undefined);
  return (
    restartsFail(c, state.restarted) ??
    (fuse === undefined ? undefined : fuseFails(c, fuse)) ??
    (state.total === undefined ? undefined : errorsFail(c, state.total)) ??
    state.pace.why
  );
}

/** One more sample after the switch. */
function after(state: JudgeState, s: JudgeSample, grown: Grown): JudgeState {
  const { cluster, terms } = state;
  const held = state.base ?? baseOf(state, s);
  const c: Case = { cluster, terms, base: { ...held, blue: wholeIfFew(held.blue, s.blue, terms) } };
  const step = stepOf(state, c.base, s, grown);
  const counts = s.masked !== true;
  const judged = counts && s.stage === 'soak' && state.last?.stage === 'soak';
  const next: JudgeState = {
    ...state,
    base: c.base,
    recent: counts ? fused(state.recent, step) : state.recent,
    ...(judged && { total: joined(state.total, step), pace: paced(c, state.pace, step) }),
    restarted: state.restarted + newRestarts(s.restarts, state.restarts),
  };
  return { ...next, failed: state.failed ?? failure(c, next) };
}

/** Folds one sample into the state. Pure; the state passed in stays as it is. */
export function judgeStep(state: JudgeState, s: JudgeSample): JudgeState {
  if (state.last !== undefined && s.at <= state.last.at) return state;
  const { grown, next } = read(s, state.last);
  const moved = s.stage === 'before' ? before(state, s, grown) : after(state, s, grown);
  return {
    ...moved,
    last: next,
    greenAt: s.green === undefined ? state.greenAt : s.at,
    restarts: s.restarts ?? state.restarts,
  };
}

/**
 * The verdict at `now` (Unix milliseconds). `fail` stays. `unknown` is never a pass: no metrics, old ones, fewer
 * than `terms.requests` since settle, or errors above the limit with nothing to compare them with. The reasons of
 * a pass say what it rests on. All reasons carry TW7030.
 */
export function verdictOf(state: JudgeState, now: number): Verdict {
  const { cluster, terms, total, greenAt } = state;
  const reason = (say: string): Reason => ({ code: 'TW7030', say, cluster });
  const unknown = (say: string): Verdict => ({ is: 'unknown', why: [reason(say)] });
  if (state.failed !== undefined) return { is: 'fail', why: [state.failed] };
  if (greenAt === undefined) return unknown(`no metrics of green on ${cluster}`);
  if (now - greenAt > STALE_MS)
    return unknown(`no metrics of green on ${cluster} for ${Math.round((now - greenAt) / 1000)} s`);
  const c: Case = { cluster, terms, base: state.base ?? { blue: NOTHING, others: {} } };
  const window = total ?? { from: now, to: now, green: NOTHING, others: NOTHING, expected: 0 };
  const missing = errorsUnknown(c, window);
  return missing === undefined ? { is: 'pass', why: [reason(sayPass(c, window))] } : unknown(missing);
}
