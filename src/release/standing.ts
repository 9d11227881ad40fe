import { BrakeWatch, notLookedAt } from './brakewatch.ts';
import { flipped, valueOf } from './machine/common.ts';
import { type ClusterView, NOT_YET, type Observations, type Reason, type ReleaseRecord } from './model.ts';
import { Observer } from './observe.ts';
import type { ReleasePorts } from './ports.ts';

/** What a release looks like from outside: nothing is decided, claimed or written. */
export class Standing {
  readonly #observer: Observer;
  readonly #brakes: BrakeWatch;
  constructor(ports: ReleasePorts) {
    this.#observer = new Observer(ports);
    this.#brakes = new BrakeWatch(ports);
  }

  #unasked(c: string): boolean {
    const { sw } = this.#observer.lane(c);
    return 'unreachable' in sw.last && sw.last.unreachable.code === NOT_YET;
  }

  /** One look at every member; a silent one is named by the next looks and not waited for. */
  async look(r: ReleaseRecord): Promise<{ seen: Observations; why: Reason[] }> {
    this.#brakes.refresh(r.members);
    await this.#observer.look(r, []);
    // The first look waits for the first answers; the observer turns who is silent for long into a reason.
    while (r.members.some((c) => this.#unasked(c))) await this.#observer.look(r, []);
    const brakes = this.#brakes.known ?? notLookedAt(r.members);
    const viewOf = (c: string): ClusterView => {
      const lane = this.#observer.lane(c);
      return {
        sw: lane.sw.last,
        green: lane.green.last,
        blue: lane.blue.last,
        checked: flipped(r, valueOf(lane.sw.last)),
        verdict: { is: 'unknown', why: [] },
        gates: [],
        quiet: false,
        braked: brakes.braked.includes(c),
        mayBrake: brakes.may[c] ?? [],
      };
    };
    const clusters = Object.fromEntries(r.members.map((c) => [c, viewOf(c)]));
    const why = r.members.flatMap((c) => {
      const { sw, green } = this.#observer.lane(c);
      if ('unreachable' in sw.last) return [sw.last.unreachable];
      const said = r.decision === 'preparing' ? valueOf(green.last)?.why[0] : undefined;
      return said === undefined ? [] : [{ code: 'TW7010', say: said, cluster: c }];
    });
    return { seen: { register: r, clusters }, why };
  }
}
