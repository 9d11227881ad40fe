// RESP2 values to and from bytes, for short messages; the data path uses the scanners.

/** An error reply; `text` without the leading minus. */
export class RespError {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A simple string and a bulk string are both a Buffer; numbers above 2^53 keep their digits as bigint. */
export type Value = Buffer | number | bigint | null | RespError | readonly Value[];

/** A command as RESP array of bulk strings. */
export function encode(args: readonly (string | Buffer | number | bigint)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** A value as reply: strings as bulk, `{ simple }` as simple string. */
export function reply(value: Value | string | { simple: string }): Buffer {
  if (value === null) return Buffer.from('$-1\r\n');
  if (typeof value === 'number' || typeof value === 'bigint') return Buffer.from(`:${value}\r\n`);
  if (value instanceof RespError) return Buffer.from(`-${value.text.replaceAll(/[\r\n]/g, ' ')}\r\n`);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from(`*${value.length}\r\n`), ...value.map(reply)]);
  if (typeof value === 'object' && 'simple' in value) return Buffer.from(`+${value.simple}\r\n`);
  const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Buffer);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}

function integer(text: string): number | bigint {
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : BigInt(text);
}

/** The value that the bytes are, whole. Throws RangeError when they are not exactly one reply. */
export function decode(bytes: Buffer): Value {
  const { value, next } = valueAt(bytes, 0, 0);
  if (next !== bytes.length) throw new RangeError('bytes after the reply');
  return value;
}

interface Found {
  value: Value;
  next: number;
}

function valueAt(bytes: Buffer, p: number, depth: number): Found {
  const end = bytes.indexOf('\r\n', p);
  if (end < 0 || depth > 64) throw new RangeError('reply is not whole, or too deep');
  const text = bytes.toString('utf8', p + 1, end);
  const next = end + 2;
  switch (bytes[p] ?? 0) {
    case 43:
      return { value: Buffer.from(text), next };
    case 45:
      return { value: new RespError(text), next };
    case 58:
      return { value: integer(text), next };
    case 36:
      return bulkAt(bytes, next, Number(text));
    case 42:
      return arrayAt(bytes, { next, n: Number(text), depth });
    default:
      throw new RangeError(`no reply starts with byte ${bytes[p]}`);
  }
}

function bulkAt(bytes: Buffer, p: number, n: number): Found {
  if (n < 0) return { value: null, next: p };
  if (p + n + 2 > bytes.length) throw new RangeError('reply is not whole');
  return { value: bytes.subarray(p, p + n), next: p + n + 2 };
}

function arrayAt(bytes: Buffer, a: { next: number; n: number; depth: number }): Found {
  if (a.n < 0) return { value: null, next: a.next };
  const items: Value[] = [];
  let { next } = a;
  for (let i = 0; i < a.n; i++) {
    const item = valueAt(bytes, next, a.depth + 1);
    items.push(item.value);
    next = item.next;
  }
  return { value: items, next };
}
