// Entries of real logs for the reference model. The payload is MessagePack as Redis' Lua writes it.
import type { Cell, Dot, Operation, Reset } from '../active/model/entry.ts';

type Packed = string | number | boolean | null | Packed[];

/** One value that fills the bytes; strings as latin1. Throws on maps, which no entry has. */
function unpacked(bytes: Buffer): Packed {
  let p = 0;
  const length = (width: number): number => {
    p += width;
    return bytes.readUIntBE(p - width, width);
  };
  const string = (n: number): string => bytes.toString('latin1', p, (p += n));
  const array = (n: number): Packed[] => Array.from({ length: n }, () => value());
  const BY: Readonly<Record<number, () => Packed>> = {
    0xc0: () => null,
    0xc2: () => false,
    0xc3: () => true,
    0xcb: () => bytes.readDoubleBE((p += 8) - 8),
    0xcc: () => length(1),
    0xcd: () => length(2),
    0xce: () => length(4),
    0xcf: () => Number(bytes.readBigUInt64BE((p += 8) - 8)),
    0xd0: () => bytes.readInt8((p += 1) - 1),
    0xd1: () => bytes.readInt16BE((p += 2) - 2),
    0xd2: () => bytes.readInt32BE((p += 4) - 4),
    0xd3: () => Number(bytes.readBigInt64BE((p += 8) - 8)),
    0xd9: () => string(length(1)),
    0xda: () => string(length(2)),
    0xdb: () => string(length(4)),
    0xdc: () => array(length(2)),
    0xdd: () => array(length(4)),
  };
  const value = (): Packed => {
    const type = bytes[p++] ?? 0xc1;
    if (type < 0x80) return type;
    if (type >= 0xe0) return type - 256;
    if (type >= 0xa0 && type < 0xc0) return string(type - 0xa0);
    if (type >= 0x90 && type < 0xa0) return array(type - 0x90);
    const read = BY[type];
    if (read === undefined) throw new RangeError(`type ${type}`);
    return read();
  };
  const all = value();
  if (p !== bytes.length) throw new RangeError('bytes behind the value');
  return all;
}

const inGroups = (flat: readonly Packed[], n: number): Packed[][] =>
  Array.from({ length: flat.length / n }, (_, i) => flat.slice(i * n, i * n + n));
const dots = (flat: Packed): Dot[] =>
  inGroups(flat as Packed[], 2).map(([o, n]) => ({ origin: String(o), n: Number(n) }));
const resets = (flat: Packed): Reset[] =>
  inGroups(flat as Packed[], 3).map(([o, last]) => ({ origin: String(o), last: Number(last) }));
const cellOf = ([kind, key, sub]: readonly Packed[]): Cell => ({
  kind: kind as Cell['kind'],
  key: String(key),
  sub: String(sub),
});

type Read = (op: readonly Packed[]) => Operation;
/** By the letter that an operation begins with. */
const OPERATIONS: Readonly<Record<string, Read>> = {
  w: ([, kind, key, sub, value, gone, reset]) => ({
    do: 'write',
    cell: cellOf([kind ?? null, key ?? null, sub ?? null]),
    value: String(value),
    dots: dots(gone ?? []),
    resets: resets(reset ?? []),
  }),
  r: ([, kind, key, sub, gone, reset]) => ({
    do: 'remove',
    cell: cellOf([kind ?? null, key ?? null, sub ?? null]),
    dots: dots(gone ?? []),
    resets: resets(reset ?? []),
  }),
  i: ([, kind, key, sub, by]) => {
    const [gen, , delta] = by as Packed[];
    const cell = cellOf([kind ?? null, key ?? null, sub ?? null]);
    return { do: 'add', cell, by: { gen: gen === false ? undefined : Number(gen), delta: Number(delta) } };
  },
  l: ([, key, side, values]) => ({
    do: 'push',
    key: String(key),
    side: side as 'L' | 'R',
    values: values as string[],
  }),
  d: ([, vector, keys, rows]) => ({
    do: 'delete',
    keys: keys as string[],
    vector: Object.fromEntries(dots(vector ?? []).map((d) => [d.origin, d.n])),
    resets: (rows as Packed[][]).map((r) => ({ cell: cellOf(r), reset: { origin: String(r[3]), last: Number(r[4]) } })),
  }),
};
function operation(op: readonly Packed[]): Operation {
  const read = OPERATIONS[String(op[0])];
  if (read === undefined) throw new RangeError(`operation ${String(op[0])}`);
  return read(op);
}

/** A beat (`b`) is about time only. */
export const operationsIn = (payload: Buffer): Operation[] =>
  (unpacked(payload) as Packed[][]).filter(([what]) => what !== 'b').map(operation);
