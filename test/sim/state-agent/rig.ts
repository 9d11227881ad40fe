// Three voters with the real agent over Redis twins, one store in memory, faults and clients that count.
import {
  type ClusterName,
  memoryStore,
  type StoreCall,
  type StoreFault,
  StoreWorld,
} from '../../../src/kernel/index.ts';
import { Agent } from '../../../src/state/agent.ts';
import type { Command } from '../../../src/state/model.ts';
import type { Pong, Wire } from '../../../src/state/ports.ts';
import { twinLocalRedis } from '../../../src/state/twin/local-redis.ts';
import { QUIET, TwinNet, TwinRedis } from '../../../src/state/twin/redis.ts';
import { dice, SimClock } from '../release-shell/time.ts';

export interface Place {
  name: ClusterName;
  redis: TwinRedis;
  agent: Agent | undefined;
  cut: boolean;
  /** How far the clock of its machine is off, milliseconds. */
  off: number;
  stop: AbortController;
  ended: Promise<void>;
}

export class Rig {
  readonly roll: () => number;
  readonly clock: SimClock;
  readonly net = new TwinNet();
  readonly world: StoreWorld;
  readonly places: readonly Place[];
  readonly log: string[] = [];
  /** Share of store calls whose answer is lost. */
  lossy = 0;
  broken: string | undefined;
  /** No way leads from one cluster to another; the store is reached. */
  unlinked = false;
  readonly #voters: readonly ClusterName[];
  readonly #judges: readonly ClusterName[];

  /**
   * `voters`: what the agents are told; the others of `names` are no voters at first. `judges`: members of the store, with
   * an agent or without.
   */
  constructor(
    seed: number,
    names: readonly ClusterName[] = ['au', 'ca', 'sa'],
    voters = names,
    judges: readonly ClusterName[] = names,
  ) {
    this.roll = dice(seed);
    this.clock = new SimClock(this.roll);
    this.world = new StoreWorld(this.clock);
    this.#voters = voters;
    this.#judges = judges;
    this.places = names.map((name, i) => ({
      name,
      redis: new TwinRedis(this.net, i + 1),
      agent: undefined,
      cut: false,
      off: 0,
      stop: new AbortController(),
      ended: Promise.resolve(),
    }));
    for (const p of this.places) this.start(p);
  }

  say(text: string): void {
    this.log.push(`${String(Math.round(this.clock.now())).padStart(6)} ${text}`);
  }
  place(name: ClusterName): Place {
    return this.places.find((p) => p.name === name) as Place;
  }

  start(p: Place): void {
    const clock = {
      now: () => this.clock.now() + p.off,
      monotonic: () => this.clock.monotonic(),
      sleep: (ms: number, signal?: AbortSignal) => this.clock.sleep(ms, signal),
    };
    p.stop = new AbortController();
    p.agent = new Agent({
      setup: {
        me: p.name,
        voters: this.#voters,
        judges: this.#judges,
        home: this.#voters.find((v) => v === 'ca') ?? this.#voters[0] ?? '',
      },
      prefix: 'state/app/',
      clock,
      store: memoryStore((call) => this.#fault(p, call), this.world),
      redis: twinLocalRedis(p.redis),
      wire: this.#wire(p),
      note: (what) => this.#note(p, what),
    });
    p.ended = p.agent.run(p.stop.signal);
  }
  /** The agent's process ends, at once and without a word. */
  kill(p: Place): void {
    p.stop.abort();
    p.agent = undefined;
    // A pause ends by itself.
    void this.clock.sleep(4000).then(() => p.redis.unpause());
    this.say(`${p.name}: agent killed`);
  }
  isolate(p: Place, cut: boolean): void {
    p.cut = cut;
    p.redis.apart = cut;
    this.net.poke();
    this.say(`${p.name}: ${cut ? 'cut off' : 'back'}`);
  }

  #note(p: Place, what: { command: Command; end: string }): void {
    const { command: c, end } = what;
    const more = c.do === 'txn' ? `${c.why} ${JSON.stringify(c.txn.put[0]?.value)}` : '';
    if (c.do !== 'read') this.say(`${p.name}: ${c.do} ${more} ${end}`);
  }
  #fault(p: Place, call: StoreCall): StoreFault | undefined {
    if (p.cut) return call.do === 'txn' && this.roll() < 0.5 ? 'dropped' : 'refused';
    if (call.do !== 'txn' || this.roll() >= this.lossy) return undefined;
    return this.roll() < 0.5 ? 'lost' : 'dropped';
  }

  #wire(p: Place): Wire {
    const reach = (to: ClusterName): Place => {
      const there = this.place(to);
      if (p.cut || there.cut || this.unlinked || there.agent === undefined) throw new Error(`${to} does not answer`);
      return there;
    };
    return {
      open: async () => {
        throw new Error('no streams here');
      },
      tunnel: async (all, epoch, counts) => {
        const open = all.map((to) => this.place(to)).find((q) => !p.cut && !q.cut && q.agent?.epoch() === epoch);
        if (open === undefined) throw new Error(`none of ${all.join(', ')} is of epoch ${epoch}`);
        return { port: open.redis.port + (counts ? 0 : QUIET), close: async () => undefined };
      },
      ping: async (to): Promise<Pong> => {
        await this.clock.sleep(50 + this.roll() * 200);
        const pong = await reach(to).agent?.pong();
        if (pong === undefined) throw new Error(`${to} does not answer`);
        return { ...pong, via: 'direct' };
      },
      rtt: () => 200,
    };
  }

  /** Everybody has the same words, provably, and one home takes writes. */
  settled(): boolean {
    const homes = this.places.filter((p) => p.redis.role === 'primary' && p.redis.writers);
    const words = this.places.map((p) => p.redis.words.join());
    const valid = this.world.view('state/app/run/').entries;
    const runOf = (p: Place) => valid.find((e) => e.key.endsWith(`/${p.name}`))?.value as { run?: string } | undefined;
    const whole = this.places.every((p) => runOf(p)?.run === p.redis.run);
    return homes.length === 1 && new Set(words).size === 1 && whole;
  }

  /** At every moment: of one epoch there is one primary that takes writes. */
  look(): void {
    const open = this.places.filter((p) => p.redis.run !== undefined && p.redis.role === 'primary');
    const epochs = open.map((p) => p.redis.marker?.epoch ?? 0);
    if (new Set(epochs).size < epochs.length)
      this.broken ??= `two primaries of epoch ${epochs.join()}: ${open.map((p) => p.name).join()}`;
  }

  /**
   * Lives through a story until it is over, something is broken, or so much simulated time is gone; what goes wrong is
   * in `broken`. `looks` happens at every moment.
   */
  async lives(story: () => Promise<void>, limitMs: number, looks: () => void = () => this.look()): Promise<void> {
    let over = false;
    const broke = (error: unknown): void => {
      this.broken ??= error instanceof Error ? String(error.stack) : String(error);
    };
    story().then(() => (over = true), broke);
    await this.clock.run(() => over || this.broken !== undefined, limitMs, looks).catch(broke);
  }
}
