import { type Clock, digest, type Json, type Store } from '../kernel/index.ts';
import { accountOf, type Caller } from './access/model.ts';
import { record } from './book/audit.ts';
import { Flood, type Limit } from './flood.ts';
import { Quiet } from './quiet.ts';

/** What looks like a command and is none: nobody is answered, but the audit knows that it was tried. */
export interface Ignored {
  /** Whose account, as far as the platform says. */
  caller: Caller;
  room: string;
  line: string;
  why: string;
}

export interface IgnoredDeps {
  book: Store;
  clock: Clock;
  newId: () => string;
  redact: (line: string) => Promise<string>;
}

/** The same account is written down once in so long for the same reason. Milliseconds. */
const EVERY_MS = 60_000;
/** So many accounts and reasons in that time; whoever has more accounts than this gets no more of the audit. */
const MOST = 20;
/** What an account that is nobody's may type, and all of them together. */
const STRANGER: Limit = { burst: 5, everyMs: 60_000 };
const STRANGERS: Limit = { burst: 30, everyMs: 10_000 };
const LONGEST = 120;

/** Lines that are no commands, in the audit; no stranger can fill it. */
export class IgnoredLines {
  readonly #d: IgnoredDeps;
  readonly #quiet: Quiet;
  readonly #each = new Flood(STRANGER);
  readonly #all = new Flood(STRANGERS);

  constructor(d: IgnoredDeps) {
    this.#d = d;
    this.#quiet = new Quiet({ clock: d.clock, everyMs: EVERY_MS, most: MOST });
  }

  /** Writes it down, unless the same came a moment ago. Throws TW1020, TW6204, TW6501. */
  async note({ caller, room, line, why }: Ignored): Promise<void> {
    const { book, clock, newId, redact } = this.#d;
    const more = this.#quiet.take(`${accountOf(caller.identity)} ${why}`);
    if (more === undefined) return;
    const salt = newId();
    const text = await redact(line);
    const raw = { digest: digest([salt, text]), salt, bytes: Buffer.byteLength(line) };
    const data: Json = { why, room: room.slice(0, LONGEST), raw, more };
    await record(book, { at: clock.now(), what: 'ignored', person: null, caller, command: 'none', data });
  }

  /** There is room for one more line of an account that is nobody's. */
  hears({ identity }: Caller): boolean {
    const now = this.#d.clock.now();
    return this.#each.take(accountOf(identity), false, now) === 'yes' && this.#all.take('', false, now) === 'yes';
  }
}
