import { setTimeout as delay } from 'node:timers/promises';

/** Time as a parameter: cores never read a clock of their own. */
export interface Clock {
  /** Wall time, Unix milliseconds. */
  now(): number;
  /** Milliseconds that never jump, for durations and deadlines. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with AbortError when the signal fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {});
  },
};

/** Given as reason, no error with a trace is made each time. */
const ENDED = 'the work has ended';

/**
 * The result of `work`, or what `late` gives (or throws) when it takes longer than `ms`. Work that is too slow goes
 * on alone; nobody hears of its end.
 */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>, late: () => T): Promise<T> {
  const stop = new AbortController();
  const timer = clock.sleep(ms, stop.signal).then(late);
  timer.catch(() => undefined);
  try {
    return await Promise.race([work, timer]);
  } finally {
    stop.abort(ENDED);
    work.catch(() => undefined);
  }
}

/** A clock that stands still until told; `sleep` returns at once and moves it. For tests and simulations. */
export function manualClock(start = 0): Clock & { advance(ms: number): void } {
  let at = start;
  return {
    now: () => at,
    monotonic: () => at,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      at += ms;
    },
    advance: (ms) => {
      at += ms;
    },
  };
}
