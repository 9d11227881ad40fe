// RESP2 requests as Redis reads them (networking.c, processMultibulkBuffer and processInlineBuffer), found without
// copying: the arguments are views of the chunk. Stricter than Redis in one thing: every line and every bulk ends in
// CRLF, so that nobody can read another request out of the same bytes than we did.
import { encode } from './values.ts';

/** One command. `raw` is its RESP array, also when it came inline; all of it are views that stay valid. */
export class Request {
  readonly raw: Buffer;
  /** Where each argument starts and ends in `raw`. */
  readonly #ends: readonly number[];
  #args: readonly Buffer[] | undefined;
  #name: string | undefined;

  constructor(raw: Buffer, ends: readonly number[]) {
    this.raw = raw;
    this.#ends = ends;
  }

  /** In capitals. */
  get name(): string {
    this.#name ??= this.raw.toString('latin1', this.#ends[0] ?? 0, this.#ends[1] ?? 0).toUpperCase();
    return this.#name;
  }

  /** How many arguments there are, the name too. */
  get length(): number {
    return this.#ends.length / 2;
  }

  /** Views of the arguments; made when they are asked for, which few commands need. */
  get args(): readonly Buffer[] {
    this.#args ??= Array.from({ length: this.length }, (_, i) =>
      this.raw.subarray(this.#ends[2 * i] ?? 0, this.#ends[2 * i + 1] ?? 0),
    );
    return this.#args;
  }

  /** What comes behind argument `i`, a view too. */
  after(i: number): Buffer {
    return this.raw.subarray((this.#ends[2 * i + 1] ?? this.raw.length - 2) + 2);
  }

  /** True when argument `i` is there and starts with these bytes. */
  startsWith(i: number, bytes: Buffer): boolean {
    const [from, to] = [this.#ends[2 * i] ?? 0, this.#ends[2 * i + 1] ?? 0];
    if (to - from < bytes.length) return false;
    for (let k = 0; k < bytes.length; k++) if (this.raw[from + k] !== bytes[k]) return false;
    return true;
  }
}

/** The command as it would have come as an array. */
function requestOf(args: readonly Buffer[]): Request {
  const ends: number[] = [];
  let at = `*${args.length}\r\n`.length;
  for (const a of args) {
    at += `$${a.length}\r\n`.length;
    ends.push(at, at + a.length);
    at += a.length + 2;
  }
  return new Request(encode(args), ends);
}

export interface RequestLimits {
  /** Arguments of one command. */
  args: number;
  /** Bytes of one argument. */
  bulk: number;
  /** Bytes of one command. */
  total: number;
  /** Bytes of an inline command. */
  inline: number;
}
const LIMITS: RequestLimits = { args: 1 << 20, bulk: 64 << 20, total: 64 << 20, inline: 64 << 10 };

/** The bytes are no requests; the connection has to be closed after this text. Commands before it are in `before`. */
export class ProtocolError extends Error {
  readonly before: readonly Request[];
  constructor(text: string, before: readonly Request[] = []) {
    super(`Protocol error: ${text}`);
    this.before = before;
  }
}

const EMPTY = Buffer.alloc(0);
const [CR, LF, STAR, DOLLAR] = [13, 10, 42, 36];
/** Digits of a length, its sign and type byte, CRLF. */
const HEADER = 32;

/** The whole number in these bytes. */
function digits(buf: Buffer, from: number, to: number, wrong: string): number {
  const negative = buf[from] === 45;
  const start = negative ? from + 1 : from;
  if (start === to || to - start > 15) throw new ProtocolError(wrong);
  let n = 0;
  for (let i = start; i < to; i++) {
    const digit = (buf[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) throw new ProtocolError(wrong);
    n = n * 10 + digit;
  }
  return negative ? -n : n;
}

/** A length line at `p` (its type byte): the number and where the next byte is, or `undefined` while it is not whole. */
function lengthAt(buf: Buffer, p: number, wrong: string): { n: number; next: number } | undefined {
  const end = buf.indexOf(CR, p + 1);
  if ((end < 0 ? buf.length : end) - p > HEADER) throw new ProtocolError(wrong);
  if (end < 0 || end + 1 >= buf.length) return undefined;
  if (buf[end + 1] !== LF) throw new ProtocolError(wrong);
  return { n: digits(buf, p + 1, end, wrong), next: end + 2 };
}

/** A word of sdssplitargs: plain text, then perhaps one quoted part, which must end it. NUL ends the line. */
const WORD = /([^ \t\n\r\v\f\0"']*)(?:"((?:\\[^]|[^"\\])*)"|'((?:\\'|\\(?!')|[^'\\])*)')?(?=[ \t\n\r\v\f\0]|$)/y;
const GAP = /[ \t\n\r\v\f]*/y;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

const unescape = (s: string): string =>
  s.replaceAll(/\\(?:x([0-9a-fA-F]{2})|([^]))/g, (_, hex: string | undefined, c: string) =>
    hex === undefined ? (ESCAPES[c] ?? c) : String.fromCharCode(Number.parseInt(hex, 16)),
  );

/** Words of an inline command, by the rules of sdssplitargs (escapes count inside quotes only). */
function words(line: string): string[] {
  const found: string[] = [];
  for (let at = 0; ; ) {
    GAP.lastIndex = at;
    at += GAP.exec(line)?.[0].length ?? 0;
    if (at >= line.length || line[at] === '\0') return found;
    WORD.lastIndex = at;
    const m = WORD.exec(line);
    if (m === null) throw new ProtocolError('unbalanced quotes in request');
    found.push(`${m[1]}${unescape(m[2] ?? '')}${(m[3] ?? '').replaceAll("\\'", "'")}`);
    at = WORD.lastIndex;
  }
}

/** Finds the commands in a stream of bytes. */
export class RequestScanner {
  readonly #limits: RequestLimits;
  /** Bytes from the start of the command that is not whole yet. */
  #rest: Buffer = EMPTY;
  #chunks: Buffer[] = [];
  #have = 0;
  /** Bytes that must be there before another look is worth it. */
  #need = 0;
  /** The command that is not whole: arguments expected (-1 = not known yet), where they start and end, how far we are. */
  #count = -1;
  #ends: number[] = [];
  #at = 0;

  constructor(limits: Partial<RequestLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Bytes of a command that is not whole yet. */
  get pending(): number {
    return this.#rest.length + this.#have;
  }

  /** The commands that are whole now. Throws ProtocolError; the scanner is of no use after it. */
  push(chunk: Buffer): Request[] {
    const buf = this.#gather(chunk);
    if (buf === undefined) return [];
    const found: Request[] = [];
    let start = 0;
    try {
      while (start < buf.length) {
        const next = buf[start] === STAR ? this.#array(buf, start, found) : this.#inline(buf, start, found);
        if (next < 0) break;
        start = next;
      }
    } catch (error) {
      if (error instanceof ProtocolError) throw new ProtocolError(error.message.replace('Protocol error: ', ''), found);
      throw error;
    }
    this.#rest = start === buf.length ? EMPTY : buf.subarray(start);
    return found;
  }

  #gather(chunk: Buffer): Buffer | undefined {
    if (this.#rest.length === 0 && this.#have === 0) return chunk;
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#rest.length + this.#have < this.#need) return undefined;
    const buf = Buffer.concat([this.#rest, ...this.#chunks]);
    this.#chunks = [];
    this.#have = 0;
    return buf;
  }

  /** Takes the array command at `start`; where the next one starts, or -1 while it is not whole. */
  #array(buf: Buffer, start: number, found: Request[]): number {
    if (this.#count < 0 && !this.#begin(buf, start)) return -1;
    while (this.#ends.length < this.#count * 2) {
      if (!this.#bulk(buf, start)) return -1;
    }
    const end = start + this.#at;
    if (this.#count > 0) found.push(new Request(buf.subarray(start, end), this.#ends));
    this.#count = -1;
    this.#ends = [];
    this.#need = 0;
    return end;
  }

  #begin(buf: Buffer, start: number): boolean {
    const head = lengthAt(buf, start, 'invalid multibulk length');
    if (head === undefined) {
      this.#need = 0;
      return false;
    }
    if (head.n > this.#limits.args) throw new ProtocolError('invalid multibulk length');
    this.#count = Math.max(0, head.n);
    this.#at = head.next - start;
    return true;
  }

  #bulk(buf: Buffer, start: number): boolean {
    const p = start + this.#at;
    // The first byte tells already whether it is one: a fault is said at once, however the bytes are cut.
    this.#need = this.#at + 1;
    if (p >= buf.length) return false;
    if (buf[p] !== DOLLAR) throw new ProtocolError(`expected '$', got '${String.fromCharCode(buf[p] ?? 0)}'`);
    const head = lengthAt(buf, p, 'invalid bulk length');
    if (head === undefined) {
      this.#need = buf.length - start + 1;
      return false;
    }
    const end = head.next + head.n;
    this.#check(head.n, end - start);
    this.#need = end + 2 - start;
    if (end + 2 > buf.length) return false;
    if (buf[end] !== CR || buf[end + 1] !== LF) throw new ProtocolError('bulk without its end');
    this.#ends.push(head.next - start, end - start);
    this.#at = end + 2 - start;
    return true;
  }

  #check(bulk: number, total: number): void {
    if (bulk < 0 || bulk > this.#limits.bulk || total > this.#limits.total)
      throw new ProtocolError('invalid bulk length');
  }

  #inline(buf: Buffer, start: number, found: Request[]): number {
    const end = buf.indexOf(LF, start);
    if ((end < 0 ? buf.length : end) - start > this.#limits.inline) throw new ProtocolError('too big inline request');
    if (end < 0) return -1;
    const args = words(buf.toString('latin1', start, end)).map((w) => Buffer.from(w, 'latin1'));
    if (args.length > 0) found.push(requestOf(args));
    return end + 1;
  }
}
