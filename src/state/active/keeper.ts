import { randomBytes } from 'node:crypto';
import { type Clock, type ClusterName, within } from '../../kernel/index.ts';
import type { AgentDoor, Pong, Via, Wire } from '../ports.ts';
import { Bell } from './bell.ts';
import { Filling } from './filling.ts';
import { type Id, idAt, isAfter, type Origin, type Vector } from './ids.ts';
import { isBlank, losesNothing, needsCopyOf, type OriginStep, originStep, type PeerView, type Says } from './origin.ts';
import { EPOCH, openPeer } from './peer.ts';
import type { ActiveLook, ActiveRedis, ActiveReport, Peer } from './ports.ts';
import { Session } from './session.ts';

export interface ActiveParts {
  me: ClusterName;
  /** All other clusters that have this app's state. */
  others: readonly ClusterName[];
  clock: Clock;
  redis: ActiveRedis;
  wire: Wire;
  /** Of `tw-sync`, the same everywhere. */
  password: string;
  /** Entries that a log may have before it is cut though a cluster lacks them. Default 1,000,000. */
  outboxMax?: number;
  /** How long entries stay that everybody has, milliseconds. Default 60,000. */
  keepMs?: number;
  /** What the agent does, for a ring of events; must not throw. */
  note?(what: { did: string; end: string }): void;
  /** 8 hex digits that were never used. */
  nonce?(): string;
  connect?(to: ClusterName): Promise<Peer>;
}

const LOOK_MS = 150;
const REDIS_MS = 5000;
const ASK_MS = 1000;
const OTHERS_MS = 2000;
/** Longest time an orderly stop waits until others have everything; the same before a full copy. */
const GIVE_MS = 10_000;
const SOON_MS = 20;
/** A peer that is no further behind is waited for with apps kept out; after that did not help, so long nothing is tried. */
const NEAR_MS = 2000;
const AGAIN_MS = 60_000;
/** Clocks that differ by no more are those of any data centre. */
const SKEW_MS = 500;
const OUTBOX = 1_000_000;
const KEEP_MS = 60_000;

type Waits = NonNullable<ActiveReport['waitsFor']>;

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * The shell of one cluster's agent where all clusters write: it sees, lets `originStep` decide, and keeps the senders
 * of an open Redis. Nothing has to be agreed on and nothing has to be remembered: names are new, and logs tell the rest.
 */
export class ActiveAgent implements AgentDoor {
  readonly #p: ActiveParts;
  readonly #bell: Bell;
  #look: ActiveLook | undefined;
  #session: Session | undefined;
  /** Apps may write. */
  #open = false;
  #waits: Waits | undefined;
  #leaving = false;
  /** The process that was filled and not opened since. */
  #filled: string | undefined;
  /** The process whose log on disk was written anew, and when that was asked for. */
  #rewritten: { run: string; at: number } | undefined;
  /** Where the own log ended on the disk of the process that is open. */
  #before: { origin: Origin; id: Id } | undefined;
  /** When a full copy may be tried again that nobody could give. */
  #again = 0;
  readonly #vias = new Map<ClusterName, Via>();
  /** Whose clock is off, by how much at least. */
  readonly #ahead = new Map<ClusterName, number>();

  constructor(parts: ActiveParts) {
    this.#p = parts;
    this.#bell = new Bell(parts.clock);
  }

  epoch(): number {
    return this.#session === undefined ? 0 : EPOCH;
  }
  /** `offset`: how many origins its data is of; 0 = there is none. */
  async pong(): Promise<Omit<Pong, 'via'> | undefined> {
    const look = await this.#p.redis.look().catch(() => undefined);
    if (look === undefined || look.loading) return undefined;
    const { length } = Object.keys(look.vector);
    const clock = this.#p.clock.now();
    if (look.role === 'replica') return { epoch: 0, role: 'replica', offset: Math.max(1, length), clock };
    return { epoch: this.epoch(), role: this.epoch() === EPOCH ? 'primary' : 'fenced', offset: length, clock };
  }
  /** What it sees now, for people. */
  report(): Omit<ActiveReport, 'events'> {
    const { me, others, wire } = this.#p;
    const rtts = others.flatMap((o) => (wire.rtt(o) === undefined ? [] : [[o, wire.rtt(o) ?? 0] as const]));
    const peers = others.map((o) => {
      const via = this.#vias.get(o);
      const sender = this.#session?.senders.get(o)?.report();
      const ahead = this.#ahead.get(o);
      const more = { ...(via === undefined ? {} : { via }), ...(ahead === undefined ? {} : { aheadMs: ahead }) };
      return [o, { up: false, lagMs: 0, unsent: 0, ...sender, ...more }] as const;
    });
    return {
      mode: 'active-active',
      cluster: me,
      ...(this.#session === undefined ? {} : { origin: this.#session.origin }),
      open: this.#open,
      ...(this.#waits === undefined ? {} : { waitsFor: this.#waits }),
      vector: this.#look?.vector ?? {},
      ...(this.#look?.short === undefined ? {} : { short: this.#look.short }),
      peers: Object.fromEntries(peers),
      rtts: Object.fromEntries(rtts),
    };
  }

  /** Orderly stop: no more writes, the others get what they lack, Redis is ended; `run` returns then. */
  leave(): void {
    this.#leaving = true;
    this.#bell.ring();
  }

  /** Works until it has left, or until `signal` fires: then at once, with nothing undone. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const measuring = this.#measures(both);
    try {
      while (!signal.aborted && !(await this.#round(both))) await this.#bell.wait(LOOK_MS, both);
    } finally {
      stop.abort();
      await Promise.all([this.#ends(), measuring]);
    }
  }

  #note(did: string, end: string): void {
    this.#p.note?.({ did, end });
  }

  /** True when the agent has left. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const look = await this.#looks();
    if (look === undefined || this.#session?.run !== look.run || look.role === 'replica') await this.#ends();
    if (this.#leaving) {
      await this.#leaves(signal);
      return true;
    }
    if (look === undefined) this.#waits = { what: 'redis', why: 'Redis does not answer' };
    else if (this.#session === undefined) await this.#begins(look, signal);
    else await this.#renews(this.#session, look.vector, signal);
    return false;
  }
  async #looks(): Promise<ActiveLook | undefined> {
    const look = await within(this.#p.clock, REDIS_MS, this.#p.redis.look(), () => undefined).catch(() => undefined);
    if (look !== undefined) this.#look = look;
    return look;
  }

  /** No door is open any more, and nothing is sent. */
  async #ends(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#open = false;
    await session?.close();
  }

  async #begins(look: ActiveLook, signal: AbortSignal): Promise<void> {
    const { me, nonce } = this.#p;
    const fresh = `${me}.${nonce?.() ?? randomBytes(4).toString('hex')}`;
    const filled = this.#filled === look.run;
    const rewritten = this.#rewritten?.run === look.run;
    const others = isBlank(look) ? await this.#others() : [];
    const step = originStep({ look, others, fresh, filled, rewritten });
    this.#waits = step.do === 'wait' ? waitOf(step) : undefined;
    if (step.do === 'rewrite' && look.me !== undefined)
      this.#before = { origin: look.me.origin, id: idAt(look.vector, look.me.origin) };
    await this.#does(step, look, signal);
  }
  async #does(step: OriginStep, { run }: ActiveLook, signal: AbortSignal): Promise<void> {
    if (step.do === 'open') await this.#opens(run, step.origin);
    if (step.do === 'rewrite' || (step.do === 'wait' && step.what === 'disk')) await this.#rewrites(run);
    if (step.do === 'fill') await this.#fills(run, step.from, signal);
    if (step.do === 'detach') await this.#detaches(run);
  }
  /** Again while it does not succeed: the disk may have been full. */
  async #rewrites(run: string): Promise<void> {
    const now = this.#p.clock.monotonic();
    if (this.#rewritten?.run === run && now - this.#rewritten.at < REDIS_MS) return;
    const done = await this.#p.redis.rewrite(run);
    if (done.is === 'done') this.#rewritten = { run, at: now };
    else this.#note('write the log anew', done.why);
  }
  async #detaches(run: string): Promise<void> {
    const done = await this.#p.redis.detach(run);
    this.#note('detach', done.is === 'done' ? 'done' : done.why);
  }

  async #opens(run: string, origin: string): Promise<void> {
    const { redis } = this.#p;
    const done = await redis.open(origin, run);
    this.#note(`open as ${origin}`, done.is === 'done' ? 'done' : done.why);
    if (done.is !== 'done') {
      this.#waits = { what: 'redis', why: done.why };
      return;
    }
    this.#filled = undefined;
    this.#session = this.#sessionOf(run, origin);
    this.#open = true;
  }
  #sessionOf(run: string, origin: string): Session {
    const { clock, connect, keepMs, me, others, outboxMax, password, redis, wire } = this.#p;
    return new Session({
      me,
      others,
      origin,
      run,
      clock,
      redis,
      connect: connect ?? ((to) => openPeer(wire, to, password)),
      rtt: (to) => wire.rtt(to),
      most: outboxMax ?? OUTBOX,
      keepMs: keepMs ?? KEEP_MS,
      note: (did, end) => this.#note(did, end),
    });
  }

  async #fills(run: string, from: ClusterName, signal: AbortSignal): Promise<void> {
    const { clock, redis, wire } = this.#p;
    this.#waits = { what: 'data', clusters: [from], why: `a full copy of ${from} comes` };
    this.#note(`full copy of ${from}`, 'begins');
    const filling = new Filling({ clock, redis, wire, run, from, stopped: () => signal.aborted || this.#leaving });
    const end = await filling.run().catch(reason);
    if (end === 'done') this.#filled = run;
    this.#note(`full copy of ${from}`, end);
  }

  /** TW5121: what is missing here is in no log any more; a full copy is taken once somebody has all that is here. */
  async #renews(session: Session, here: Vector, signal: AbortSignal): Promise<void> {
    const views = [...session.senders.values()].flatMap((s) => s.view ?? []);
    this.#compares(views);
    const wanted = needsCopyOf(here, views);
    if (wanted.length === 0) {
      this.#waits = undefined;
      return;
    }
    const why = 'TW5121 entries that are missing here are in no log any more; a full copy is needed';
    this.#waits = { what: 'data', clusters: wanted.map((p) => p.cluster), why };
    // What only this cluster has goes first. Apps go on writing until hardly anything is on its way.
    const near = (p: PeerView): boolean => (session.senders.get(p.cluster)?.report().lagMs ?? 0) < NEAR_MS;
    const able = wanted.filter((p) => !p.beyond && near(p));
    if (able.length > 0 && this.#p.clock.monotonic() >= this.#again) await this.#reseeds(session, able, signal);
  }
  /** TW5113: others have own entries of before that were not on the disk any more; they come like everybody's. */
  #compares(views: readonly PeerView[]): void {
    const { origin, id } = this.#before ?? {};
    if (origin === undefined || id === undefined) return;
    const more = views.find((v) => isAfter(idAt(v.vector, origin), id));
    if (more === undefined) return;
    this.#before = undefined;
    this.#note('log on disk', `TW5113 it was cut at ${id}, ${more.cluster} has up to ${idAt(more.vector, origin)}`);
  }
  async #reseeds(session: Session, wanted: readonly PeerView[], signal: AbortSignal): Promise<void> {
    const { redis } = this.#p;
    const names = wanted.map((p) => p.cluster);
    this.#note('close for a full copy', names.join(', '));
    this.#open = false;
    const shut = await redis.shut('all');
    const from = shut.is === 'done' ? await this.#covering(session, names, signal) : undefined;
    if (from === undefined) {
      this.#note('full copy', 'nobody has all that is here');
      this.#again = this.#p.clock.monotonic() + AGAIN_MS;
      const { origin, run } = session;
      await this.#ends();
      await this.#opens(run, origin);
      return;
    }
    await this.#ends();
    await this.#fills(session.run, from, signal);
  }
  /** The first of them that has everything that is here now, where nothing changes any more. */
  async #covering(
    session: Session,
    names: readonly ClusterName[],
    signal: AbortSignal,
  ): Promise<ClusterName | undefined> {
    const end = this.#p.clock.monotonic() + GIVE_MS;
    while (!signal.aborted && this.#p.clock.monotonic() < end) {
      const look = await this.#looks();
      if (look?.run !== session.run) return undefined;
      const found = names.find((n) => {
        const view = session.senders.get(n)?.view;
        return view !== undefined && losesNothing(look.vector, view);
      });
      if (found !== undefined) return found;
      await this.#bell.wait(SOON_MS, signal);
    }
    return undefined;
  }

  async #leaves(signal: AbortSignal): Promise<void> {
    const { clock, redis } = this.#p;
    const end = clock.monotonic() + GIVE_MS;
    this.#open = false;
    this.#note('leave', 'no more writes');
    const session = this.#session;
    if (session !== undefined) await redis.shut('apps');
    let lacking: readonly ClusterName[] = [];
    while (session !== undefined && !signal.aborted && clock.monotonic() < end) {
      const look = await this.#looks();
      lacking = look === undefined ? [] : session.lacking(look.vector);
      if (lacking.length === 0) break;
      await this.#bell.wait(SOON_MS, signal);
    }
    this.#note('leave', lacking.length === 0 ? 'everything is sent' : `not all is at ${lacking.join(', ')}`);
    await within(clock, REDIS_MS * 2, redis.end(), () => undefined).catch((e: unknown) => this.#note('end', reason(e)));
    await this.#ends();
  }

  /** What the others say, the nearest first. */
  async #others(): Promise<{ cluster: ClusterName; says: Says }[]> {
    const { others, wire } = this.#p;
    const far = (c: ClusterName): number => wire.rtt(c) ?? Number.POSITIVE_INFINITY;
    const all = await Promise.all(others.map(async (cluster) => ({ cluster, says: saysOf(await this.#ask(cluster)) })));
    return all.toSorted((a, b) => far(a.cluster) - far(b.cluster));
  }
  async #ask(to: ClusterName): Promise<Pong | undefined> {
    const { clock } = this.#p;
    const stop = new AbortController();
    const asked = { wall: clock.now(), at: clock.monotonic() };
    try {
      const pong = await within(clock, ASK_MS, this.#p.wire.ping(to, stop.signal), () => undefined);
      if (pong === undefined) return undefined;
      this.#vias.set(to, pong.via);
      const ahead = aheadOf(pong.clock, { wall: asked.wall, tripMs: clock.monotonic() - asked.at });
      if (ahead === undefined) this.#ahead.delete(to);
      else this.#ahead.set(to, ahead);
      return pong;
    } catch {
      return undefined;
    } finally {
      stop.abort();
    }
  }
  /** Round trips to the others: what a plan prints, and who is nearest. */
  async #measures(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(this.#p.others.map((o) => this.#ask(o)));
      await this.#p.clock.sleep(OTHERS_MS, signal).catch(() => undefined);
    }
  }
}

/** Its clock was read somewhere within the round trip: only what is certain counts. */
function aheadOf(clock: number | undefined, x: { wall: number; tripMs: number }): number | undefined {
  if (clock === undefined) return undefined;
  const least = clock - x.wall - x.tripMs;
  const most = clock - x.wall;
  if (least > SKEW_MS) return Math.round(least);
  return most < -SKEW_MS ? Math.round(most) : undefined;
}

function saysOf(pong: Pong | undefined): Says {
  if (pong === undefined) return 'silent';
  if (pong.epoch === EPOCH) return 'open';
  return pong.offset === 0 ? 'empty' : 'closed';
}

function waitOf(step: Extract<OriginStep, { do: 'wait' }>): Waits {
  const { do: _, ...waits } = step;
  return waits;
}
