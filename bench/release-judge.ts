// The judge of a release beside a plain threshold on a 10 s window: how often each stops a release that is as good
// as the old version (A/A), how soon each finds one that is not, and what neither finds. Simulated and seeded: no
// figure depends on this machine. Three clusters, waves of 5, 5 and 15 minutes after 10 minutes of blue.
import { type JudgeSample, type JudgeState, judgeStart, judgeStep } from '../src/release/machine/judge.ts';
import type { JudgeTerms } from '../src/release/machine/judging.ts';
import type { Counters } from '../src/release/model.ts';
import { binomial, chance, poisson } from './lib/chance.ts';
import { quantile, type Row, table } from './lib/measure.ts';

const CLUSTERS = ['sao', 'mtl', 'syd'] as const;
const TERMS: JudgeTerms = { errors: 0.01, factor: 2, latency: 1.5, requests: 100 };
const STEP_S = 2;
const BEFORE_S = 600;
const WAVES_S = [0, 300, 600] as const;
const END_S = BEFORE_S + 600 + 900;
const SETTLE_S = 4;
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One version at one time: requests per second, share of errors, median and spread of the time they take. */
interface Load {
  rate: number;
  errors: number;
  medianS: number;
}
interface World {
  /** `since`: seconds since the switch of this cluster, negative before; `at`: seconds of the whole. */
  load(x: { cluster: string; at: number; since: number; rnd: () => number }): Load;
}
const SPREAD = 0.6;

/** Share of a log-normal below `x` (Abramowitz and Stegun 7.1.26). */
function below(x: number, medianS: number): number {
  const z = Math.log(x / medianS) / SPREAD / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * Math.abs(z));
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const erf = 1 - poly * Math.exp(-z * z);
  return 0.5 * (1 + Math.sign(z) * erf);
}

class Gateway {
  #requests = 0;
  #errors = 0;
  #seen: Counters | undefined;
  readonly #within = BOUNDS.map(() => 0);
  #shares: { medianS: number; below: number[] } = { medianS: Number.NaN, below: [] };
  add(rnd: () => number, l: Load): { requests: number; errors: number } {
    if (this.#shares.medianS !== l.medianS)
      this.#shares = { medianS: l.medianS, below: BOUNDS.map((b) => below(b, l.medianS)) };
    const requests = poisson(rnd, l.rate * STEP_S);
    const errors = binomial(rnd, requests, l.errors);
    let [left, done, was] = [requests, 0, 0];
    this.#shares.below.forEach((share, i) => {
      const here = binomial(rnd, left, was >= 1 ? 1 : (share - was) / (1 - was));
      [left, done, was] = [left - here, done + here, share];
      this.#within[i] = (this.#within[i] ?? 0) + done;
    });
    this.#requests += requests;
    this.#errors += errors;
    return { requests, errors };
  }
  /** The counters at `at`; the same object while it stays. */
  read(at: number): Counters {
    if (this.#seen?.at === at) return this.#seen;
    const latency = BOUNDS.map((le, i) => ({ le, count: this.#within[i] ?? 0 }));
    this.#seen = {
      at,
      requests: this.#requests,
      errors: this.#errors,
      latency: [...latency, { le: Infinity, count: this.#requests }],
    };
    return this.#seen;
  }
}

/** The peer: errors of the last 10 s above max(1 %, 2 × baseline). */
class Plain {
  readonly #recent: { requests: number; errors: number }[] = [];
  readonly #blue = { requests: 0, errors: 0 };
  before(n: { requests: number; errors: number }): void {
    this.#blue.requests += n.requests;
    this.#blue.errors += n.errors;
  }
  alarms(n: { requests: number; errors: number }): boolean {
    this.#recent.push(n);
    if (this.#recent.length > 10 / STEP_S) this.#recent.shift();
    const sum = (of: 'requests' | 'errors'): number => this.#recent.reduce((all, r) => all + r[of], 0);
    const limit = Math.max(TERMS.errors, TERMS.factor * (this.#blue.errors / this.#blue.requests || 0));
    return sum('requests') > 0 && sum('errors') / sum('requests') > limit;
  }
}

/** Seconds from a cluster's switch to its first alarm; `undefined` = none. */
interface Alarms {
  judge: (number | undefined)[];
  plain: (number | undefined)[];
  why: string[];
}

interface Lane {
  cluster: string;
  switchS: number;
  blue: Gateway;
  green: Gateway;
  state: JudgeState;
  plain: Plain;
  alarm: { judge?: number; plain?: number };
}
interface Options {
  /** Leave out what the other clusters did meanwhile. */
  alone?: boolean;
  endS?: number;
  /** Seconds of blue before the first switch. Default 10 min. */
  beforeS?: number;
}

function advance(lane: Lane, w: World, at: number, rnd: () => number): void {
  const since = at - lane.switchS;
  const load = w.load({ cluster: lane.cluster, at, since, rnd });
  const n = (since <= 0 ? lane.blue : lane.green).add(rnd, load);
  if (since <= 0) lane.plain.before(n);
  else if (lane.plain.alarms(n)) lane.alarm.plain ??= since;
}

function look(lane: Lane, lanes: readonly Lane[], at: number, o: Options): void {
  const since = at - lane.switchS;
  const onBlue = lanes.filter((l) => l !== lane && at <= l.switchS && o.alone !== true);
  const stage = since <= 0 ? 'before' : since <= SETTLE_S ? 'settle' : 'soak';
  const sample: JudgeSample = {
    at: at * 1000,
    stage,
    blue: lane.blue.read(at * 1000),
    green: lane.green.read(at * 1000),
    restarts: 0,
    others: Object.fromEntries(onBlue.map((l) => [l.cluster, l.blue.read(at * 1000)])),
  };
  lane.state = judgeStep(lane.state, sample);
  if (lane.state.failed !== undefined) lane.alarm.judge ??= since;
}

/** One release, to its end also after an alarm: so both see the same. */
function release(seed: number, w: World, o: Options = {}): Alarms {
  const rnd = chance(seed);
  const lanes = CLUSTERS.map(
    (cluster, i): Lane => ({
      cluster,
      switchS: (o.beforeS ?? BEFORE_S) + (WAVES_S[i] ?? 0),
      blue: new Gateway(),
      green: new Gateway(),
      state: judgeStart(cluster, TERMS),
      plain: new Plain(),
      alarm: {},
    }),
  );
  for (let at = STEP_S; at <= (o.endS ?? END_S); at += STEP_S) {
    for (const lane of lanes) advance(lane, w, at, rnd);
    for (const lane of lanes) if (lane.alarm.judge === undefined) look(lane, lanes, at, o);
  }
  return {
    judge: lanes.map((l) => l.alarm.judge),
    plain: lanes.map((l) => l.alarm.plain),
    why: lanes.flatMap((l) => (l.state.failed === undefined ? [] : [l.state.failed.say])),
  };
}

const many = (releases: number, w: World, o: Options = {}): Alarms[] =>
  Array.from({ length: releases }, (_, i) => release(1000 + i, w, o));
const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;

/** Share of releases with an alarm in any cluster, of both. */
function alarmRow(name: string, all: readonly Alarms[], goal?: string): Row {
  const of = (who: 'judge' | 'plain'): number => all.filter((a) => a[who].some((s) => s !== undefined)).length;
  const [judge, plain] = [of('judge'), of('plain')];
  return {
    name,
    ours: `${percent(judge / all.length)} (${judge} of ${all.length})`,
    peer: `plain ${percent(plain / all.length)}`,
    ratio: judge / plain,
    ...(goal === undefined ? {} : { goal }),
  };
}

/** How soon the first cluster's fault is found, counted from its beginning, within `limitS`. */
function foundRow(name: string, all: readonly Alarms[], x: { startS: number; limitS: number; goal?: string }): Row {
  const times = (who: 'judge' | 'plain'): number[] => {
    const found = all.map((a) => (a[who][0] ?? Infinity) - x.startS);
    return found.map((s) => (s < 0 || s > x.limitS ? Infinity : s));
  };
  const say = (t: readonly number[]): string => {
    const at = (q: number): string => (Number.isFinite(quantile(t, q)) ? `${quantile(t, q)} s` : 'not');
    return `p50 ${at(0.5)}, p95 ${at(0.95)}, missed ${percent(t.filter((s) => s === Infinity).length / t.length)}`;
  };
  const [judge, plain] = [times('judge'), times('plain')];
  return {
    name,
    ours: say(judge),
    peer: `plain ${say(plain)}`,
    ratio: quantile(judge, 0.95) / quantile(plain, 0.95),
    ...(x.goal === undefined ? {} : { goal: x.goal }),
  };
}

const steady = (rate: number, errors: number): World => ({ load: () => ({ rate, errors, medianS: 0.03 }) });
/** Green errs from `startS` seconds after the switch on. */
const erring = (rate: number, base: number, green: number, startS: number): World => ({
  load: ({ since }) => ({ rate, errors: since > startS ? green : base, medianS: 0.03 }),
});

/** Errors in bursts of 10 s, 8 times as many in one of 20: what no bound on independent errors expects. */
function bursts(rate: number, errors: number): World {
  const now = new Map<string, { until: number; share: number }>();
  return {
    load: ({ cluster, at, rnd }) => {
      let burst = now.get(cluster);
      if (burst === undefined || at >= burst.until || at <= STEP_S) {
        burst = { until: at + 10, share: errors * (rnd() < 0.05 ? 8 : 12 / 19) };
        now.set(cluster, burst);
      }
      return { rate, errors: burst.share, medianS: 0.03 };
    },
  };
}
/** A shared cause: a minute of 40 % errors and of answers four times as slow everywhere, in the first soak. */
const outage = (rate: number): World => ({
  load: ({ at }) => {
    const bad = at > BEFORE_S + 120 && at <= BEFORE_S + 180;
    return { rate, errors: bad ? 0.4 : 0.005, medianS: bad ? 0.12 : 0.03 };
  },
});
/** Green slower by `factor` from the switch on. */
const slower = (rate: number, factor: number): World => ({
  load: ({ since }) => ({ rate, errors: 0.001, medianS: since > 0 ? 0.03 * factor : 0.03 }),
});

const N = 200;
const short = { endS: BEFORE_S + 320 };
const same: Alarms[] = [];
const sameRows: Row[] = [];
for (const rate of [2, 20, 200])
  for (const errors of [0.001, 0.005, 0.02]) {
    const all = many(N, steady(rate, errors));
    same.push(...all);
    sameRows.push(alarmRow(`${rate} requests/s, ${percent(errors)} errors`, all));
  }
table('releases stopped although green is as good as blue (A/A)', [
  ...sameRows,
  alarmRow('all of these', same, '≤ 1.0 %'),
  alarmRow('2 min of blue only, 2 requests/s, 2.0 % errors', many(N, steady(2, 0.02), { beforeS: 120 }), '≤ 1.0 %'),
  alarmRow('bursts of 16 % for 10 s, 2.0 % on average, 20 requests/s', many(N, bursts(20, 0.02))),
  alarmRow('a minute of 40 % errors everywhere, 20 requests/s', many(N, outage(20), short), '≤ 1.0 %'),
  alarmRow('  the same, the other clusters not looked at', many(N, outage(20), { ...short, alone: true })),
]);

const onset = { startS: 14, limitS: 300 };
const found = (name: string, w: World, goal?: string): Row =>
  foundRow(name, many(N, w, short), { ...onset, ...(goal === undefined ? {} : { goal }) });
table(
  'a bad green, found within a soak of 5 min; seconds from its first bad answer',
  [
    found('20 % errors, baseline 0.1 %, 20 requests/s', erring(20, 0.001, 0.2, 14), 'p95 ≤ 15 s'),
    found('20 % errors, baseline 2 %, 20 requests/s', erring(20, 0.02, 0.2, 14), 'p95 ≤ 15 s'),
    found('20 % errors, baseline 0.1 %, 2 requests/s', erring(2, 0.001, 0.2, 14)),
    found('5 % errors, baseline 0.1 %, 20 requests/s', erring(20, 0.001, 0.05, 14)),
    found('5 % errors, baseline 2 %, 200 requests/s', erring(200, 0.02, 0.05, 14)),
    found('5 % errors, baseline 2 %, 20 requests/s', erring(20, 0.02, 0.05, 14)),
    found('5 % errors, baseline 2 %, 2 requests/s', erring(2, 0.02, 0.05, 14)),
    foundRow('8 times as slow, 20 requests/s', many(N, slower(20, 8), short), { startS: 0, limitS: 300 }),
    foundRow(
      '4 times as slow (p99 from 0.12 to 0.48 s: below the bucket bound 0.5), 20 requests/s',
      many(N, slower(20, 4), short),
      {
        startS: 0,
        limitS: 300,
      },
    ),
  ],
  ['missed: no alarm within the soak, or one before the first bad answer'],
);
