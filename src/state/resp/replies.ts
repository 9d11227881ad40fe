// Where the replies of a Redis end, in a stream of bytes: nothing is copied or decoded, deep arrays cost no stack.

/** One reply: its type byte and its bytes, as pieces of the chunks they came in. */
export interface Reply {
  /** `+` 43, `-` 45, `:` 58, `$` 36, `*` 42. */
  readonly type: number;
  readonly parts: readonly Buffer[];
}

/** Whole bytes of a reply. */
export function bytesOf(r: Reply): Buffer {
  const [first] = r.parts;
  return r.parts.length === 1 && first !== undefined ? first : Buffer.concat(r.parts);
}

export class ReplyScanner {
  readonly #maxDepth: number;
  /** Values that each open array still waits for. */
  #open: number[] = [];
  /** Bytes of a bulk string (and its CRLF) that are still to come. */
  #skip = 0;
  /** Start of a line whose end is in a later chunk; only what a length needs. */
  #line = '';
  #parts: Buffer[] = [];
  #type = 0;

  constructor(maxDepth = 1024) {
    this.#maxDepth = maxDepth;
  }

  /** The replies that are whole now. Throws RangeError when the bytes are no RESP2. */
  push(chunk: Buffer): Reply[] {
    const found: Reply[] = [];
    let start = 0;
    let p = 0;
    while (p < chunk.length) {
      const next = this.#step(chunk, p);
      p = Math.abs(next);
      if (next >= 0) continue;
      this.#parts.push(chunk.subarray(start, p));
      found.push({ type: this.#type, parts: this.#parts });
      this.#parts = [];
      this.#type = 0;
      start = p;
    }
    if (start < chunk.length) this.#parts.push(start === 0 ? chunk : chunk.subarray(start));
    return found;
  }

  /** Goes over one line or the rest of one bulk; the place behind it, negative when a reply ends there. */
  #step(chunk: Buffer, p: number): number {
    if (this.#skip > 0) {
      const n = Math.min(this.#skip, chunk.length - p);
      this.#skip -= n;
      return this.#skip === 0 && this.#valueDone() ? -(p + n) : p + n;
    }
    const end = chunk.indexOf(10, p);
    const stop = end < 0 ? chunk.length : end + 1;
    if (this.#line.length < 32) this.#line += chunk.toString('latin1', p, Math.min(stop, p + 32));
    if (end < 0) return stop;
    const line = this.#line;
    this.#line = '';
    return this.#header(line) ? -stop : stop;
  }

  /** Takes a whole line; true when it ends a reply. */
  #header(line: string): boolean {
    const type = line[0] ?? '';
    if (this.#type === 0) this.#type = line.charCodeAt(0);
    if ('+-:'.includes(type)) return this.#valueDone();
    const length = /^[$*](-1|\d{1,15})\r\n$/.exec(line)?.[1];
    if (length === undefined) throw new RangeError(`this starts no reply: ${JSON.stringify(line)}`);
    const n = Number(length);
    if (type === '$' && n >= 0) this.#skip = n + 2;
    else if (n > 0) this.#enter(n);
    else return this.#valueDone();
    return false;
  }

  #enter(n: number): void {
    if (this.#open.length >= this.#maxDepth) throw new RangeError('arrays are too deep');
    this.#open.push(n);
  }

  #valueDone(): boolean {
    while (this.#open.length > 0) {
      const top = this.#open.length - 1;
      this.#open[top] = (this.#open[top] ?? 1) - 1;
      if ((this.#open[top] ?? 0) > 0) return false;
      this.#open.pop();
    }
    return true;
  }
}
