// What comes from a Redis over any two-way stream: lines, exact numbers of bytes, bytes up to a mark.
import type { Duplex } from 'node:stream';
import { type Clock, within } from '../../../kernel/index.ts';
import { bytesOf, ReplyScanner } from '../../resp/replies.ts';
import { decode, encode, RespError, type Value } from '../../resp/values.ts';

const IDLE_MS = 20_000;

/** Reads a stream piece by piece. */
export class Reader {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #clock: Clock;
  #held: Buffer = Buffer.alloc(0);

  constructor(stream: Duplex, clock: Clock) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#clock = clock;
  }

  /** Throws when the stream has ended, or says nothing for long. */
  async #more(): Promise<Buffer> {
    const late = (): never => {
      throw new Error(`nothing came for ${IDLE_MS} ms`);
    };
    const next = await within(this.#clock, IDLE_MS, this.#chunks.next(), late);
    if (next.done === true) throw new Error('the connection ended before all had come');
    return next.value;
  }

  /** One line without its end; blank lines, which keep a connection alive, are passed over. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf(10);
      if (end < 0) {
        this.#held = Buffer.concat([this.#held, await this.#more()]);
        continue;
      }
      const line = this.#held.toString('latin1', 0, end).replace(/\r$/, '');
      this.#held = this.#held.subarray(end + 1);
      if (line !== '') return line;
    }
  }

  async *exactly(size: number): AsyncIterable<Buffer> {
    for (let left = size; left > 0; ) {
      if (this.#held.length === 0) this.#held = await this.#more();
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** Everything before the mark, with which the stream pauses. */
  async *until(mark: Buffer): AsyncIterable<Buffer> {
    for (;;) {
      const split = this.#held.length - mark.length;
      if (split >= 0 && this.#held.subarray(split).equals(mark)) {
        yield this.#held.subarray(0, split);
        return;
      }
      if (split > 0) yield this.#held.subarray(0, split);
      this.#held = Buffer.concat([this.#held.subarray(Math.max(0, split)), await this.#more()]);
    }
  }
}

/** Commands over any two-way stream, one after the other. Throws on error replies. */
export class Link {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #scanner = new ReplyScanner();
  #waiting: PromiseWithResolvers<Value>[] = [];

  constructor(stream: Duplex, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    const end = (why: unknown): void => {
      for (const w of this.#waiting.splice(0)) w.reject(why instanceof Error ? why : new Error('the connection ended'));
    };
    stream.on('data', (chunk: Buffer) => {
      for (const r of this.#scanner.push(chunk)) this.#waiting.shift()?.resolve(decode(bytesOf(r)));
    });
    stream.on('error', end);
    stream.on('close', end);
  }

  async ask(args: readonly (string | number)[], ms = IDLE_MS): Promise<Value> {
    const answer = Promise.withResolvers<Value>();
    this.#waiting.push(answer);
    if (this.#stream.destroyed) answer.reject(new Error('the connection ended'));
    else this.#stream.write(encode(args));
    const late = (): never => {
      throw new Error(`${args[0]}: no answer for ${ms} ms`);
    };
    const value = await within(this.#clock, ms, answer.promise, late);
    if (value instanceof RespError) throw new Error(value.text);
    return value;
  }

  /** The answer as text; null where there is none. */
  async say(args: readonly (string | number)[]): Promise<string | null> {
    const value = await this.ask(args);
    if (value === null) return null;
    return Buffer.isBuffer(value)
      ? value.toString()
      : JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v));
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** Does `work` over a connection of its own. */
export async function linked<T>(
  stream: Duplex,
  o: { clock: Clock; user?: string; password: string },
  work: (link: Link) => Promise<T>,
): Promise<T> {
  const link = new Link(stream, o.clock);
  try {
    await link.ask(['AUTH', ...(o.user === undefined ? [] : [o.user]), o.password]);
    return await work(link);
  } finally {
    link.close();
  }
}
