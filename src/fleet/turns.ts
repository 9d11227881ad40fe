import { type Action, isSettled } from './machine/apply.ts';
import type { AppPlan } from './model.ts';

interface Line {
  /** The wave that the shared unit is at; -Infinity before it claimed, Infinity when it ended well. */
  at: number;
  stopped: boolean;
  waiting: (() => void)[];
}

/**
 * The order among the units of one app in one cluster: a version unit writes a wave when the shared unit
 * has come to it, as if both were one app. Without a shared unit in the plan nobody waits.
 */
export class Turns {
  readonly #lines = new Map<string, Line>();

  constructor(apps: readonly AppPlan[]) {
    for (const a of apps)
      if (a.desired.keep === undefined && !isSettled(a))
        this.#lines.set(key(a), { at: -Infinity, stopped: false, waiting: [] });
  }

  /** The unit is about to do this. */
  reached(a: AppPlan, action: Action): void {
    if (action.do === 'write') this.#move(a, action.wave);
    if (action.do === 'delete' || action.do === 'seal') this.#move(a, Infinity);
  }

  /** The unit is through, or it stopped. */
  end(a: AppPlan, well: boolean): void {
    this.#move(a, well ? Infinity : undefined);
  }

  /** Waits until the unit may do it; false: what it builds on is not there and will not come. */
  async free(a: AppPlan, action: Action): Promise<boolean> {
    const line = a.desired.keep === undefined ? undefined : this.#lines.get(`${a.namespace}/${a.desired.keep.app}`);
    if (line === undefined || (action.do !== 'claim' && action.do !== 'write')) return true;
    // Claimed means that the namespace is there.
    const wanted = action.do === 'write' ? action.wave : Number.MIN_SAFE_INTEGER;
    while (line.at < wanted && !line.stopped) await new Promise<void>((resolve) => line.waiting.push(resolve));
    return line.at >= wanted;
  }

  #move(a: AppPlan, at: number | undefined): void {
    const line = a.desired.keep === undefined ? this.#lines.get(key(a)) : undefined;
    if (line === undefined) return;
    if (at === undefined) line.stopped = true;
    else line.at = at;
    for (const wake of line.waiting.splice(0)) wake();
  }
}
const key = (a: AppPlan): string => `${a.namespace}/${a.app}`;
