import type { Ignored, Inbound } from '../commands/index.ts';
import type { CardView } from './model.ts';

/** Where a message is, in the words of the platform. */
export type MessageRef = string;

/** Why a platform did not take a message. */
export class ChatFault extends Error {
  /** later: the same again after `afterMs`. gone: the message to edit is not there. never: nobody will ever take it. */
  readonly is: 'later' | 'gone' | 'never';
  readonly afterMs: number;
  constructor(is: ChatFault['is'], why: string, o: { afterMs?: number; cause?: unknown } = {}) {
    super(why, o.cause === undefined ? {} : { cause: o.cause });
    this.name = 'ChatFault';
    this.is = is;
    this.afterMs = o.afterMs ?? 0;
  }
}

/** All that a transport may ask of the core. */
export interface Desk {
  /** Resolves when the line is kept for good; only then is the platform told so. */
  submit(i: Inbound): Promise<{ id: string; first: boolean }>;
  /** What looks like a command and is none: it is not answered, and written down, though not each time. */
  ignored(i: Ignored): void;
}

/** A request as it came in: nothing parsed, header names in lower case. */
export interface RawRequest {
  headers: Readonly<Record<string, string>>;
  body: string;
}
export interface RawResponse {
  status: number;
  /** Content type; absent = plain text. */
  type?: string;
  body?: string;
}

/** One chat platform. Nothing is stored in it: what it shows can be made anew at any time. */
export interface Transport {
  name: string;
  /** Shortest time between two writes, in milliseconds. */
  gapMs: number;
  /** Shortest time between two edits of one card whose state is the same, in milliseconds; absent = none. */
  cardGapMs?: number;
  /** Hands over what persons type and press until the signal fires. Throws when the platform refuses the account. */
  listen(desk: Desk, signal: AbortSignal): Promise<void>;
  /** Throws ChatFault. */
  post(room: string, card: CardView): Promise<MessageRef>;
  /** Replaces the whole message. Throws ChatFault. */
  update(room: string, ref: MessageRef, card: CardView): Promise<void>;
  /** The message of this card, if a process that died has posted it. Throws ChatFault. */
  find(room: string, card: string): Promise<MessageRef | undefined>;
  /**
   * Takes what the platform posts to `/hooks/<name>`; verifies before it reads, and answers 503 before `listen` was
   * called. Absent = this transport needs none.
   */
  hook?(r: RawRequest): Promise<RawResponse>;
  close(): Promise<void>;
}
