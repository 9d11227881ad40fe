// Clusters in simulated time: lines of a certain length that may be cut, versions that take a while to start and may
// crash, brakes. One clock for all arms; chance comes from the seed.
import type { SimClock } from '../../test/sim/release-shell/time.ts';

/** Until a request without an answer is given up, milliseconds. */
const PATIENCE_MS = 10_000;
const ROUND_TRIPS_MS = [15, 125, 200] as const;
const START_MS = { least: 2000, more: 4000 } as const;

/** Pods of one version in one cluster. */
export interface Pods {
  readyAt: number;
  fence: number;
  crashed: boolean;
}

export class SimCluster {
  readonly name: string;
  readonly rttMs: number;
  readonly pods = new Map<string, Pods>();
  /** Versions that never get ready here. */
  readonly sick = new Set<string>();
  cut = false;
  braked = false;
  readonly #clock: SimClock;
  readonly #roll: () => number;

  constructor(n: number, clock: SimClock, roll: () => number) {
    this.name = `c${n}`;
    this.rttMs = ROUND_TRIPS_MS[n % ROUND_TRIPS_MS.length] ?? 0;
    this.#clock = clock;
    this.#roll = roll;
  }

  start(version: string): void {
    const old = this.pods.get(version);
    const readyAt = this.#clock.now() + START_MS.least + this.#roll() * START_MS.more;
    this.pods.set(version, { readyAt: old?.readyAt ?? readyAt, fence: (old?.fence ?? 0) + 1, crashed: false });
  }
  crash(version: string): void {
    const pods = this.pods.get(version);
    if (pods !== undefined) pods.crashed = true;
  }
  ready(version: string): boolean {
    const pods = this.pods.get(version);
    return pods !== undefined && !pods.crashed && !this.sick.has(version) && this.#clock.now() >= pods.readyAt;
  }

  /** One request from the operator: there, the work, and back. Throws when no answer comes; the work may be done. */
  async call<T>(work: () => T | Promise<T>): Promise<T> {
    const half = (): Promise<void> => this.#clock.sleep((this.rttMs / 2) * (0.9 + 0.2 * this.#roll()));
    await half();
    if (this.cut) await this.#silence();
    const out = await work();
    await half();
    if (this.cut) await this.#silence();
    return out;
  }
  async #silence(): Promise<never> {
    await this.#clock.sleep(PATIENCE_MS);
    throw new Error(`${this.name} gives no answer`);
  }
}

/** What a way to release shows of itself while it runs. */
export type Stage = 'start' | 'prepared' | 'commit' | 'flip' | 'soak' | 'back' | 'end';
export type Said = 'done' | 'failed' | 'refused' | undefined;

/** One operator's release to one version, whatever does it. */
export interface Run {
  version: string;
  /** How long it looks at what it has released, milliseconds. */
  soakMs: number;
  said: Said;
  /** Simulated ms at which it said so. */
  saidAt: number;
}
/** A way to release in simulated clusters, all of them at v1 when it is made. */
export interface Sim {
  /** Version that users of the cluster get. */
  live(c: SimCluster): string;
  /** Starts an operator's release and tells its stages. */
  release(run: Run, told: (s: Stage) => void): void;
  /** The process that does it dies at once; 15 s later another one goes on. */
  kill(): void;
  /** A person takes the release back. */
  rollback(run: Run): void;
  /** A person gives up what was just released, by the verb that the tool has for it. */
  abort(run: Run): void;
  /** Counts what is done on behalf of an operator: the n-th such step is where a kill may strike. */
  onStep(strike: (n: number) => void): void;
}
export type Make = (clusters: readonly SimCluster[], clock: SimClock, roll: () => number) => Promise<Sim>;
export const RESUME_MS = 15_000;
export const PREPARE_MS = 60_000;
