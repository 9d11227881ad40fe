import type { Store } from '../../../src/kernel/index.ts';
import type { ReleasePorts } from '../../../src/release/ports.ts';
import type { SimClock } from './time.ts';

/** What befalls one shell: from its `at`-th call to a port on it is dead, or stands still for `stopMs`. */
export interface Fate {
  at: number;
  /** `undefined` = it dies. */
  stopMs?: number;
  /** The call takes effect before the end. */
  after: boolean;
}

/** One process: every call it makes passes here. */
export class Life {
  readonly #clock: SimClock;
  readonly #latest: number;
  readonly #fate: Fate | undefined;
  #calls = 0;
  #until: number | undefined;
  dead = false;
  /** `latest`: when a process that stands still goes on at last. */
  constructor(clock: SimClock, fate: Fate | undefined, latest = Number.POSITIVE_INFINITY) {
    this.#latest = latest;
    this.#clock = clock;
    this.#fate = fate;
  }

  async call<T>(work: () => Promise<T>): Promise<T> {
    const mine = ++this.#calls;
    if (mine === this.#fate?.at && !this.#fate.after) this.#strike();
    await this.#stand();
    const out = work();
    if (mine === this.#fate?.at && this.#fate.after) this.#strike();
    await out.catch(() => undefined);
    await this.#stand();
    return await out;
  }
  kill(): void {
    this.dead = true;
  }
  /** It has come to its end, or stands still. */
  get stands(): boolean {
    return this.dead || (this.#until !== undefined && this.#until > this.#clock.now());
  }
  #strike(): void {
    if (this.#fate?.stopMs === undefined) this.kill();
    else this.#until = Math.min(this.#clock.now() + this.#fate.stopMs, this.#latest);
  }
  async #stand(): Promise<void> {
    if (this.dead) await new Promise<never>(() => {});
    if (this.#until !== undefined && this.#until > this.#clock.now())
      await this.#clock.sleep(this.#until - this.#clock.now());
  }
}

const SYNC: ReadonlySet<PropertyKey> = new Set(['lagMs', 'fenced']);
function through<T extends object>(target: T, life: Life): T {
  return new Proxy(target, {
    get: (t, key) => {
      const value: unknown = Reflect.get(t, key);
      if (typeof value !== 'function' || SYNC.has(key)) return value;
      return async (...args: unknown[]) =>
        await life.call(async () => (await Reflect.apply(value, t, args)) as unknown);
    },
  });
}

/** The ports as this process has them. */
export function portsOf(ports: ReleasePorts, store: Store, life: Life): ReleasePorts {
  return {
    ...ports,
    store: through(store, life),
    switches: through(ports.switches, life),
    workloads: through(ports.workloads, life),
    prober: through(ports.prober, life),
    brakes: through(ports.brakes, life),
  };
}
