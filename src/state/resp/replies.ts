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

const [CR, LF, MINUS, BULK, ARRAY] = [13, 10, 45, 36, 42];
/** Types whose line is all there is. */
const isLine = (type: number): boolean => type === 43 || type === 45 || type === 58;
/** Bytes of the longest line that gives a length. */
const HEADER = 32;

/** The whole number in `buf[from, to)`; NaN when there is none. */
function digits(buf: Buffer, from: number, to: number): number {
  if (to <= from || to - from > 15) return Number.NaN;
  let n = 0;
  for (let i = from; i < to; i++) {
    const digit = (buf[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    n = n * 10 + digit;
  }
  return n;
}
/** The length that `buf[from, to)` says (type byte, digits, CRLF); -1 = null. Throws RangeError when it says none. */
function lengthOf(buf: Buffer, from: number, to: number): number {
  const negative = buf[from + 1] === MINUS;
  const n = digits(buf, from + 1 + Number(negative), to - 2);
  if (buf[to - 2] !== CR || Number.isNaN(n) || (negative && n !== 1)) noReply(buf, from, to);
  return negative ? -1 : n;
}
function noReply(buf: Buffer, from: number, to: number): never {
  throw new RangeError(
    `this starts no reply: ${JSON.stringify(buf.toString('latin1', from, Math.min(to, from + 40)))}`,
  );
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
    const end = chunk.indexOf(LF, p);
    if (end < 0 || this.#line !== '') return this.#pieced(chunk, p, end);
    return this.#header(chunk, p, end + 1) ? -(end + 1) : end + 1;
  }

  /** A line that lies in several chunks. */
  #pieced(chunk: Buffer, p: number, end: number): number {
    const stop = end < 0 ? chunk.length : end + 1;
    if (this.#line.length < HEADER) this.#line += chunk.toString('latin1', p, Math.min(stop, p + HEADER));
    if (end < 0) return stop;
    const line = Buffer.from(this.#line, 'latin1');
    this.#line = '';
    return this.#header(line, 0, line.length) ? -stop : stop;
  }

  /** Takes a whole line; true when it ends a reply. */
  #header(buf: Buffer, from: number, to: number): boolean {
    const type = buf[from] ?? 0;
    if (this.#type === 0) this.#type = type;
    if (isLine(type)) return this.#valueDone();
    if (type !== BULK && type !== ARRAY) noReply(buf, from, to);
    const n = lengthOf(buf, from, to);
    if (type === BULK && n >= 0) this.#skip = n + 2;
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
