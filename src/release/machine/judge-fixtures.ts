import type { Counters } from '../model.ts';
import { type JudgeSample, type JudgeState, judgeStart, judgeStep } from './judge.ts';
import type { JudgeTerms } from './judging.ts';

export const TERMS: JudgeTerms = { errors: 0.01, factor: 2, latency: 1.5, requests: 100 };
export const BOUNDS = [0.05, 0.1, 0.2, 0.3, 0.5, 1] as const;
const STEP_MS = 2000;

/** What one second brings: requests, errors, and how long they take. */
export interface Rate {
  requests: number;
  errors?: number;
  /** Seconds of every request; `slow` of a hundred take `slowSeconds`. */
  seconds?: number;
  slow?: number;
  slowSeconds?: number;
}

/** Counters that grow, like those of a gateway. */
export class Gateway {
  #now = { requests: 0, errors: 0, within: BOUNDS.map(() => 0), timed: 0 };
  add(r: Rate, seconds: number): void {
    const n = r.requests * seconds;
    const late = Math.round((n * (r.slow ?? 0)) / 100);
    this.#now.requests += n;
    this.#now.errors += (r.errors ?? 0) * seconds;
    this.#now.timed += n;
    BOUNDS.forEach((le, i) => {
      this.#now.within[i] =
        (this.#now.within[i] ?? 0) +
        ((r.seconds ?? 0.04) <= le ? n - late : 0) +
        ((r.slowSeconds ?? 9) <= le ? late : 0);
    });
  }
  restart(): void {
    this.#now = { requests: 0, errors: 0, within: BOUNDS.map(() => 0), timed: 0 };
  }
  read(at: number): Counters {
    const latency = BOUNDS.map((le, i) => ({ le, count: this.#now.within[i] ?? 0 }));
    return {
      at,
      requests: this.#now.requests,
      errors: this.#now.errors,
      latency: [...latency, { le: Infinity, count: this.#now.timed }],
    };
  }
}

export type Part = Partial<Pick<JudgeSample, 'stage' | 'restarts' | 'masked'>> & {
  seconds: number;
  green?: Rate;
  blue?: Rate;
  other?: Rate;
  /** The gateway is started anew at the beginning of this part. */
  restart?: boolean;
  /** Counters cannot be read. */
  blind?: boolean;
};

interface World {
  blue: Gateway;
  green: Gateway;
  other: Gateway;
}

function sampleOf(w: World, p: Part, at: number): JudgeSample {
  if (p.blue) w.blue.add(p.blue, STEP_MS / 1000);
  if (p.green) w.green.add(p.green, STEP_MS / 1000);
  if (p.other) w.other.add(p.other, STEP_MS / 1000);
  const counters = p.blind === true ? {} : { blue: w.blue.read(at), green: w.green.read(at) };
  const { stage = 'soak', restarts, masked = false } = p;
  return { at, stage, restarts, masked, ...counters, others: p.other ? { syd: w.other.read(at) } : {} };
}

/** Runs a judge of `mtl` through parts of a release, one sample every two seconds; `syd` stays on blue where `other` is given. */
export function judged(parts: readonly Part[], terms: JudgeTerms = TERMS): { state: JudgeState; now: number } {
  const world = { blue: new Gateway(), green: new Gateway(), other: new Gateway() };
  let [state, now] = [judgeStart('mtl', terms), 1_000_000];
  for (const p of parts) {
    if (p.restart === true) Object.values(world).forEach((g) => g.restart());
    for (let t = 0; t < p.seconds * 1000; t += STEP_MS) {
      now += STEP_MS;
      state = judgeStep(state, sampleOf(world, p, now));
    }
  }
  return { state, now };
}
