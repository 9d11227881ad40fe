import { type Caller, COMMANDS, Flood } from '../../commands/index.ts';
import { clean, digest, systemClock } from '../../kernel/index.ts';
import type { CardView } from '../model.ts';
import { ChatFault, type Desk, type MessageRef, type Transport } from '../ports.ts';
import { hiddenIn } from '../view/lines.ts';
import { movedText, typedInXmpp, xmppText } from '../view/xmpp.ts';
import { Link } from './xmpp-link.ts';
import { Room } from './xmpp-room.ts';
import { partsOf, type Said } from './xmpp-stanza.ts';

export interface XmppOptions {
  /** Bare address of the bot. */
  jid: string;
  password: string;
  /** `xmpps://host:port` or `xmpp://host:port`. */
  service: string;
  /** Bare addresses. */
  rooms: readonly string[];
  /** Whose accounts are heard. */
  domains: readonly string[];
  nick: string;
  /** Of this control plane. */
  fleet: string;
  /** How often a room is asked whether the bot is still in. Milliseconds. */
  pingMs?: number;
  log: (line: string) => void;
}

/** How long a card waits for the connection before the outbox takes it back. Milliseconds. */
const WAIT_MS = 4000;
/** A card that is not the last one any more comes again for a mere tick as often as this. Milliseconds. */
const TICK_MS = 30_000;
const STEP_MS = 25;
const MOST_CARDS = 500;

const SAFE = COMMANDS.filter((c) => c.kind === 'safe').map((c) => c.verb);
const isSafe = (line: string): boolean => SAFE.includes(line.split(' ', 1)[0] ?? '');

/** What a person waits for; rows tick. */
const gist = (v: CardView): string => digest([v.state, [...v.notes], v.buttons.map((b) => b.line)]);

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((go) => {
    if (signal.aborted) go();
    signal.addEventListener('abort', () => go(), { once: true });
  });

interface Shown {
  gist: string;
  postedAt: number;
}

const PAST = 'it is not from now';

const callerOf = (bare: string): Caller => ({
  door: 'xmpp',
  identity: { platform: 'xmpp', tenant: bare.split('@')[1] ?? '', actor: bare },
});

/** XMPP by a client account in rooms with real addresses. Nothing is stored in it, and nothing that is late is obeyed. */
class Xmpp implements Transport {
  readonly name = 'xmpp';
  readonly gapMs = 500;
  readonly cardGapMs = 1500;
  readonly #o: XmppOptions;
  readonly #link: Link;
  readonly #rooms: ReadonlyMap<string, Room>;
  readonly #stop = new AbortController();
  readonly #flood = new Flood();
  readonly #shown = new Map<string, Shown>();
  /** Cards that stand somewhere above and can be edited no more. */
  readonly #above = new Set<string>();
  /** Cards that never came back from the room, by the stay: the others may have them, and nobody can edit them. */
  readonly #tried = new Map<string, number>();
  readonly #behind = new Map<string, Promise<void>>();
  #staying: readonly Promise<void>[] | undefined;
  #desk: Desk | undefined;

  constructor(o: XmppOptions) {
    // Addresses and reasons come from outside.
    const log = (line: string): void => o.log(clean(line));
    this.#o = { ...o, log };
    const { nick, fleet } = o;
    this.#link = new Link(this.#o, {
      stanza: (s) => this.#rooms.get(partsOf(s.attrs['from'] as string).bare)?.on(s),
      up: (resumed) => this.#each((r) => (resumed ? r.look() : r.lost())),
    });
    const heard = (room: Room, said: Said, bare: string | undefined): void => this.#heard(room, said, bare);
    const room = (jid: string): Room =>
      new Room({ room: jid, nick, fleet, link: this.#link, pingMs: o.pingMs ?? 30_000, log, heard });
    this.#rooms = new Map(o.rooms.map((jid) => [jid, room(jid)]));
  }

  #each(work: (r: Room) => void): void {
    for (const r of this.#rooms.values()) work(r);
  }

  /** Connects, once; ends when the server refuses the account. */
  #connect(): Promise<void> {
    this.#staying ??= [...this.#rooms.values()].map((r) => r.run(this.#stop.signal));
    return this.#link.run();
  }

  async listen(desk: Desk, signal: AbortSignal): Promise<void> {
    this.#desk = desk;
    try {
      await Promise.race([this.#connect(), aborted(signal)]);
    } finally {
      if (this.#desk === desk) this.#desk = undefined;
    }
  }

  #heard(room: Room, said: Said, bare: string | undefined): void {
    const line = typedInXmpp(said.body);
    const why = this.#unheard(said, bare);
    const who = bare ?? '';
    if (line === undefined || said.edit || why !== undefined) return this.#ignore(room, said, { who, line, why });
    const now = systemClock.now();
    const may = this.#flood.take(who, isSafe(line), now);
    if (may === 'tell') void room.remark(`Too many lines at once: some were not taken. Wait a little.`).catch(() => 0);
    if (may !== 'yes') return this.#ignore(room, said, { who, line, why: 'too many lines at once' });
    const keys = [`xmpp ${room.jid} ${who} ${said.stanzaId}`];
    if (said.originId !== undefined) keys.push(`xmpp ${room.jid} ${who} origin ${said.originId}`);
    const typedAt = Math.min(now, ...said.delays.map((d) => d.at).filter(Number.isFinite));
    this.#submit(room, who, { line, keys, typedAt });
  }

  /** No order, although it may look like one; what a room repeats of its past is nobody's try. */
  #ignore(room: Room, said: Said, x: { who: string; line: string | undefined; why: string | undefined }): void {
    const edited = 'the message was edited';
    const seen = x.line === undefined ? hiddenIn(said.body, '!tw') : { line: x.line, why: edited };
    if (seen === undefined) return;
    const { line } = seen;
    const why = x.why ?? (said.edit ? edited : seen.why);
    const text = `xmpp: a line in ${room.jid} was not heard: ${why}`;
    if (this.#flood.take(text, false, systemClock.now()) === 'yes') this.#o.log(text);
    if (why !== PAST) this.#desk?.ignored({ caller: callerOf(x.who), room: room.jid, line, why });
  }

  #isOurs(bare: string): boolean {
    return this.#o.domains.includes(partsOf(bare).bare.split('@')[1] ?? '');
  }

  /** Why a line is nobody's, too old or somebody's who is not ours. */
  #unheard(said: Said, bare: string | undefined): string | undefined {
    if (bare === undefined) return 'the room does not say whose it is';
    if (!this.#isOurs(bare)) return `${bare} is of another domain`;
    // Our own server holds back what came while the connection was broken; what anybody else held back is history.
    if (said.delays.some((d) => d.by !== this.#o.jid)) return PAST;
    return said.stanzaId === undefined ? 'the room gave it no id' : undefined;
  }

  /** Lines of one person stay in their order. */
  #submit(room: Room, who: string, x: { line: string; keys: string[]; typedAt: number }): void {
    const desk = this.#desk;
    if (desk === undefined) return;
    const caller = callerOf(who);
    const beside = room.fleets.filter((f) => this.#isOurs(f.bare)).map((f) => f.fleet);
    const before = this.#behind.get(who) ?? Promise.resolve();
    const after = before
      .then(
        async () =>
          void (await desk.submit({ ...x, caller, room: room.jid, ...(beside.length === 0 ? {} : { beside }) })),
      )
      .catch(async (error: unknown) => {
        this.#o.log(`xmpp: a line was not kept: ${error instanceof Error ? error.message : String(error)}`);
        await room.remark('That line could not be kept, so nothing was done. Type it again.').catch(() => undefined);
      });
    this.#behind.set(who, after);
    void after.finally(() => this.#behind.get(who) === after && this.#behind.delete(who));
  }

  /** The room, once the bot is in it. Throws ChatFault. */
  async #ready(name: string): Promise<Room> {
    const room = this.#rooms.get(name);
    if (room === undefined) throw new ChatFault('never', `the config does not name ${name}`);
    void this.#connect().catch(() => undefined);
    const until = systemClock.monotonic() + WAIT_MS;
    while (!(room.isIn && this.#link.up) && systemClock.monotonic() < until) await systemClock.sleep(STEP_MS);
    if (!room.isIn) throw new ChatFault('later', `not in ${name}`);
    return room;
  }

  #remember(card: CardView, postedAt: number): void {
    this.#shown.delete(card.id);
    this.#shown.set(card.id, { gist: gist(card), postedAt });
    const [oldest] = this.#shown.keys();
    if (this.#shown.size > MOST_CARDS && oldest !== undefined) this.#shown.delete(oldest);
  }

  async post(name: string, card: CardView): Promise<MessageRef> {
    const room = await this.#ready(name);
    const ref = `tw.${card.id}.${card.revision}`;
    const lost = this.#tried.get(card.id) ?? room.stay;
    const isAbove = this.#above.has(card.id) || lost !== room.stay;
    this.#tried.set(card.id, room.stay);
    await room.say(ref, xmppText(card, isAbove ? '(goes on from above; what stands there is old)' : undefined));
    this.#tried.delete(card.id);
    this.#above.delete(card.id);
    this.#remember(card, systemClock.now());
    return ref;
  }

  async update(name: string, ref: MessageRef, card: CardView): Promise<void> {
    const room = await this.#ready(name);
    const shown = this.#shown.get(card.id);
    if (room.last === ref) {
      await room.say(`tw.${card.id}.${card.revision}.edit`, xmppText(card), ref);
      return this.#remember(card, shown?.postedAt ?? 0);
    }
    const now = systemClock.now();
    if (room.isOfThisStay(ref)) {
      if (shown?.gist === gist(card) && now - shown.postedAt < TICK_MS)
        throw new ChatFault('later', 'something was said after it, and only rows moved');
      await room.say(`tw.${card.id}.${card.revision}.moved`, movedText(card), ref);
    }
    this.#above.add(card.id);
    throw new ChatFault('gone', 'only the last message can be edited, and none of an earlier stay');
  }

  /** Of this stay in the room only: what was said before the bot left it cannot be edited anyway. */
  async find(name: string, card: string): Promise<MessageRef | undefined> {
    return (await this.#ready(name)).shownOf(card);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#rooms.values()].map((r) => r.leave()));
    await this.#link.close();
    await Promise.all(this.#staying ?? []);
  }
}

export const xmppTransport = (o: XmppOptions): Transport => new Xmpp(o);
