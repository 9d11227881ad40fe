// One connection to a Redis: what is posted comes back in order.
import type { Duplex } from 'node:stream';
import { MARKER, parseMarker } from '../marker.ts';
import type { Ballot } from '../model.ts';
import { bytesOf, type Reply, ReplyScanner } from '../resp/replies.ts';
import { decode, encode, RespError, type Value } from '../resp/values.ts';

/** The stream ended before all replies were there. */
class Lost extends Error {}

/** Takes the replies; `undefined` = the stream ended before all of them were there. */
type Taker = (replies: Reply[] | undefined) => void;
interface Waiting {
  want: number;
  got: Reply[];
  since: number;
  take: Taker;
}

const ROLE = encode(['ROLE']);
const LAST = encode(['FCALL_RO', 'tw_last', 0]);
/** Bytes that are copied together into one write; more of them are written piece by piece. */
const COPIED = 64 << 10;

export class Upstream {
  readonly #stream: Duplex;
  readonly #scanner: ReplyScanner = new ReplyScanner();
  readonly #waiting: Waiting[] = [];
  closed = false;
  /** What the marker said at the start; 0 = there is none. */
  epoch: Ballot = 0;
  w = 0;
  /** Copies that followed at the start. */
  copies = 0;
  /** A peer confirms writes, not a copy. */
  confirms = false;
  /** `WAIT w` (or a question for the last own entry) and `ROLE`, ready to be sent. */
  tail: Buffer = Buffer.alloc(0);
  /** How long the handshake took, milliseconds: one round trip. */
  trip = 0;
  /** Hears once that the stream has ended. */
  onClose: () => void = () => undefined;

  private constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', () => undefined);
    stream.on('close', () => this.#end());
    stream.on('end', () => this.close());
  }

  /** Logs in and reads the marker. Throws Lost, or an Error with what Redis answered. */
  static async open(
    stream: Duplex,
    o: { user: string; password: string; ackMs: number; db: string; confirms?: boolean },
  ): Promise<Upstream> {
    const up = new Upstream(stream);
    const hello = [['AUTH', o.user, o.password], ['FCALL_RO', MARKER, 0], ['SELECT', o.db], ['ROLE']].map(encode);
    const from = performance.now();
    try {
      const [auth, marker, select, role = null] = (await up.send(hello, 4)).map((r) => decode(bytesOf(r)));
      for (const said of [auth, select]) if (said instanceof RespError) throw new Error(said.text);
      Object.assign(up, markIn(marker));
      up.confirms = o.confirms === true;
      up.tail = Buffer.concat([up.confirms ? LAST : encode(['WAIT', up.w, o.ackMs]), ROLE]);
      up.copies = copiesIn(role);
      up.trip = performance.now() - from;
      return up;
    } catch (error) {
      up.close();
      throw error;
    }
  }

  /** How long the oldest of what was posted has waited, milliseconds; 0 = nothing waits. */
  get silence(): number {
    const [first] = this.#waiting;
    return first === undefined ? 0 : performance.now() - first.since;
  }

  /** Sends; `take` gets so many replies, or `undefined` when the stream ends before. */
  post(bytes: readonly Buffer[], want: number, take: Taker): void {
    if (this.closed) {
      take(undefined);
      return;
    }
    this.#waiting.push({ want, got: [], since: performance.now(), take });
    const size = bytes.reduce((n, b) => n + b.length, 0);
    if (size <= COPIED) {
      this.#stream.write(Buffer.concat(bytes, size));
      return;
    }
    this.#stream.cork();
    for (const b of bytes) this.#stream.write(b);
    this.#stream.uncork();
  }

  /** As `post`. Rejects with Lost. */
  send(bytes: readonly Buffer[], want: number): Promise<Reply[]> {
    return new Promise((resolve, reject) => {
      this.post(bytes, want, (got) => (got === undefined ? reject(new Lost('the connection ended')) : resolve(got)));
    });
  }

  close(): void {
    this.#stream.destroy();
    this.#end();
  }

  #take(chunk: Buffer): void {
    let replies: Reply[];
    try {
      replies = this.#scanner.push(chunk);
    } catch {
      this.close();
      return;
    }
    for (const r of replies) {
      const [first] = this.#waiting;
      if (first === undefined) return;
      first.got.push(r);
      if (first.got.length < first.want) continue;
      this.#waiting.shift();
      first.take(first.got);
    }
  }

  #end(): void {
    if (this.closed) return;
    this.closed = true;
    for (const w of this.#waiting.splice(0)) w.take(undefined);
    this.onClose();
  }
}

function markIn(said: Value | undefined): { epoch: Ballot; w: number } {
  return (Buffer.isBuffer(said) ? parseMarker(said.toString()) : undefined) ?? { epoch: 0, w: 0 };
}

/** What ROLE said: of a primary or of a replica whose link is up, where its log ends. */
export function roleOf(r: Reply | undefined): { primary: boolean; offset: number } | undefined {
  if (r === undefined || r.type !== 42) return undefined;
  const text = bytesOf(r).toString('latin1', 0, 200);
  const master = /^\*3\r\n\$6\r\nmaster\r\n:(\d+)/.exec(text)?.[1];
  if (master !== undefined) return { primary: true, offset: Number(master) };
  const slave = /^\*5\r\n\$5\r\nslave\r\n[^:]*(?::[^:]*)*:(-?\d+)\r\n$/.exec(text)?.[1];
  return slave === undefined ? undefined : { primary: false, offset: Number(slave) };
}

/** Copies that follow this primary now and are in step. Throws Lost; 0 when it is no primary. */
export async function copiesOf(up: Upstream): Promise<number> {
  const [said] = await up.send([ROLE], 1);
  return said === undefined ? 0 : copiesIn(decode(bytesOf(said)));
}
function copiesIn(role: Value): number {
  const copies = Array.isArray(role) && String(role[0]) === 'master' ? role[2] : undefined;
  return Array.isArray(copies) ? copies.length : 0;
}

/** An integer reply; undefined for anything else (WAIT says `-UNBLOCKED` at a demotion). */
export function integerOf(r: Reply | undefined): number | undefined {
  return r?.type === 58 ? Number(bytesOf(r).toString('latin1', 1)) : undefined;
}

/** A bulk string as text; undefined for anything else. */
export function textOf(r: Reply | undefined): string | undefined {
  const value = r?.type === 36 ? decode(bytesOf(r)) : undefined;
  return Buffer.isBuffer(value) ? value.toString() : undefined;
}

/** First word of an error reply; undefined for anything else. */
export function errorOf(r: Reply | undefined): string | undefined {
  return r?.type === 45 ? /^-(\S*)/.exec(bytesOf(r).toString('latin1', 0, 64))?.[1] : undefined;
}
