import { systemClock } from '../../kernel/index.ts';
import { ChatFault } from '../ports.ts';
import type { Link } from './xmpp-link.ts';
import {
  type Element,
  errorOf,
  infoStanza,
  joinStanza,
  leaveStanza,
  NS,
  type Presence,
  partsOf,
  pingStanza,
  presenceOf,
  type Said,
  saidIn,
  sayStanza,
} from './xmpp-stanza.ts';

export interface RoomOptions {
  room: string;
  nick: string;
  /** Of this control plane. */
  fleet: string;
  link: Pick<Link, 'up' | 'send' | 'ask' | 'drop'>;
  /** How often it is asked whether the bot is still in. Milliseconds. */
  pingMs: number;
  log: (line: string) => void;
  /** Somebody said something; `bare` is undefined where the room does not say who. Called in the order of the stream. */
  heard: (room: Room, said: Said, bare: string | undefined) => void;
}

/** Milliseconds. */
const JOIN_MS = 8000;
const ECHO_MS = 8000;
const AGAIN_MS = 1000;
const AGAIN_LAST_MS = 30_000;
/** A stay that ends within this was none. */
const SHORT_MS = 2000;
/** Messages of our own that are remembered. */
const MOST = 200;
/** Codes of XEP-0045: this is me; renamed; the room was set up otherwise. */
const ME = '110';
const NEW_NICK = '210';
const CHANGED = ['104', '170', '171', '172', '173', '174'];

/** Answers of our own client's side to a ping: it was asked, so the bot is in. */
const STILL_IN = ['service-unavailable', 'feature-not-implemented'];

const utc = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

type Waiter<T> = ReturnType<typeof Promise.withResolvers<T>>;

/** What an answer with an error means for who wanted to say something. */
function faultOf(s: Element, room: string): ChatFault {
  const { condition, wait } = errorOf(s);
  const why = `${room} says ${condition}`;
  if (wait) return new ChatFault('later', why, { afterMs: 1000 });
  return new ChatFault(condition === 'forbidden' ? 'never' : 'later', why);
}

/** One room: who is in it under which name, whether the bot is, and what it said since it came. */
export class Room {
  readonly jid: string;
  readonly #o: RoomOptions;
  #nick: string;
  readonly #people = new Map<string, string>();
  /** Control planes that are in, by the name they have there. */
  readonly #fleets = new Map<string, { bare: string; fleet: string }>();
  #in = false;
  #joining: Waiter<void> | undefined;
  readonly #echoes = new Map<string, Waiter<void>>();
  /** Ids of what the bot said in this stay, oldest first. */
  #said: string[] = [];
  /** When it came in. */
  #since = 0;
  /** The last moment at which it was certainly in. */
  #seenAt = 0;
  #away: { from: number; to?: number } | undefined;
  #unfit: string | undefined;
  #wake: () => void = () => undefined;

  constructor(o: RoomOptions) {
    this.#o = o;
    this.jid = o.room;
    this.#nick = o.nick;
  }

  /** Fleets of other control planes in the room, and whose account says so. */
  get fleets(): readonly { bare: string; fleet: string }[] {
    return [...this.#fleets.values()];
  }

  get isIn(): boolean {
    return this.#in;
  }

  /** The last thing that the bot said in this stay; only that one can be edited for sure. */
  get last(): string | undefined {
    return this.#said.at(-1);
  }

  /** Moves whenever the bot comes in anew. */
  get stay(): number {
    return this.#since;
  }

  isOfThisStay(id: string): boolean {
    return this.#said.includes(id);
  }

  /** The newest message of a card that the room showed to everybody in this stay. */
  shownOf(card: string): string | undefined {
    return this.#said.findLast((id) => id.startsWith(`tw.${card}.`));
  }

  /** The connection is new: the room knows nothing of us. */
  lost(): void {
    this.#left();
    this.#wake();
  }

  /** The connection goes on: is the bot still in? */
  look(): void {
    this.#wake();
  }

  /** In order, at once. */
  on(s: Element): void {
    const { nick } = partsOf(s.attrs['from'] as string);
    if (s.name === 'presence') this.#presence(s);
    else if (s.name === 'message') this.#message(s, nick);
  }

  /** Comes in, stays in, comes in again: less often where it is thrown out at once. */
  async run(signal: AbortSignal): Promise<void> {
    let wait = AGAIN_MS;
    while (!signal.aborted) {
      const short = systemClock.now() - this.#since < SHORT_MS;
      if (!this.#o.link.up) await this.#pause(AGAIN_LAST_MS, signal);
      else if (this.#in) {
        if (!short) wait = AGAIN_MS;
        await this.#stay(signal);
      } else if (short || !(await this.#enter())) {
        this.#since = 0;
        await this.#pause(wait, signal);
        wait = Math.min(AGAIN_LAST_MS, wait * 2);
      }
    }
  }

  async #stay(signal: AbortSignal): Promise<void> {
    await this.#check();
    const told = await this.#tellGap();
    if (this.#in) await this.#pause(told ? this.#o.pingMs : AGAIN_MS, signal);
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    this.#wake = () => stop.abort();
    await systemClock.sleep(ms, AbortSignal.any([stop.signal, signal])).catch(() => undefined);
    this.#wake = () => undefined;
  }

  async #enter(): Promise<boolean> {
    const { link, log } = this.#o;
    const joining = Promise.withResolvers<void>();
    this.#joining = joining;
    joining.promise.catch(() => undefined);
    const timer = setTimeout(() => joining.reject(new Error('the room does not answer')), JOIN_MS);
    try {
      await link.send(joinStanza(this.jid, this.#nick, this.#o.fleet));
      await joining.promise;
      await this.#fits();
      const { nick } = this.#o;
      if (this.#nick !== nick) await this.remark(`I am ${this.#nick} here; who is called ${nick} is somebody else.`);
      return true;
    } catch (error) {
      if (link.up) log(`xmpp: not in ${this.jid}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    } finally {
      clearTimeout(timer);
      this.#joining = undefined;
    }
  }

  /** A room that hides addresses or numbers nothing can carry no orders; it is told so. */
  async #fits(): Promise<void> {
    const answer = await this.#o.link.ask(infoStanza(this.jid));
    const features = answer.getChild('query', NS.info)?.getChildren('feature') ?? [];
    const has = (name: string): boolean => features.some((f) => f.attrs['var'] === name);
    const lacks = [
      ...(has('muc_nonanonymous') ? [] : ['it hides the addresses of who is in it']),
      ...(has(NS.sid) ? [] : ['it gives its messages no ids (XEP-0359; Prosody: muc_mam)']),
    ].join(', and ');
    const was = this.#unfit;
    this.#unfit = lacks === '' ? undefined : lacks;
    if (lacks === '' || lacks === was) return;
    this.#o.log(`xmpp: ${this.jid}: ${lacks}: no line is heard there`);
    await this.remark(`No line is heard in this room: ${lacks}.`);
  }

  async #tellGap(): Promise<boolean> {
    const { from, to } = this.#away ?? {};
    if (from === undefined || to === undefined) return true;
    const text = `I was away from ${utc(from)} to ${utc(to)} UTC. What was typed then was not heard: type it again.`;
    try {
      await this.remark(text);
      this.#away = undefined;
      return true;
    } catch {
      return false;
    }
  }

  /** XEP-0410: a room that was started again says nothing of itself. */
  async #check(): Promise<void> {
    const { link } = this.#o;
    try {
      await link.ask(pingStanza(`${this.jid}/${this.#nick}`));
      this.#seenAt = systemClock.now();
      if (this.#unfit !== undefined) await this.#fits();
    } catch (error) {
      const { name, condition } = error as { name?: string; condition?: string };
      if (name === 'TimeoutError') link.drop();
      else if (condition !== undefined && !STILL_IN.includes(condition)) this.#left();
    }
  }

  #left(): void {
    if (this.#in) {
      this.#away = { from: this.#away?.from ?? this.#seenAt };
      this.#nick = this.#o.nick;
    }
    this.#in = false;
    this.#people.clear();
    this.#fleets.clear();
    this.#said = [];
    this.#joining?.reject(new Error('the connection is gone'));
    for (const [id, w] of this.#echoes) w.reject(new ChatFault('later', `${id} may not have arrived`));
    this.#echoes.clear();
  }

  #presence(s: Element): void {
    if (s.attrs['type'] === 'error') return this.#refused(s);
    const p = presenceOf(s);
    if (p.codes.includes(ME)) this.#self(p);
    else this.#other(p);
    if (this.#in) this.#seenAt = systemClock.now();
  }

  #other({ nick, here, bare, fleet }: Presence): void {
    this.#people.delete(nick);
    this.#fleets.delete(nick);
    if (!here || bare === undefined) return;
    this.#people.set(nick, bare);
    if (fleet !== undefined) this.#fleets.set(nick, { bare, fleet });
  }

  #refused(s: Element): void {
    const { condition } = errorOf(s);
    // Somebody else has the name.
    if (condition === 'conflict') this.#nick = `${this.#nick}-2`;
    this.#joining?.reject(new Error(condition));
  }

  #self(p: Presence): void {
    if (p.here) {
      if (p.codes.includes(NEW_NICK)) this.#nick = p.nick;
      const now = systemClock.now();
      if (!this.#in && this.#away !== undefined) this.#away = { ...this.#away, to: now };
      this.#in = true;
      this.#since = now;
      this.#seenAt = now;
      this.#joining?.resolve();
    } else if (p.renamed !== undefined) this.#nick = p.renamed;
    else if (this.#in) {
      this.#left();
      this.#wake();
    }
  }

  #message(s: Element, nick: string): void {
    const id = s.attrs['id'] as string | undefined;
    if (s.attrs['type'] === 'error') {
      if (id !== undefined) this.#echoes.get(id)?.reject(faultOf(s, this.jid));
      return this.#wake();
    }
    if (s.attrs['type'] !== 'groupchat') return;
    if (this.#in) this.#seenAt = systemClock.now();
    if (nick === '') return this.#changed(s);
    const said = saidIn(s);
    if (nick === this.#nick) this.#echoed(id, said);
    else if (this.#in && this.#unfit === undefined) this.#o.heard(this, said, this.#people.get(nick));
  }

  #changed(s: Element): void {
    const codes = s.getChild('x', NS.user)?.getChildren('status') ?? [];
    if (codes.some((c) => CHANGED.includes(String(c.attrs['code'])))) void this.#fits().catch(() => undefined);
  }

  /** Our own words come back when everybody has them. */
  #echoed(id: string | undefined, said: Said): void {
    if (id === undefined || said.delays.some((d) => d.by === this.jid)) return;
    if (!said.edit && !this.#said.includes(id)) this.#said = [...this.#said.slice(-MOST), id];
    this.#echoes.get(id)?.resolve();
  }

  /** A line of our own that is no card. */
  async remark(text: string): Promise<void> {
    await this.say(`tw.${globalThis.crypto.randomUUID()}`, text);
  }

  /** Resolves when the room has shown it. Throws ChatFault. */
  async say(id: string, body: string, replaces?: string): Promise<void> {
    if (!this.#in) throw new ChatFault('later', `not in ${this.jid}`);
    const waiter = Promise.withResolvers<void>();
    this.#echoes.set(id, waiter);
    waiter.promise.catch(() => undefined);
    const late = new ChatFault('later', `${this.jid} did not show it in time`);
    const timer = setTimeout(() => waiter.reject(late), ECHO_MS);
    try {
      await this.#o.link.send(sayStanza(this.jid, id, body, replaces)).catch((cause: unknown) => {
        throw new ChatFault('later', 'not connected', { cause });
      });
      await waiter.promise;
    } finally {
      clearTimeout(timer);
      this.#echoes.delete(id);
    }
  }

  async leave(): Promise<void> {
    if (this.#in) await this.#o.link.send(leaveStanza(this.jid, this.#nick)).catch(() => undefined);
  }
}
