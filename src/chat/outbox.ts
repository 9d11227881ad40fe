import type { Card, ChatBehind } from '../commands/index.ts';
import { type Clock, clean, type Json, type Store, toJson } from '../kernel/index.ts';
import { ChatFault, type MessageRef, type Transport } from './ports.ts';
import { cardView } from './view/card.ts';

interface Row {
  card: Card;
  /** Of the newest card that is known. */
  wanted: number;
  /** Of the card that the platform shows; 0 = none. */
  sent: number;
  ref: MessageRef | null;
  /** When what the platform shows was last right; counts while `sent` is less than `wanted`. */
  right: number;
}
interface Held extends Row {
  nextTry: number;
  failures: number;
  /** A process that died may have posted it. */
  search: boolean;
}

const FIRST_MS = 500;
/** Less than the 5 s within which a card is right again. */
const LAST_MS = 3000;
/** A card that is not right for longer than it takes when all is well is behind. Milliseconds. */
const LATE_MS = 5000;
const LONGEST = 160;
const backoff = (failures: number): number => Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(failures, 6));

export interface OutboxDeps {
  store: Store;
  clock: Clock;
  transport: Transport;
  /** The end of a command is shown, or can never be; absent = nobody keeps that. */
  onTold?: (command: string) => Promise<void>;
  /** A message that nobody will ever take. */
  onDead: (room: string, why: string) => void;
}

/**
 * Brings what a platform shows to what is true. Only the newest state of a card is sent, so ticks melt together and
 * nothing is replayed after an outage; a card is one message, edited, also over a crash between the post and its record.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #rows = new Map<string, Held>();
  #wake: () => void = () => undefined;
  #free = 0;
  #puts = 0;
  /** What the platform said last, where it took nothing. */
  #why: string | null = null;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  get #prefix(): string {
    return `outbox/${this.#deps.transport.name}/`;
  }

  /** What an earlier process owed. Throws TW1020. */
  async load(): Promise<void> {
    for (const e of (await this.#deps.store.range(this.#prefix)).entries) {
      const row = e.value as unknown as Row;
      if (row.card.state === 'ended' && row.sent >= row.wanted) {
        await this.#forget(row.card.id);
        continue;
      }
      const right = row.right ?? this.#deps.clock.now();
      this.#rows.set(row.card.id, { ...row, right, nextTry: 0, failures: 0, search: row.ref === null });
    }
  }

  /** Never waits: the engine never knows whether a chat is up. */
  put(card: Card): void {
    const old = this.#rows.get(card.id);
    const now = this.#deps.clock.now();
    const row = old ?? { wanted: 0, sent: 0, ref: null, right: now, nextTry: 0, failures: 0, search: false };
    const right = row.sent < row.wanted ? row.right : now;
    // A tick can wait where edits are dear, a turn cannot.
    const nextTry = row.failures === 0 && old?.card.state !== card.state ? 0 : row.nextTry;
    this.#rows.set(card.id, { ...row, card, right, nextTry, wanted: row.wanted + 1 });
    this.#puts += 1;
    this.#wake();
  }

  /** Cards that are not as they should be yet. */
  get behind(): number {
    return [...this.#rows.values()].filter((r) => r.sent < r.wanted).length;
  }

  /** Undefined: what the platform shows is as right as it is when all is well. */
  get late(): Omit<ChatBehind, 'door'> | undefined {
    const owed = [...this.#rows.values()].filter((r) => r.sent < r.wanted);
    const since = Math.min(...owed.map((r) => r.right));
    const { clock, transport } = this.#deps;
    if (!(clock.now() - since > LATE_MS + (transport.cardGapMs ?? 0))) return undefined;
    return { since, cards: owed.length, why: this.#why };
  }

  /** Until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    while (!signal.aborted) {
      const seen = this.#puts;
      const wait = await this.#step();
      // What was put in while nobody waited has woken nobody.
      if (wait === 0 || seen !== this.#puts) continue;
      const stop = new AbortController();
      const woken = new Promise<void>((go) => {
        this.#wake = () => {
          go();
          stop.abort();
        };
      });
      if (wait === undefined) await Promise.race([woken, aborted(signal)]);
      else
        await Promise.race([clock.sleep(wait, AbortSignal.any([stop.signal, signal])).catch(() => undefined), woken]);
      this.#wake = () => undefined;
      stop.abort();
    }
  }

  /** Ended cards first: a decision is waited for, a tick is not. */
  #due(now: number): Held | undefined {
    const all = [...this.#rows.values()].filter((r) => r.sent < r.wanted && r.nextTry <= now);
    return all.toSorted(
      (a, b) => Number(b.card.state === 'ended') - Number(a.card.state === 'ended') || a.card.at - b.card.at,
    )[0];
  }

  /** Sends one; milliseconds until there may be more to do, undefined = nothing is owed. */
  async #step(): Promise<number | undefined> {
    const now = this.#deps.clock.now();
    if (now < this.#free) return this.behind === 0 ? undefined : this.#free - now;
    const row = this.#due(now);
    if (row !== undefined) {
      await this.#send(row);
      this.#free = Math.max(this.#free, this.#deps.clock.now() + this.#deps.transport.gapMs);
      return 0;
    }
    const next = [...this.#rows.values()].filter((r) => r.sent < r.wanted).map((r) => r.nextTry);
    return next.length === 0 ? undefined : Math.max(1, Math.min(...next) - now);
  }

  async #send(row: Held): Promise<void> {
    const { id } = row.card;
    const began = this.#deps.clock.now();
    try {
      await this.#keep(row);
      const ref = await this.#place(row);
      const now = this.#rows.get(id) ?? row;
      const turned = now.card.state !== row.card.state;
      const nextTry = turned ? 0 : this.#deps.clock.now() + (this.#deps.transport.cardGapMs ?? 0);
      const sent = { ...now, ref, sent: row.wanted, right: began, nextTry, failures: 0, search: false };
      this.#rows.set(id, sent);
      this.#why = null;
      await this.#keep(sent);
      if (row.card.state === 'ended' && now.wanted === row.wanted) await this.#forget(id);
    } catch (error) {
      this.#failed(this.#rows.get(id) ?? row, error);
    }
  }

  async #place(row: Held): Promise<MessageRef> {
    const { transport } = this.#deps;
    const { room, id } = row.card;
    const view = cardView(row.card, row.wanted);
    const ref = row.ref ?? (row.search ? await transport.find(room, id) : undefined);
    if (ref === undefined) return await transport.post(room, view);
    await transport.update(room, ref, view);
    return ref;
  }

  /** Written before the post, so that a process after this one knows to look for it. */
  async #keep(row: Held): Promise<void> {
    const key = `${this.#prefix}${row.card.id}`;
    const value: Json = toJson({ card: row.card, wanted: row.wanted, sent: row.sent, ref: row.ref, right: row.right });
    const { store } = this.#deps;
    const { revision } = await store.get(key);
    await store.cas(key, revision, value);
  }

  async #forget(id: string): Promise<void> {
    this.#rows.delete(id);
    await this.#deps.onTold?.(id);
    await this.#deps.store.txn({ if: [], put: [], remove: [`${this.#prefix}${id}`] });
  }

  #failed(row: Held, error: unknown): void {
    const now = this.#deps.clock.now();
    const id = row.card.id;
    if (error instanceof ChatFault && error.is === 'never') {
      this.#rows.delete(id);
      void this.#forget(id).catch(() => undefined);
      this.#deps.onDead(row.card.room, error.message);
      return;
    }
    if (error instanceof ChatFault && error.is === 'gone') {
      this.#rows.set(id, { ...row, ref: null, search: false, nextTry: now });
      return;
    }
    this.#why = clean(error instanceof Error ? error.message : String(error)).slice(0, LONGEST);
    const asked = error instanceof ChatFault ? error.afterMs : 0;
    // A platform that says "not now" says it to every card.
    if (asked > 0) this.#free = now + asked;
    // What was sent may have arrived although its answer did not.
    const nextTry = now + Math.max(asked, backoff(row.failures));
    this.#rows.set(id, { ...row, failures: row.failures + 1, search: row.ref === null, nextTry });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((go) => {
    if (signal.aborted) go();
    signal.addEventListener('abort', () => go(), { once: true });
  });
}
