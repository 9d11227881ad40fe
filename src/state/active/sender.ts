import type { Clock, ClusterName } from '../../kernel/index.ts';
import { Bell } from './bell.ts';
import { clusterOf, type Id, idAt, isAfter, later, msOf, type Origin, type Vector } from './ids.ts';
import { behind, type Filled, Line } from './line.ts';
import type { PeerView } from './origin.ts';
import type { LogEntry, Logs, Peer, PeerReport } from './ports.ts';

export interface SenderParts {
  me: ClusterName;
  to: ClusterName;
  /** What local writes are stamped with now. */
  origin: Origin;
  logs: Logs;
  clock: Clock;
  connect(): Promise<Peer>;
  /** Round trip to it, milliseconds. */
  rtt(): number | undefined;
  /** It has own entries up to there. */
  confirmed(id: Id): void;
  note(did: string, end: string): void;
}

const LOOK_MS = 1000;
const WATCH_MS = 250;
/** Entries of others are passed on when the peer has lacked them for so long. */
const RELAY_MS = 1000;
/** So long after that its log is asked whether it can still give what is missing here. */
const LACK_MS = 3000;
const PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;
const SKEW_MS = 1000;
const COUNTED = 10_000;

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Waits for all; the first that fails stops the others. */
async function together(stop: AbortController, loops: readonly Promise<void>[]): Promise<void> {
  let failed: { why: unknown } | undefined;
  const ended = (why: unknown): void => {
    failed ??= { why };
    stop.abort();
  };
  await Promise.all(loops.map((l) => l.catch(ended)));
  if (failed !== undefined) throw failed.why;
}

/** When something was first seen to be missing. */
class Since {
  readonly #at = new Map<Origin, { at: number; id: Id }>();
  /** True once `wanted` of `ms` ago is still above `has`. */
  late(origin: Origin, x: { has: Id; wanted: Id; now: number; ms: number }): boolean {
    const seen = this.#at.get(origin);
    if (!isAfter(x.wanted, x.has)) this.#at.delete(origin);
    else if (seen === undefined || !isAfter(seen.id, x.has)) this.#at.set(origin, { at: x.now, id: x.wanted });
    else return x.now - seen.at >= x.ms;
    return false;
  }
}

/**
 * Keeps one peer up to date with the logs here: the own one at once, those of others when nobody else does. It
 * remembers nothing that matters: where to go on is asked of the peer.
 */
export class Sender {
  readonly #p: SenderParts;
  readonly #bell: Bell;
  #known: Vector | undefined;
  #up = false;
  #why: string | undefined;
  #skewMs: number | undefined;
  #line: Line | undefined;
  /** While it is away: what it lacks. */
  #away: { first?: Id; count: number } = { count: 0 };
  #counted = Number.NEGATIVE_INFINITY;
  /** What it has, we lack, and its log cannot give. */
  readonly #trimmed = new Set<Origin>();
  /** The same the other way round. */
  readonly #gone = new Set<Origin>();
  readonly #itLacks = new Since();
  readonly #weLack = new Since();

  constructor(parts: SenderParts) {
    this.#p = parts;
    this.#bell = new Bell(parts.clock);
  }

  /** The own log has grown, by more than `feed` was given. */
  wake(): void {
    this.#bell.ring();
  }
  /** The own log has grown by these, which are all there are after `after` up to the last one. */
  feed(after: Id, entries: readonly LogEntry[]): void {
    if (this.#line?.feed(after, entries) !== true) this.wake();
  }
  /** What it was last known to have, at least while it keeps its data; undefined = never heard of. */
  get known(): Vector | undefined {
    return this.#known;
  }
  /** What it is now; undefined = it cannot be reached. */
  get view(): PeerView | undefined {
    if (!this.#up || this.#known === undefined) return undefined;
    return { cluster: this.#p.to, vector: this.#known, trimmed: this.#trimmed, beyond: this.#gone.size > 0 };
  }
  report(): Omit<PeerReport, 'via'> {
    const why = this.#gone.size > 0 ? 'TW5121 it lacks entries that are not in the log here any more' : this.#why;
    const oldest = this.#up ? this.#line?.oldest : this.#away.first;
    return {
      up: this.#up,
      lagMs: oldest === undefined ? 0 : Math.max(0, this.#p.clock.now() - msOf(oldest)),
      unsent: this.#up ? (this.#line?.pending ?? 0) : this.#away.count,
      ...(this.#skewMs === undefined ? {} : { skewMs: this.#skewMs }),
      ...(why === undefined ? {} : { why }),
    };
  }

  /** Until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    let pause = PAUSE_MS;
    while (!signal.aborted) {
      try {
        await this.#serve(await this.#connected(signal), signal);
        pause = PAUSE_MS;
      } catch (error) {
        if (!signal.aborted) this.#says(reason(error));
        pause = this.#up ? PAUSE_MS : Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
      this.#up = false;
      if (signal.aborted) return;
      await this.#count().catch(() => undefined);
      await this.#p.clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  #says(why: string | undefined): void {
    if (why !== undefined && why !== this.#why) this.#p.note(`send to ${this.#p.to}`, why);
    this.#why = why;
  }

  async #connected(signal: AbortSignal): Promise<Peer> {
    const opening = this.#p.connect();
    const ended = Promise.withResolvers<never>();
    const end = (): void => ended.reject(new Error('stopped'));
    signal.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([opening, ended.promise]);
    } catch (error) {
      opening.then((p) => p.close()).catch(() => undefined);
      throw error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** Works on one stream until it is lost. */
  async #serve(peer: Peer, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const close = (): void => peer.close();
    both.addEventListener('abort', close, { once: true });
    const begin = async (): Promise<void> => {
      // It may be another process, with less than the last one had.
      const known = await peer.vector();
      this.#known = known;
      this.#up = true;
      // What it confirmed to an agent before this one is confirmed too.
      this.#p.confirmed(idAt(known, this.#p.origin));
      this.#says(undefined);
      await together(stop, [this.#pushes(peer, both), this.#looks(peer, both)]);
    };
    try {
      await together(stop, [this.#watches(peer, both), begin()]);
    } finally {
      peer.close();
      this.#line = undefined;
    }
  }

  /** A way that was cut says nothing. */
  async #watches(peer: Peer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#p;
    while (!signal.aborted) {
      const limit = Math.max(3000, 5 * (this.#p.rtt() ?? 0));
      if (peer.silence > limit) throw new Error(`no answer for ${limit} ms`);
      await clock.sleep(WATCH_MS, signal).catch(() => undefined);
    }
  }

  #heard(origin: Origin, id: Id): void {
    const known = this.#known ?? {};
    this.#known = { ...known, [origin]: later(idAt(known, origin), id) };
    if (origin === this.#p.origin) this.#p.confirmed(id);
  }
  async #ask(peer: Peer): Promise<Vector> {
    // An answer to a batch may have been read first.
    for (const [origin, id] of Object.entries(await peer.vector())) this.#heard(origin, id);
    return this.#known ?? {};
  }

  #lineOf(peer: Peer, origin: Origin): Line {
    return new Line({
      origin,
      from: idAt(this.#known ?? {}, origin),
      logs: this.#p.logs,
      peer,
      confirmed: (id) => this.#heard(origin, id),
      trouble: () => this.#bell.ring(),
    });
  }

  async #pushes(peer: Peer, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#line ??= this.#lineOf(peer, this.#p.origin);
      const since = this.#bell.count;
      const end = await this.#line.fill();
      if (end.is === 'done') await this.#bell.wait(LOOK_MS, signal, since);
      else await this.#again(peer, { end, signal });
      this.#fine(end);
    }
  }
  #fine(end: Filled): void {
    if (end.is !== 'done') return;
    this.#skewMs = undefined;
    this.#says(undefined);
    this.#gone.delete(this.#p.origin);
  }

  /** The peer has something else than was thought; it says what. */
  async #again(peer: Peer, x: { end: Exclude<Filled, { is: 'done' }>; signal: AbortSignal }): Promise<void> {
    const { end, signal } = x;
    if (end.is === 'skew') {
      this.#skewMs = end.ms;
      this.#says(`TW5120 its clock is ${end.ms} ms behind`);
    }
    if (end.is === 'trimmed') this.#beyond(this.#p.origin);
    await this.#p.clock.sleep(end.is === 'gap' ? PAUSE_MS : SKEW_MS, signal).catch(() => undefined);
    await this.#ask(peer);
    this.#line = undefined;
  }

  async #looks(peer: Peer, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const there = await this.#ask(peer);
      const here = await this.#p.logs.vector();
      await this.#relays(peer, here, there);
      await this.#lacks(peer, here, there);
      await this.#p.clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  /** What others wrote and nobody brings; what this cluster wrote under an older name is nobody else's task. */
  async #relays(peer: Peer, here: Vector, there: Vector): Promise<void> {
    const now = this.#p.clock.monotonic();
    for (const [origin, wanted] of Object.entries(here)) {
      if (origin === this.#p.origin) continue;
      const has = idAt(there, origin);
      const late = this.#itLacks.late(origin, { has, wanted, now, ms: RELAY_MS });
      if (!isAfter(wanted, has)) this.#gone.delete(origin);
      else if (late || clusterOf(origin) === this.#p.me) await this.#relay(peer, origin);
    }
  }
  async #relay(peer: Peer, origin: Origin): Promise<void> {
    const line = this.#lineOf(peer, origin);
    const end = await line.fill();
    await line.drained();
    if (end.is === 'trimmed') this.#beyond(origin);
  }

  /** The peer lacks entries that are not in the log here any more: another log, or a full copy, has to bring them. */
  #beyond(origin: Origin): void {
    if (!this.#gone.has(origin)) this.#p.note(`send to ${this.#p.to}`, `TW5121 it lacks entries of ${origin}`);
    this.#gone.add(origin);
  }

  /** What is missing here and does not come: can its log still give it? */
  async #lacks(peer: Peer, here: Vector, there: Vector): Promise<void> {
    const now = this.#p.clock.monotonic();
    for (const [origin, wanted] of Object.entries(there)) {
      const has = idAt(here, origin);
      if (!this.#weLack.late(origin, { has, wanted, now, ms: LACK_MS })) {
        this.#trimmed.delete(origin);
        continue;
      }
      const tail = await peer.tail(origin, has, 1);
      if (tail.is === 'trimmed') this.#trimmed.add(origin);
      else this.#trimmed.delete(origin);
    }
  }

  /** For people: what a peer that is away lacks. */
  async #count(): Promise<void> {
    const now = this.#p.clock.monotonic();
    if (now - this.#counted < LOOK_MS) return;
    this.#counted = now;
    const { logs, origin } = this.#p;
    this.#away = await behind(logs, { origin, after: idAt(this.#known ?? {}, origin), most: COUNTED });
  }
}
