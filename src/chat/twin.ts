import type { Caller } from '../commands/index.ts';
import type { CardView } from './model.ts';
import { ChatFault, type Desk, type MessageRef, type Transport } from './ports.ts';
import { cardText } from './view/text.ts';

interface Message {
  ref: MessageRef;
  room: string;
  card: CardView;
}

/** The twin: a chat in memory, with people that type and press, outages and limits. */
export class MemoryChat implements Transport {
  readonly name = 'lab';
  readonly gapMs: number;
  readonly messages: Message[] = [];
  /** Writes that arrived, refused ones included. */
  writes = 0;
  /** Every write meets this. */
  fault: ((write: number) => ChatFault | 'answer lost' | undefined) | undefined;
  protected desk: Desk | undefined;
  readonly #prefix: string;
  #count = 0;

  /** Ids begin with `prefix`: what an outbox remembers of a process before must not be found. */
  constructor(gapMs = 0, prefix = '') {
    this.gapMs = gapMs;
    this.#prefix = prefix;
  }

  protected nextId(): string {
    return `${this.#prefix}m${++this.#count}`;
  }

  async listen(desk: Desk, signal: AbortSignal): Promise<void> {
    this.desk = desk;
    await new Promise<void>((go) => {
      if (signal.aborted) go();
      signal.addEventListener('abort', () => go(), { once: true });
    });
  }

  /** A person types a line; a copy has the same key. */
  async type(person: string, room: string, line: string, o: { key?: string; typedAt: number }): Promise<void> {
    const caller: Caller = { door: 'lab', identity: { platform: 'lab', tenant: '', actor: person } };
    const key = o.key ?? `message:${this.nextId()}`;
    await this.desk?.submit({ keys: [key], line, caller, room, typedAt: o.typedAt });
  }

  async #write(work: () => MessageRef): Promise<MessageRef> {
    this.writes += 1;
    const bad = this.fault?.(this.writes);
    if (bad instanceof ChatFault) throw bad;
    const ref = work();
    if (bad === 'answer lost') throw new Error('the connection broke');
    return ref;
  }

  post(room: string, card: CardView): Promise<MessageRef> {
    return this.#write(() => {
      const ref = this.nextId();
      this.messages.push({ ref, room, card });
      return ref;
    });
  }

  async update(_room: string, ref: MessageRef, card: CardView): Promise<void> {
    await this.#write(() => {
      const at = this.messages.findIndex((m) => m.ref === ref);
      const old = this.messages[at];
      if (old === undefined) throw new ChatFault('gone', `${ref} was deleted`);
      this.messages[at] = { ...old, card };
      return ref;
    });
  }

  async find(room: string, card: string): Promise<MessageRef | undefined> {
    return this.messages.findLast((m) => m.room === room && m.card.id === card)?.ref;
  }

  /** What a room shows, oldest first. */
  texts(room: string): string[] {
    return this.messages.filter((m) => m.room === room).map((m) => cardText(m.card));
  }

  async close(): Promise<void> {
    this.desk = undefined;
  }
}
