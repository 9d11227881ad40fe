// Three clusters with the real agent over Redis twins, in simulated time: many lives in little of it.
import type { ClusterName } from '../../../src/kernel/index.ts';
import { ActiveAgent } from '../../../src/state/active/keeper.ts';
import { ActiveTwin, type TwinPorts, twinActiveRedis, twinPeer } from '../../../src/state/active/twin.ts';
import type { Pong, Wire } from '../../../src/state/ports.ts';
import { dice, SimClock } from '../release-shell/time.ts';

export interface Place {
  name: ClusterName;
  redis: ActiveTwin;
  agent: ActiveAgent | undefined;
  /** How far the clock of its machine is off, milliseconds. */
  off: number;
  stop: AbortController;
  ended: Promise<void>;
}
export interface RigOptions {
  names?: readonly ClusterName[];
  /** Entries of a log that is cut though somebody lacks them. */
  outboxMax?: number;
  keepMs?: number;
}

export class Rig {
  readonly roll: () => number;
  readonly clock: SimClock;
  readonly places: readonly Place[];
  readonly log: string[] = [];
  /** How often a clock that was off was seen to be. */
  seen = 0;
  /** Ways that are cut, as `from>to`. */
  readonly cuts = new Set<string>();
  readonly #ports: TwinPorts = new Map();
  readonly #o: RigOptions;

  constructor(seed: number, o: RigOptions = {}) {
    this.roll = dice(seed);
    this.clock = new SimClock(this.roll);
    this.#o = o;
    this.places = (o.names ?? ['au', 'ca', 'sa']).map((name, i) => {
      const p: Omit<Place, 'redis'> = {
        name,
        agent: undefined,
        off: 0,
        stop: new AbortController(),
        ended: Promise.resolve(),
      };
      return Object.assign(p, { redis: new ActiveTwin(this.#ports, i + 1, () => this.#wall(p)) });
    });
    for (const p of this.places) this.start(p);
  }

  #wall(p: Pick<Place, 'off'>): number {
    return 1_700_000_000_000 + this.clock.now() + p.off;
  }

  say(text: string): void {
    this.log.push(`${String(Math.round(this.clock.now())).padStart(7)} ${text}`);
  }

  start(p: Place): void {
    p.stop = new AbortController();
    p.agent = new ActiveAgent({
      me: p.name,
      others: this.places.filter((o) => o !== p).map((o) => o.name),
      clock: { now: () => this.#wall(p), monotonic: () => this.clock.now(), sleep: this.#sleep },
      redis: twinActiveRedis(p.redis, this.#sleep),
      wire: this.#wire(p),
      password: '',
      connect: async (to) => this.#peer(p, to),
      nonce: () => Math.floor(this.roll() * 2 ** 32).toString(16),
      note: (n) => this.say(`${p.name} ${n.did}: ${n.end}`),
      ...(this.#o.outboxMax === undefined ? {} : { outboxMax: this.#o.outboxMax }),
      keepMs: this.#o.keepMs ?? 3000,
    });
    p.ended = p.agent.run(p.stop.signal);
  }
  /** As kill -9. */
  crash(p: Place): void {
    p.stop.abort();
    p.agent = undefined;
  }

  readonly #sleep = (ms: number, signal?: AbortSignal): Promise<void> => this.clock.sleep(ms, signal);

  /** One way takes 20 to 170 ms; what is cut arrives when it is whole again, or the connection is given up. */
  async #way(from: ClusterName, to: ClusterName): Promise<void> {
    await this.clock.sleep(20 + this.roll() * 150);
    for (let waited = 0; this.cuts.has(`${from}>${to}`); waited += 100) {
      if (waited > 4000) throw new Error('no answer');
      await this.clock.sleep(100);
    }
  }
  async #there(from: ClusterName, to: ClusterName): Promise<Place> {
    await this.#way(from, to);
    return this.places.find((p) => p.name === to) as Place;
  }

  async #peer(p: Place, to: ClusterName) {
    const there = await this.#there(p.name, to);
    if (there.agent?.epoch() !== 1) throw new Error(`${to}: fenced`);
    const agent = there.agent;
    // A stream passes through the other cluster's agent: it ends with it.
    return twinPeer(there.redis, async () => {
      await this.#way(p.name, to);
      if (there.agent !== agent || p.stop.signal.aborted) throw new Error('the connection ended');
    });
  }
  #wire(p: Place): Wire {
    return {
      open: () => Promise.reject(new Error('not used')),
      tunnel: async ([to = '']) => {
        const there = await this.#there(p.name, to);
        if (there.agent?.epoch() !== 1) throw new Error('fenced');
        return { port: there.redis.port, close: async () => undefined };
      },
      ping: async (to): Promise<Pong> => {
        const there = await this.#there(p.name, to);
        const pong = await there.agent?.pong();
        await this.#way(to, p.name);
        if (pong === undefined) throw new Error('no answer');
        return { ...pong, via: 'direct' };
      },
      rtt: () => 190,
    };
  }
}
