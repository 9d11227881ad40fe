// Seeded writes of apps over few keys, so that they meet each other: also wrong ones.
import type { Arg } from './active.ts';

/** Whole numbers below `n`, the same ones for the same seed (mulberry32). */
export type Chance = (n: number) => number;
export function chanceOf(seed: number): Chance {
  let a = seed >>> 0;
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}
export const pick = <T>(chance: Chance, of: readonly T[]): T => of[chance(of.length)] as T;

const KEYS: readonly Arg[] = ['a', 'b', 'c', Buffer.from([0, 255, 13, 10, 58]), ''];
const VALUES: readonly Arg[] = ['x', '7', '-3', '', '007', '9007199254740993', Buffer.from([200, 0, 10]), 'yy', '12'];
const SUBS: readonly Arg[] = ['f', 'g', 'h', '', Buffer.from([0, 254])];
const NUMBERS: readonly Arg[] = [
  '1',
  '-1',
  '5',
  '-12',
  '0',
  'no',
  '1.5',
  '',
  '9007199254740990',
  '99999999999999999999',
];
/** Of expiry: never near now, so that no run depends on how fast it is. */
const SECONDS: readonly Arg[] = ['1000', '500000', '-5', '0', 'soon', '99999999999999999999'];
const ENDS: readonly Arg[][] = [['EX', '1000'], ['ex', '-5'], ['px', '900000'], ['PX', 'soon'], ['EX']];
const AT: readonly Arg[] = ['4000000000', '4000000001', '5', '-1', 'x'];

const some = (chance: Chance, of: readonly Arg[]): Arg[] =>
  Array.from({ length: 1 + chance(4) }, () => pick(chance, of));
const pairs = (chance: Chance): Arg[] =>
  Array.from({ length: 1 + chance(3) }).flatMap(() => [pick(chance, SUBS), pick(chance, VALUES)]);

type Make = (c: Chance, key: Arg) => Arg[];
const WRITES: Readonly<Record<string, Make>> = {
  RPUSH: (c, k) => [k, ...some(c, VALUES)],
  LPUSH: (c, k) => [k, ...some(c, VALUES)],
  SET: (c, k) => [k, pick(c, VALUES), ...(c(3) > 0 ? [] : pick(c, ENDS))],
  SETEX: (c, k) => [k, pick(c, SECONDS), pick(c, VALUES)],
  PSETEX: (c, k) => [k, pick(c, ['900000', '0', 'no']), pick(c, VALUES)],
  INCR: (_, k) => [k],
  DECR: (_, k) => [k],
  INCRBY: (c, k) => [k, pick(c, NUMBERS)],
  DECRBY: (c, k) => [k, pick(c, NUMBERS)],
  HSET: (c, k) => [k, ...pairs(c), ...(c(12) === 0 ? ['odd'] : [])],
  HDEL: (c, k) => [k, ...some(c, SUBS)],
  HINCRBY: (c, k) => [k, pick(c, SUBS), pick(c, NUMBERS)],
  SADD: (c, k) => [k, ...some(c, SUBS)],
  SREM: (c, k) => [k, ...some(c, SUBS)],
  DEL: (c) => some(c, KEYS),
  UNLINK: (c, k) => [k],
  EXPIRE: (c, k) => [k, pick(c, SECONDS)],
  PEXPIRE: (c, k) => [k, pick(c, ['700000', '-1', 'no'])],
  EXPIREAT: (c, k) => [k, pick(c, AT)],
  PEXPIREAT: (c, k) => [k, pick(c, ['4000000000123', '4000000000999', '77'])],
  PERSIST: (_, k) => [k],
};
export const NAMES: readonly string[] = Object.keys(WRITES);

const times = (n: number, ...names: string[]): string[] => Array.from({ length: n }, () => names).flat();
/** What apps do most: every command; or one kind that now and then is removed or becomes another one. */
export const HABITS: readonly (readonly string[])[] = [
  NAMES,
  [...times(8, 'RPUSH', 'LPUSH'), 'DEL', 'EXPIRE', 'SADD', 'PERSIST'],
  [...times(5, 'INCR', 'DECR', 'INCRBY', 'DECRBY'), 'SET', 'DEL', 'EXPIRE', 'PERSIST'],
  [...times(4, 'HSET', 'HDEL'), ...times(6, 'HINCRBY'), 'DEL', 'UNLINK', 'EXPIREAT'],
  [...times(5, 'SADD', 'SREM'), 'DEL', 'PEXPIREAT', 'HSET', 'SET', 'RPUSH'],
];

/** One write of those names, all where none are given. */
export function randomWrite(chance: Chance, names: readonly string[] = NAMES): Arg[] {
  const name = pick(chance, names);
  return [name, ...(WRITES[name]?.(chance, pick(chance, KEYS)) ?? [])];
}
