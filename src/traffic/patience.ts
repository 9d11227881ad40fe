import { setTimeout as delay } from 'node:timers/promises';

/** One of several parties that are asked the same at once. */
interface Ask<T> {
  who: string;
  run(): Promise<T>;
}

export interface Patience {
  /**
   * Asks all and waits for them; once half have answered, not much longer for the rest, and only a moment
   * for those that said nothing the last time. Those are rejected here, what they were asked still runs.
   */
  all<T>(asks: readonly Ask<T>[]): Promise<PromiseSettledResult<T>[]>;
}

export interface PatienceSettings {
  /** The longest wait, in milliseconds. */
  limitMs: number;
  /** Wait after half have answered; or three times as long as that took. */
  graceMs: number;
  /** Wait for those known to be silent after all others have settled. */
  knownMs: number;
}

const DEFAULTS: PatienceSettings = { limitMs: 5000, graceMs: 1500, knownMs: 300 };

interface Round<T> {
  began: number;
  results: (PromiseSettledResult<T> | undefined)[];
  /** When the last one settled, and when half had answered. */
  lastAt: number;
  halfAt?: number;
}

function noted<T>(round: Round<T>, i: number, result: PromiseSettledResult<T>): void {
  round.results[i] = result;
  round.lastAt = performance.now();
  const answered = round.results.filter((r) => r?.status === 'fulfilled').length;
  if (answered * 2 >= round.results.length) round.halfAt ??= round.lastAt;
}

/** When to give up, by `performance.now()`. */
function endOf<T>(round: Round<T>, onlyKnown: boolean, s: PatienceSettings): number {
  const ends = [round.began + s.limitMs];
  const answered = round.results.some((r) => r?.status === 'fulfilled');
  if (onlyKnown && answered) ends.push(round.lastAt + s.knownMs);
  if (round.halfAt !== undefined) ends.push(round.halfAt + Math.max(s.graceMs, 3 * (round.halfAt - round.began)));
  return Math.min(...ends);
}

/** A memory of who is silent: one cut-off cluster costs the grace once, not once per step. */
export function createPatience(over: Partial<PatienceSettings> = {}): Patience {
  const settings = { ...DEFAULTS, ...over };
  const silent = new Set<string>();

  async function wait<T>(asks: readonly Ask<T>[], round: Round<T>, running: readonly Promise<void>[]): Promise<void> {
    for (;;) {
      const open = asks.map((_, i) => i).filter((i) => round.results[i] === undefined);
      if (open.length === 0) return;
      const onlyKnown = open.every((i) => silent.has(asks[i]?.who ?? ''));
      const left = endOf(round, onlyKnown, settings) - performance.now();
      if (left <= 0) return;
      const stop = new AbortController();
      const timer = delay(left, undefined, { signal: stop.signal }).catch(() => undefined);
      await Promise.race([timer, ...open.map((i) => running[i])]);
      stop.abort();
    }
  }

  return {
    all: async <T>(asks: readonly Ask<T>[]) => {
      const began = performance.now();
      const round: Round<T> = { began, lastAt: began, results: asks.map(() => undefined) };
      const running = asks.map(async ({ who, run }, i) => {
        const [result] = await Promise.allSettled([run()]);
        silent.delete(who);
        noted(round, i, result);
      });
      await wait(asks, round, running);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      return [...round.results].map((r, i): PromiseSettledResult<T> => {
        if (r !== undefined) return r;
        silent.add(asks[i]?.who ?? '');
        return { status: 'rejected', reason: new Error(`no answer within ${seconds} s`) };
      });
    },
  };
}
