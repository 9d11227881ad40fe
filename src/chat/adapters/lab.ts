import { type Clock, fault } from '../../kernel/index.ts';
import type { CardView, LabEntry, LabSwitches, LabView } from '../model.ts';
import { ChatFault, type Desk, type MessageRef } from '../ports.ts';
import { MemoryChat } from '../twin.ts';

type Line = Extract<LabEntry, { is: 'line' }>;

const LAB_ROOM = 'ops';
/** The room forgets what is older. */
const MOST = 60;
const GAP_MS = 200;
const SLOW_MS = 5000;
/** What is slow looks so often whether it still has to be. Milliseconds. */
const STEP_MS = 250;
const LIMIT_MS = 1000;
/** How long a line waits for one that overtakes it. Milliseconds. */
const PAIR_MS = 1500;
const AGAIN_MS = 1000;
const SLASH = /^\/tw(?:\s+|$)/;

const CALM: LabSwitches = { outage: false, slow: false, limited: false, duplicate: false, reorder: false };

/** A chat platform of one room inside this process, with everything that can go wrong on a switch. */
export class Lab extends MemoryChat {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #heard = new Set<() => void>();
  #switches = CALM;
  #entries: LabEntry[] = [];
  #refused = 0;
  #waiting: (() => void)[] = [];
  #overtaken: (() => void) | undefined;

  constructor(o: { clock: Clock; newId: () => string }) {
    super(GAP_MS, `${o.newId()} `);
    this.#clock = o.clock;
  }

  view(persons: readonly string[]): LabView {
    return {
      room: LAB_ROOM,
      persons,
      switches: this.#switches,
      entries: this.#entries,
      refused: this.#refused,
    };
  }

  /** Calls back after every change of the room. */
  onChange(tell: () => void): void {
    this.#heard.add(tell);
  }

  set(switches: Partial<LabSwitches>): void {
    this.#switches = { ...this.#switches, ...switches };
    this.#open();
    this.#tell();
  }

  /** A person says something; what begins with /tw is a command. It is in the room at once and delivered as the switches let it. */
  say(from: string, text: string): void {
    const command = SLASH.test(text);
    const line = this.#add({ from, text, state: command ? 'waits' : 'talk', copies: 0 });
    if (command) void this.#deliver(line, text.replace(SLASH, '').trim()).catch(() => undefined);
  }

  /** A person presses a button of a card, which types its line. Throws TW8026. */
  press(from: string, ref: string, label: string): void {
    const entry = this.#entries.find((e) => e.is === 'card' && e.id === ref);
    const button = entry?.is === 'card' ? entry.card.buttons.find((b) => b.label === label) : undefined;
    if (button === undefined) throw fault('TW8026', { value: label, why: ['the card has changed: no such button'] });
    const line = this.#add({ from, text: `/tw ${button.line}`, pressed: label, state: 'waits', copies: 0 });
    void this.#deliver(line, button.line).catch(() => undefined);
  }

  override async listen(desk: Desk, signal: AbortSignal): Promise<void> {
    const listening = super.listen(desk, signal);
    this.#open();
    await listening;
    this.desk = undefined;
  }

  override async post(room: string, card: CardView): Promise<MessageRef> {
    await this.#platform();
    const ref = await super.post(room, card);
    this.#keep({ is: 'card', id: ref, at: this.#clock.now(), edits: 0, card });
    return ref;
  }

  override async update(room: string, ref: MessageRef, card: CardView): Promise<void> {
    await this.#platform();
    await super.update(room, ref, card);
    this.#change(ref, (e) => (e.is === 'card' ? { ...e, edits: e.edits + 1, card } : e));
  }

  override async find(room: string, card: string): Promise<MessageRef | undefined> {
    await this.#platform();
    return await super.find(room, card);
  }

  override async close(): Promise<void> {
    this.#stop.abort();
    await super.close();
  }

  #tell(): void {
    for (const tell of this.#heard) tell();
  }

  #keep(entry: LabEntry): void {
    this.#entries = [...this.#entries, entry].slice(-MOST);
    this.messages.splice(0, Math.max(0, this.messages.length - MOST));
    this.#tell();
  }

  #add(line: Omit<Line, 'is' | 'id' | 'at'>): Line {
    const entry: Line = { is: 'line', id: this.nextId(), at: this.#clock.now(), ...line };
    this.#keep(entry);
    return entry;
  }

  #change(id: string, to: (e: LabEntry) => LabEntry): void {
    this.#entries = this.#entries.map((e) => (e.id === id ? to(e) : e));
    this.#tell();
  }

  /** What a write meets before it arrives. Throws ChatFault. */
  async #platform(): Promise<void> {
    await this.#slowly();
    const why = this.#switches.outage
      ? new ChatFault('later', 'the lab is switched off')
      : this.#switches.limited
        ? new ChatFault('later', 'the lab asks to wait', { afterMs: LIMIT_MS })
        : undefined;
    if (why === undefined) {
      this.#refused = 0;
      return;
    }
    this.#refused += 1;
    this.#tell();
    throw why;
  }

  async #slowly(): Promise<void> {
    for (let ms = 0; ms < SLOW_MS && this.#switches.slow; ms += STEP_MS)
      await this.#clock.sleep(STEP_MS, this.#stop.signal);
  }

  #open(): void {
    if (this.#switches.outage || this.desk === undefined) return;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Resolves with the desk once lines come through. */
  async #way(): Promise<Desk> {
    while (this.#switches.outage || this.desk === undefined) await new Promise<void>((go) => this.#waiting.push(go));
    return this.desk;
  }

  /** With reorder the first of two lines lets the second go before it. */
  async #turn(): Promise<(() => void) | undefined> {
    if (!this.#switches.reorder) return undefined;
    const earlier = this.#overtaken;
    this.#overtaken = undefined;
    if (earlier !== undefined) return earlier;
    const passed = new Promise<void>((go) => {
      this.#overtaken = go;
    });
    await Promise.race([passed, this.#clock.sleep(PAIR_MS, this.#stop.signal)]);
    this.#overtaken = undefined;
    return undefined;
  }

  /** As a platform does it: again and again until it was taken, always with the same key. */
  async #deliver({ id, from, at }: Line, line: string): Promise<void> {
    const earlier = await this.#turn();
    await this.#slowly();
    const caller = { door: 'lab', identity: { platform: 'lab', tenant: '', actor: from } };
    const inbound = { keys: [`lab ${id}`], line, caller, room: LAB_ROOM, typedAt: at };
    for (let taken = false; !taken; ) {
      const desk = await this.#way();
      const copies = this.#switches.duplicate ? 2 : 1;
      taken = await Promise.all(Array.from({ length: copies }, () => desk.submit(inbound))).then(
        () => true,
        () => false,
      );
      if (taken) this.#change(id, (e) => (e.is === 'line' ? { ...e, state: 'taken', copies } : e));
      else await this.#clock.sleep(AGAIN_MS, this.#stop.signal);
    }
    earlier?.();
  }
}
