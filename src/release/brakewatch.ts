import { type Clock, type ClusterName, causes, within } from '../kernel/index.ts';
import { NOT_YET, type Reason } from './model.ts';
import type { ReleasePorts } from './ports.ts';

export interface BrakesSeen {
  braked: readonly ClusterName[];
  may: Readonly<Record<ClusterName, readonly Reason[]>>;
}

/** A look takes so long at most. Milliseconds. */
const LOOK_MS = 5000;
/** Longest time a brake goes unseen. It has no fence: one of a shell that was taken over may come late. Milliseconds. */
const KNOWN_MS = 10_000;

/**
 * Who is braked and who may be, looked at in the background: a write to a switch never waits for traffic's answer.
 * Until there is one, every member may not be braked for the reason that nobody knows yet.
 */
export class BrakeWatch {
  readonly #brakes: ReleasePorts['brakes'];
  readonly #clock: Clock;
  #last: { at: number; value: BrakesSeen } | undefined;
  #pending: object | undefined;
  constructor({ brakes, clock }: Pick<ReleasePorts, 'brakes' | 'clock'>) {
    this.#brakes = brakes;
    this.#clock = clock;
  }

  /** What was seen within KNOWN_MS and since the last change. */
  get known(): BrakesSeen | undefined {
    const young = this.#last !== undefined && this.#clock.monotonic() - this.#last.at < KNOWN_MS;
    return young ? this.#last?.value : undefined;
  }

  /** Brakes have changed, or are about to: neither what was seen counts, nor what is being looked at. */
  forget(): void {
    this.#last = undefined;
    this.#pending = undefined;
  }

  /** Begins a look unless one is under way. */
  refresh(members: readonly ClusterName[]): void {
    if (this.#pending !== undefined) return;
    const mine = {};
    this.#pending = mine;
    void within(this.#clock, LOOK_MS, this.#look(members), () => unasked(members, 'no answer')).then((value) => {
      if (this.#pending !== mine) return;
      this.#pending = undefined;
      this.#last = { at: this.#clock.monotonic(), value };
    });
  }

  async #look(members: readonly ClusterName[]): Promise<BrakesSeen> {
    try {
      const braked = await this.#brakes.now();
      const may = await Promise.all(members.map(async (c) => [c, await this.#brakes.may(c)] as const));
      return { braked, may: Object.fromEntries(may) };
    } catch (e) {
      return unasked(members, causes(e)[0] ?? '');
    }
  }
}

const refused = (members: readonly ClusterName[], why: Reason): BrakesSeen => ({
  braked: [],
  may: Object.fromEntries(members.map((c) => [c, [why]])),
});
const unasked = (members: readonly ClusterName[], why: string): BrakesSeen =>
  refused(members, { code: 'TW7012', say: `traffic cannot be asked: ${why}` });

export const notLookedAt = (members: readonly ClusterName[]): BrakesSeen =>
  refused(members, { code: NOT_YET, say: 'traffic has not answered yet' });
