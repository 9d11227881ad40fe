// One connection to a Redis, for one client.
import type { Duplex } from 'node:stream';
import { MARKER, parseMarker } from '../marker.ts';
import type { Ballot } from '../model.ts';
import { bytesOf, type Reply, ReplyScanner } from '../resp/replies.ts';
import { decode, encode, RespError } from '../resp/values.ts';

/** The stream ended before all replies were there. */
export class Lost extends Error {}

interface Waiting {
  want: number;
  got: Reply[];
  resolve: (replies: Reply[]) => void;
  reject: (error: Lost) => void;
}

export class Upstream {
  readonly #stream: Duplex;
  readonly #scanner: ReplyScanner = new ReplyScanner();
  #waiting: Waiting | undefined;
  closed = false;
  /** What the marker said at the start; 0 = there is none. */
  epoch: Ballot = 0;
  w = 0;
  /** Database that is selected. */
  db = '0';
  /** `WAIT w` and `ROLE`, ready to be sent. */
  tail: Buffer = Buffer.alloc(0);

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
    o: { user: string; password: string; ackMs: number; db: string },
  ): Promise<Upstream> {
    const up = new Upstream(stream);
    const hello = [encode(['AUTH', o.user, o.password]), encode(['FCALL_RO', MARKER, 0]), encode(['SELECT', o.db])];
    try {
      const [auth, marker, select] = (await up.send(Buffer.concat(hello), 3)).map((r) => decode(bytesOf(r)));
      for (const said of [auth, select]) if (said instanceof RespError) throw new Error(said.text);
      const mark = Buffer.isBuffer(marker) ? parseMarker(marker.toString()) : undefined;
      up.epoch = mark?.epoch ?? 0;
      up.w = mark?.w ?? 0;
      up.db = o.db;
      up.tail = Buffer.concat([encode(['WAIT', up.w, o.ackMs]), encode(['ROLE'])]);
      return up;
    } catch (error) {
      up.close();
      throw error;
    }
  }

  /** Sends and waits for so many replies; one call at a time. Rejects with Lost. */
  send(bytes: Buffer, want: number): Promise<Reply[]> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new Lost('closed'));
        return;
      }
      this.#waiting = { want, got: [], resolve, reject };
      this.#stream.write(bytes);
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
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    waiting.got.push(...replies);
    if (waiting.got.length < waiting.want) return;
    this.#waiting = undefined;
    waiting.resolve(waiting.got);
  }

  #end(): void {
    this.closed = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new Lost('the connection ended'));
  }
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

/** An integer reply; undefined for anything else (WAIT says `-UNBLOCKED` at a demotion). */
export function integerOf(r: Reply | undefined): number | undefined {
  return r?.type === 58 ? Number(bytesOf(r).toString('latin1', 1)) : undefined;
}

/** First word of an error reply; undefined for anything else. */
export function errorOf(r: Reply | undefined): string | undefined {
  return r?.type === 45 ? /^-(\S*)/.exec(bytesOf(r).toString('latin1', 0, 64))?.[1] : undefined;
}
