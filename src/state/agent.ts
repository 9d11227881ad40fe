import { type Clock, type Store, within } from '../kernel/index.ts';
import { Handover, type Level } from './handover.ts';
import { Leased } from './leased.ts';
import { lacking } from './machine/choose.ts';
import { circumstances, isAnswer, PING_MS, type Watched, watch, watching } from './machine/detect.ts';
import { decided, foldView, HOLD, openBallot, type StateEntry, votersOf } from './machine/keys.ts';
import { type Heard, heard, lagMs } from './machine/lag.ts';
import { started, step } from './machine/step.ts';
import type { AgentEvent, AgentState, Ballot, Command, EpochValue, Look, Setup, StateTxn, StoreView } from './model.ts';
import { Pair } from './pair.ts';
import type { AgentDoor, AgentReport, LocalRedis, Pong, Tunnel, Via, Wire } from './ports.ts';
import { type Homes, homesOf } from './story.ts';

export interface AgentParts {
  setup: Setup;
  /** Where the app's keys lie in the store, such as `state/guestbook/`. */
  prefix: string;
  clock: Clock;
  store: Store;
  redis: LocalRedis;
  wire: Wire;
  /** What the agent does, for a ring of events; must not throw. */
  note?(what: { command: Command; end: string }): void;
}

type Done = Extract<AgentEvent, { is: 'done' }>;
const LOOK_MS = 150;
const REDIS_MS = 5000;
const SAVE_MS = 60_000;
const STORE_MS = 5000;
const MEASURE_MS = 1000;
const PAUSE_MS = 200;
/** Longest time an orderly stop waits for another home. */
const GIVE_MS = 10_000;
const OTHERS_MS = 2000;
const EMPTY: StoreView = { revision: 0, fresh: false, fences: {}, opinions: {}, runs: {} };
const late = { is: 'unconfirmed' as const, why: 'no answer in time' };

/**
 * The shell of one voter's agent: it sees, lets `step` decide and does the one thing that comes out, one after the
 * other. Its memory may be lost at any moment: promises live in the store.
 */
export class Agent implements AgentDoor {
  readonly #p: AgentParts;
  #state: AgentState;
  #view: StoreView = EMPTY;
  /** A linearizable read that was not acted on yet. */
  #fresh: StoreView | undefined;
  #look: Look | undefined;
  #watched: Watched;
  #tunnel: Tunnel | undefined;
  #via: Via | undefined;
  #homes: Homes | undefined;
  /** What the primary had when. */
  #heard: readonly Heard[] = [];
  readonly #handover: Handover;
  readonly #pair: Pair;
  readonly #leased: Leased;
  /** When an orderly stop began to give home away. */
  #gave: number | undefined;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  constructor(parts: AgentParts) {
    this.#p = parts;
    this.#state = started(parts.setup);
    this.#watched = watching(parts.clock.monotonic());
    const { clock, redis, store, prefix } = parts;
    this.#pair = new Pair(parts);
    this.#leased = new Leased(parts);
    this.#handover = new Handover({
      clock,
      redis,
      ask: (to) => this.#ask(to, MEASURE_MS),
      release: async () => void (await store.txn({ if: [], put: [], remove: [prefix + HOLD] })),
    });
  }

  /** An agent that has just started leaves a running primary as it is, so its doors stay open too. */
  epoch(): Ballot {
    if (this.#state.least !== undefined || this.#look?.role !== 'primary') return this.#state.applied;
    return this.#look.marker?.epoch ?? 0;
  }
  async pong(): Promise<Omit<Pong, 'via'> | undefined> {
    const look = await this.#p.redis.look().catch(() => undefined);
    if (look === undefined || look.loading) return undefined;
    // Of a primary the data says the epoch, whatever this agent knows yet.
    const epoch = look.role === 'primary' ? (look.marker?.epoch ?? 0) : this.#state.applied;
    return { epoch, role: look.role, offset: look.offset };
  }
  /** What it sees and remembers now, for people. */
  report(): Omit<AgentReport, 'events'> {
    const { clock, setup, wire } = this.#p;
    const view = this.#view;
    const ballot = openBallot(view);
    const { stuck } = circumstances(this.#watched, clock.monotonic(), undefined);
    const waits = stuck ? lacking(view, setup) : undefined;
    const voters = votersOf(view, setup);
    const rtts = voters.flatMap((v) => (wire.rtt(v) === undefined ? [] : [[v, wire.rtt(v) ?? 0] as const]));
    return {
      cluster: setup.me,
      ...(this.#look === undefined ? {} : { look: this.#look }),
      applied: this.epoch(),
      lagMs: this.#look === undefined ? 0 : lagMs(this.#heard, this.#look.offset, clock.monotonic()),
      ...(view.ballot === undefined ? {} : { last: view.ballot }),
      ...(view.epoch === undefined ? {} : { epoch: view.epoch.value }),
      ...(this.#homes?.before === undefined ? {} : { before: this.#homes.before }),
      ...(ballot === undefined ? {} : { ballot: { n: ballot.n, by: ballot.by, why: ballot.why, waits } }),
      voters,
      fences: view.fences,
      gone: Object.keys(view.opinions).filter((c) => view.opinions[c]?.gone === true),
      rtts: Object.fromEntries(rtts),
      ...(this.#via === undefined ? {} : { via: this.#via }),
    };
  }
  /** Orderly stop: Redis is fenced, saved, sealed and ended; `run` returns then. */
  leave(): void {
    this.#state = step(this.#state, { is: 'leave' }).next;
    this.#wake.resolve();
  }

  /** Works until it has left, or until `signal` fires: then at once, with nothing undone. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const side = [
      this.#watches(both),
      this.#pings(both),
      this.#measures(both),
      this.#pair.beats(() => this.#view, both),
    ];
    try {
      while (!signal.aborted && !(await this.#round(both)));
    } finally {
      stop.abort();
      await this.#tunnel?.close();
      await Promise.all(side);
    }
  }

  /** True when the agent has left. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { clock, redis, setup, wire } = this.#p;
    this.#wake = Promise.withResolvers<void>();
    this.#look = await within(clock, REDIS_MS, redis.look(), () => undefined).catch(() => undefined);
    const view = this.#fresh ?? this.#view;
    this.#fresh = undefined;
    this.#homes = homesOf(this.#homes, view);
    const now = clock.monotonic();
    this.#watched = watch(this.#watched, view, now);
    const primary = view.epoch?.value.primary ?? setup.me;
    const rtt = primary === setup.me ? 0 : wire.rtt(primary);
    const handing = await this.#givesAway(view, now);
    const level = await this.#level(view);
    const { next, effects } = step(this.#state, {
      is: 'see',
      view,
      look: this.#look,
      seen: {
        ...circumstances(this.#watched, now, rtt),
        handing,
        ...level,
        ...this.#pair.lost(view, this.#watched, now),
      },
    });
    this.#state = next;
    const [command] = effects;
    if (command === undefined) await this.#rest(LOOK_MS, signal);
    else await this.#performed(command, signal);
    return command?.do === 'shutdown' && this.#state.leaving !== undefined;
  }

  /** The epoch in which the Redis here takes the writes. */
  #reign(view: StoreView): EpochValue | undefined {
    const v = decided(view);
    const home = v?.primary === this.#p.setup.me && this.#state.applied === v.epoch && this.#look?.role === 'primary';
    return home ? v : undefined;
  }
  /** A planned move away from here: the target, once it has everything. */
  async #level(view: StoreView): Promise<Level | undefined> {
    const v = this.#reign(view);
    if (v === undefined) return undefined;
    const growth = view.hold === undefined ? this.#pair.growth(view, v, this.#look?.offset ?? 0) : undefined;
    const level = await this.#handover.ready(view.hold ?? growth, v.epoch).catch(() => undefined);
    return level !== undefined && growth !== undefined ? { level: growth.to } : level;
  }
  /** An orderly stop of home begins with a planned move to the nearest copy; true while that is under way. */
  async #givesAway(view: StoreView, now: number): Promise<boolean> {
    const { setup, wire } = this.#p;
    if (this.#state.leaving !== 'asked') return false;
    if (this.#gave !== undefined) return view.hold?.by === setup.me && now - this.#gave < GIVE_MS;
    const [to] = votersOf(view, setup)
      .filter((v) => v !== setup.me && wire.rtt(v) !== undefined)
      .toSorted((a, b) => (wire.rtt(a) ?? 0) - (wire.rtt(b) ?? 0));
    if (to === undefined || this.#reign(view) === undefined) return false;
    this.#gave = now;
    const put = { key: HOLD, value: { by: setup.me, to }, leased: true as const };
    return (await this.#txn({ if: [{ key: HOLD, revision: 0 }], put: [put] })) === 'ok';
  }

  async #performed(command: Command, signal: AbortSignal): Promise<void> {
    const { revision } = this.#view;
    const event = await this.#perform(command);
    const end = 'result' in event ? (typeof event.result === 'string' ? event.result : event.result.is) : '';
    this.#p.note?.({ command, end });
    // A stop that was asked for meanwhile is kept: `leave` changed the state while the command ran.
    this.#state = step(this.#state, event).next;
    if (event.of === 'fence') {
      this.#fenced(end === 'fenced');
      await this.#handover.resume();
    }
    if (!['fenced', 'done', 'ok', ''].includes(end)) await this.#rest(PAUSE_MS, signal);
    // Something is newer than what is seen here, and the watch does not bring it.
    if (end === 'stale' && this.#view.revision === revision) await this.#read();
  }
  #fenced(confirmed: boolean): void {
    const { hanging, ...rest } = this.#watched;
    this.#watched = confirmed ? rest : { ...rest, hanging: hanging ?? this.#p.clock.monotonic() };
  }

  /** Until the store changed, or for `ms`. */
  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const sleep = this.#p.clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    await Promise.race([this.#wake.promise, sleep]);
    woken.abort();
  }

  async #perform(c: Command): Promise<Done> {
    switch (c.do) {
      case 'read':
        return await this.#read();
      case 'fence':
        return { is: 'done', of: 'fence', result: await this.#apart(() => this.#p.redis.fence(), REDIS_MS) };
      case 'save':
        return { is: 'done', of: 'save', result: await this.#apart(() => this.#p.redis.save(), SAVE_MS) };
      case 'promote':
        return { is: 'done', of: 'promote', result: await this.#inTime(this.#p.redis.promote(c.v, c.run)) };
      case 'follow':
        return await this.#follow(c);
      case 'measure':
        return { is: 'done', of: 'measure', offset: await this.#measure(c) };
      case 'txn':
        return { is: 'done', of: 'txn', result: await this.#txn(c.txn) };
      case 'shutdown':
        return await this.#shutdown(c.lose);
    }
  }
  async #inTime<T>(work: Promise<T>, ms = REDIS_MS): Promise<T | typeof late> {
    const either: Promise<T | typeof late> = work;
    return await within(this.#p.clock, ms, either, () => late);
  }
  /** With the way to the primary closed first. */
  async #apart<T>(work: () => Promise<T>, ms: number): Promise<T | typeof late> {
    await this.#closeTunnel();
    return await this.#inTime(work(), ms);
  }
  async #shutdown(lose: boolean): Promise<Done> {
    await this.#apart(() => this.#p.redis.shutdown(lose), REDIS_MS).catch(() => undefined);
    return { is: 'done', of: 'shutdown' };
  }

  async #closeTunnel(): Promise<void> {
    const tunnel = this.#tunnel;
    this.#tunnel = undefined;
    await tunnel?.close();
  }

  async #read(): Promise<Done> {
    const { clock, prefix, store } = this.#p;
    try {
      const late_ = () => {
        throw new Error('no answer in time');
      };
      const all = await within(clock, STORE_MS, store.range(prefix, 'linearizable'), late_);
      this.#fresh = this.#fold(all, true);
      if (all.revision > this.#view.revision) this.#view = this.#fold(all, false);
    } catch {
      // Nothing is changed while the store cannot be asked.
      await clock.sleep(PAUSE_MS);
    }
    return { is: 'done', of: 'read' };
  }
  #fold(all: { revision: number; entries: readonly StateEntry[] }, fresh: boolean): StoreView {
    const { prefix } = this.#p;
    const entries = all.entries.map((e) => ({ ...e, key: e.key.slice(prefix.length) }));
    return foldView(entries, { revision: all.revision, fresh });
  }

  async #follow({ v, run, from, counts }: Extract<Command, { do: 'follow' }>): Promise<Done> {
    const { redis, wire } = this.#p;
    try {
      await this.#closeTunnel();
      const tunnel = await wire.tunnel(from, v.epoch, counts);
      this.#tunnel = tunnel;
      const result = await this.#inTime(redis.follow(v, run, tunnel.port));
      return { is: 'done', of: 'follow', result };
    } catch (error) {
      return { is: 'done', of: 'follow', result: { is: 'refused', why: String(error) } };
    }
  }

  async #measure(c: Extract<Command, { do: 'measure' }>): Promise<number | undefined> {
    const pong = await this.#ask(c.primary, MEASURE_MS);
    return pong !== undefined && pong.epoch === c.epoch && pong.role === 'primary' ? pong.offset : undefined;
  }
  async #ask(to: string, ms: number): Promise<Omit<Pong, 'via'> | Pong | undefined> {
    if (to === this.#p.setup.me) return await this.pong();
    const stop = new AbortController();
    try {
      const pong = await within(this.#p.clock, ms, this.#p.wire.ping(to, stop.signal), () => undefined);
      const at = this.#p.clock.monotonic();
      if (pong !== undefined) this.#pair.heard(to, pong, at);
      return pong;
    } catch {
      return undefined;
    } finally {
      stop.abort();
    }
  }

  async #txn(t: StateTxn): Promise<'ok' | 'stale' | 'unknown'> {
    const { clock, store } = this.#p;
    try {
      const txn = await this.#leased.addressed(t);
      const end = await within(clock, STORE_MS, store.txn(txn), () => ({ is: 'unknown' as const, why: 'late' }));
      if (end.is === 'ok') await this.#seenUpTo(end.revision);
      return end.is;
    } catch {
      // Certainly nothing was written; what made it so is read anew.
      await this.#leased.drop();
      return 'stale';
    }
  }
  /** The watch brings the own write soon; acting before that would write it again. */
  async #seenUpTo(revision: number): Promise<void> {
    const { clock } = this.#p;
    const end = clock.monotonic() + MEASURE_MS;
    while (this.#view.revision < revision && clock.monotonic() < end) {
      // A wake of before would make this a loop that lets nothing else run.
      this.#wake = Promise.withResolvers<void>();
      await this.#rest(LOOK_MS, new AbortController().signal);
    }
  }

  #news(all: { revision: number; entries: readonly StateEntry[] }): void {
    if (all.revision > this.#view.revision) this.#view = this.#fold(all, false);
    this.#wake.resolve();
  }
  async #watches(signal: AbortSignal): Promise<void> {
    const { clock, prefix, store } = this.#p;
    while (!signal.aborted) {
      try {
        for await (const all of store.watch(prefix, signal)) this.#news(all);
      } catch {
        await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
      }
    }
  }

  /** Round trips to those who are not home: what a plan prints, and who is nearest at an orderly stop. */
  async #measures(signal: AbortSignal): Promise<void> {
    const { clock, setup } = this.#p;
    while (!signal.aborted) {
      const home = decided(this.#view)?.primary;
      const others = votersOf(this.#view, setup).filter((v) => v !== setup.me && v !== home);
      await Promise.all(others.map((v) => this.#ask(v, MEASURE_MS)));
      await clock.sleep(OTHERS_MS, signal).catch(() => undefined);
    }
  }

  /** Rule 1: asks the primary, over any way there is. */
  async #pings(signal: AbortSignal): Promise<void> {
    const { clock } = this.#p;
    while (!signal.aborted) {
      const v = decided(this.#view);
      if (v !== undefined) {
        const pong = await this.#ask(v.primary, MEASURE_MS);
        const at = clock.monotonic();
        if (pong !== undefined && 'via' in pong) this.#via = pong.via;
        if (pong !== undefined) this.#heard = heard(this.#heard, { at, offset: pong.offset });
        if (pong !== undefined && isAnswer(v, pong) && this.#watched.epoch === v.epoch)
          this.#watched = { ...this.#watched, answered: at };
      }
      await clock.sleep(PING_MS, signal).catch(() => undefined);
    }
  }
}
