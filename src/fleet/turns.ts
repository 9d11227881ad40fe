import { type Action, isSettled } from './machine/apply.ts';
import type { AppPlan } from './model.ts';

interface Line {
  /** The wave that the shared unit is at; -Infinity before it claimed, Infinity when it is through all. */
  at: number;
  /** Version units that have not ended yet. */
  versions: number;
  /** The shared unit stopped, or a version unit did. */
  stopped: boolean;
  failed: boolean;
  waiting: (() => void)[];
}
const lineOf = (a: AppPlan): string => `${a.namespace}/${a.desired.keep?.app ?? a.app}`;

/**
 * The order among the units of one app in one cluster, as if they were one: a version unit writes a wave
 * when the shared unit has come to it, and the shared unit deletes when every version unit is through.
 * Units that have nothing to do, or are not in the plan, hold nobody up.
 */
export class Turns {
  readonly #lines = new Map<string, Line>();

  constructor(apps: readonly AppPlan[]) {
    const busy = apps.filter((a) => !isSettled(a));
    for (const a of busy) {
      const versions = busy.filter((v) => v.desired.keep !== undefined && lineOf(v) === lineOf(a)).length;
      const shared = busy.some((s) => s.desired.keep === undefined && lineOf(s) === lineOf(a));
      const at = shared ? -Infinity : Infinity;
      this.#lines.set(lineOf(a), { at, versions, stopped: false, failed: false, waiting: [] });
    }
  }

  /** Waits until the unit may do it; false: what it waits for stopped. */
  free(a: AppPlan, action: Action): Promise<boolean> {
    return a.desired.keep === undefined ? this.#sharedFree(a, action) : this.#versionFree(a, action);
  }

  /** The unit is through, or it stopped. */
  end(a: AppPlan, well: boolean): void {
    this.#change(a, (line) => {
      if (a.desired.keep === undefined) {
        if (well) line.at = Infinity;
        line.stopped ||= !well;
      } else {
        line.versions--;
        line.failed ||= !well;
      }
    });
  }

  async #sharedFree(a: AppPlan, action: Action): Promise<boolean> {
    if (action.do === 'write') this.#change(a, (line) => (line.at = action.wave));
    if (action.do !== 'delete' && action.do !== 'seal') return true;
    const line = this.#change(a, (l) => (l.at = Infinity));
    if (line === undefined || action.do === 'seal') return true;
    await this.#until(line, () => line.versions === 0);
    return !line.failed;
  }

  async #versionFree(a: AppPlan, action: Action): Promise<boolean> {
    const line = this.#lines.get(lineOf(a));
    if (line === undefined || (action.do !== 'claim' && action.do !== 'write')) return true;
    // Claimed means that the namespace is there.
    const wanted = action.do === 'write' ? action.wave : Number.MIN_SAFE_INTEGER;
    await this.#until(line, () => line.at >= wanted || line.stopped);
    return line.at >= wanted;
  }

  async #until(line: Line, done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => line.waiting.push(resolve));
  }

  #change(a: AppPlan, change: (line: Line) => unknown): Line | undefined {
    const line = this.#lines.get(lineOf(a));
    if (line === undefined) return undefined;
    change(line);
    for (const wake of line.waiting.splice(0)) wake();
    return line;
  }
}
