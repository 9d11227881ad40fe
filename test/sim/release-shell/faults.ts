import { type Json, memoryStore, type Store } from '../../../src/kernel/index.ts';
import type { SwitchCall, SwitchFault } from '../../../src/release/adapters/switch/twin.ts';
import type { Brakes, Switch, Workloads } from '../../../src/release/ports.ts';
import type { SimClock } from './time.ts';

/** Faults come with probability `rate` until they are healed. */
export class Weather {
  readonly clock: SimClock;
  readonly roll: () => number;
  readonly #rate: number;
  healed = false;
  constructor(clock: SimClock, roll: () => number, rate: number) {
    this.clock = clock;
    this.roll = roll;
    this.#rate = rate;
  }
  strikes(): boolean {
    return !this.healed && this.roll() < this.#rate;
  }
  /** Up to 12 s: longer than every patience of a shell. */
  later(): Promise<void> {
    return this.clock.sleep(this.roll() * 12_000);
  }

  switchFault(call: SwitchCall): SwitchFault | undefined {
    if (!this.strikes()) return undefined;
    const n = Math.floor(this.roll() * 5);
    if (n === 0) return { is: 'delay', until: this.later() };
    if (n === 1) return { is: 'lost' };
    if (n === 2) return { is: 'unreachable' };
    if (call.do !== 'write') return undefined;
    return n === 3 ? { is: 'late', until: this.later() } : { is: 'stale' };
  }
  /** A call that answers 5xx before or after its effect, or takes its time. */
  async around<T>(work: () => Promise<T>): Promise<T> {
    if (!this.strikes()) return await work();
    const n = Math.floor(this.roll() * 3);
    if (n === 0) throw new Error('503');
    if (n === 1) await this.later();
    const out = await work();
    if (n === 2) throw new Error('504');
    return out;
  }
}

const around = <T extends object>(target: T, weather: Weather): T =>
  new Proxy(target, {
    get: (t, key) => {
      const value: unknown = Reflect.get(t, key);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) =>
        await weather.around(async () => (await Reflect.apply(value, t, args)) as unknown);
    },
  });
export const stormyWorkloads = (w: Workloads, weather: Weather): Workloads => around(w, weather);
export const stormyBrakes = (b: Brakes, weather: Weather): Brakes => around(b, weather);

/** A register whose writes are lost, unheard, refused, or land later than anybody waits. `plain` sees it as it is. */
export function stormyStore(
  weather: Weather,
  took: (key: string, value: Json) => void,
): { store: Store; plain: Store } {
  const kept = memoryStore();
  const plain: Store = {
    ...kept,
    cas: async (key, revision, next) => {
      const put = await kept.cas(key, revision, next);
      if (put === 'ok') took(key, next);
      return put;
    },
  };
  const cas: Store['cas'] = async (key, revision, next) => {
    if (!weather.strikes()) return await plain.cas(key, revision, next);
    const n = Math.floor(weather.roll() * 4);
    if (n === 0) return 'unknown';
    if (n === 1) throw new Error('no quorum');
    if (n === 2) await plain.cas(key, revision, next);
    else
      weather
        .later()
        .then(() => plain.cas(key, revision, next))
        .catch(() => undefined);
    return 'unknown';
  };
  const get: Store['get'] = async (key) => {
    if (weather.strikes()) await weather.later();
    return await plain.get(key);
  };
  return { store: { ...plain, cas, get }, plain };
}

/** Half of the guarded writes are sent twice; `taken` hears of one that was taken twice. */
export function repeatedSwitch(sw: Switch, roll: () => number, taken: (what: string) => void): Switch {
  const write: Switch['write'] = async (c, from, to, keep) => {
    const put = await sw.write(c, from, to, keep);
    if (put === 'ok' && roll() < 0.5 && (await sw.write(c, from, to, keep)) === 'ok') taken(`a write on ${c}`);
    return put;
  };
  return new Proxy(sw, { get: (t, key) => (key === 'write' ? write : bound(t, key)) });
}
const bound = (t: object, key: PropertyKey): unknown => {
  const value: unknown = Reflect.get(t, key);
  return typeof value === 'function' ? (value.bind(t) as unknown) : value;
};
export function repeatedWorkloads(w: Workloads, roll: () => number, taken: (what: string) => void): Workloads {
  return {
    ...w,
    makeGreen: async (c, version, replicas, fence) => {
      const put = await w.makeGreen(c, version, replicas, fence);
      if (put === 'ok' && roll() < 0.5 && (await w.makeGreen(c, version, replicas, fence)) === 'ok')
        taken(`makeGreen of ${version} on ${c}`);
      return put;
    },
  };
}

/** A wrong driver: late or not, it writes whatever fence and epoch the switch has by then. The laws must notice. */
export function looseSwitch(sw: Switch, weather: Weather): Switch {
  const now: Switch['write'] = async (c, _, to, keep) => {
    const at = await sw.read(c);
    if (at === undefined) return 'stale';
    const next = { ...to, epoch: Math.max(to.epoch, at.epoch), fence: at.fence + 1 };
    return await sw.write(c, { uid: at.uid, fence: at.fence }, next, keep);
  };
  const write: Switch['write'] = async (c, from, to, keep) => {
    if (!weather.strikes()) return await now(c, from, to, keep);
    weather
      .later()
      .then(() => now(c, from, to, keep))
      .catch(() => undefined);
    return 'unknown';
  };
  return new Proxy(sw, { get: (t, key) => (key === 'write' ? write : bound(t, key)) });
}
