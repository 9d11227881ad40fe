import { type Clock, type ClusterName, causes, TwError } from '../kernel/index.ts';
import { type ClusterView, NOT_YET, type Reason, type ReleaseRecord, reasonOf, type Seen } from './model.ts';
import type { ReleasePorts } from './ports.ts';

/**
 * A cluster is silent when a question had no answer for ANSWER_MS. A round waits PATIENCE_MS for it, and SILENT_MS for
 * one that was silent before: those that answer do not wait for those that do not.
 */
const ANSWER_MS = 4000;
const PATIENCE_MS = 400;
const SILENT_MS = 100;

export function reasonFor(cluster: ClusterName, e: unknown): Reason {
  if (e instanceof TwError) return reasonOf(e.problem, cluster);
  return { code: 'TW7012', say: `${cluster}: ${causes(e)[0] ?? 'no answer'}`, cluster };
}

/** One question that is asked again and again: the last answer, with its age; slow answers never stop a round. */
class Asked<T> {
  last: Seen<T>;
  #pending: Promise<void> | undefined;
  #since = 0;
  #first = true;
  readonly #cluster: ClusterName;
  readonly #clock: Clock;
  constructor(cluster: ClusterName, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.last = { at: clock.now(), unreachable: { code: NOT_YET, say: `${cluster} has not answered yet`, cluster } };
  }
  /** Resolves when an answer came, or the patience is over. */
  async refresh(ask: () => Promise<T>): Promise<void> {
    if (this.#pending === undefined) {
      this.#since = this.#clock.monotonic();
      this.#pending = ask().then(
        (value) => this.#settle({ at: this.#clock.now(), value }),
        (e: unknown) => this.#settle({ at: this.#clock.now(), unreachable: reasonFor(this.#cluster, e) }),
      );
    }
    const patience =
      'value' in this.last || this.#first ? PATIENCE_MS - (this.#clock.monotonic() - this.#since) : SILENT_MS;
    const stop = new AbortController();
    const timer = this.#clock.sleep(Math.max(0, patience), stop.signal).catch(() => undefined);
    await Promise.race([this.#pending, timer]);
    stop.abort();
    this.#first = false;
    if (this.#pending !== undefined && this.#clock.monotonic() - this.#since >= ANSWER_MS)
      this.last = {
        at: this.#clock.now(),
        unreachable: {
          code: 'TW7012',
          say: `${this.#cluster} gave no answer for ${ANSWER_MS / 1000} s`,
          cluster: this.#cluster,
        },
      };
  }
  #settle(seen: Seen<T>): void {
    this.last = seen;
    this.#pending = undefined;
  }
}

type SwitchSeen = Extract<ClusterView['sw'], { value: unknown }>['value'];
type WorkloadSeen = Extract<ClusterView['green'], { value: unknown }>['value'];

interface Lane {
  sw: Asked<SwitchSeen>;
  green: Asked<WorkloadSeen>;
  blue: Asked<WorkloadSeen>;
}

/** Looks at all members at once, again and again, for one release. */
export class Observer {
  readonly #ports: ReleasePorts;
  readonly #lanes = new Map<ClusterName, Lane>();
  constructor(ports: ReleasePorts) {
    this.#ports = ports;
  }

  lane(c: ClusterName): Lane {
    const { clock } = this.#ports;
    const lane = this.#lanes.get(c) ?? {
      sw: new Asked(c, clock),
      green: new Asked(c, clock),
      blue: new Asked(c, clock),
    };
    this.#lanes.set(c, lane);
    return lane;
  }

  /** Asks each member for its switch and for the workloads the present decision depends on. */
  async look(r: ReleaseRecord, braked: readonly ClusterName[]): Promise<void> {
    const { switches, workloads } = this.#ports;
    const needs = NEEDS[r.decision];
    await Promise.all(
      r.members.flatMap((c) => {
        const lane = this.lane(c);
        const asked = [
          lane.sw.refresh(async () => {
            const state = await switches.read(c);
            if (state === undefined) throw new Error(`${r.app} has no switch on ${c}`);
            return state;
          }),
        ];
        if (needs.green) asked.push(lane.green.refresh(() => workloads.state(c, r.green)));
        if (needs.blue || braked.includes(c))
          asked.push(lane.blue.refresh(() => workloads.state(c, r.blue[c] ?? r.green)));
        return asked;
      }),
    );
  }
}

/** Blue is read where a brake is to be lifted as well; nothing of it decides the way back. */
const NEEDS: Readonly<Record<ReleaseRecord['decision'], { green: boolean; blue: boolean }>> = {
  preparing: { green: true, blue: true },
  committed: { green: true, blue: false },
  aborting: { green: false, blue: false },
  done: { green: true, blue: true },
  rolledback: { green: true, blue: true },
};
