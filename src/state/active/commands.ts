// What an app may write where every cluster takes writes: the one table that the gateway, the plan and the tests use.
import type { Request } from '../resp/requests.ts';
import { encode } from '../resp/values.ts';

interface Convergent {
  /** As Redis counts them: the name too, negative = at least so many. */
  arity: number;
  /** Every argument is a key; else only the first one. */
  keys?: 'all';
  /** Options after the plain form that are let through, each with one argument. */
  options?: readonly string[];
  /** Most arguments of the plain form, the name too; absent = any number. */
  plain?: number;
}

const EXPIRE: Convergent = { arity: -3, plain: 3 };
/** Commands that write and converge; each is a function `tw_<name>` of the library. */
const TABLE: Readonly<Record<string, Convergent>> = {
  RPUSH: { arity: -3 },
  LPUSH: { arity: -3 },
  SET: { arity: -3, plain: 3, options: ['EX', 'PX'] },
  SETEX: { arity: 4 },
  PSETEX: { arity: 4 },
  INCR: { arity: 2 },
  INCRBY: { arity: 3 },
  DECR: { arity: 2 },
  DECRBY: { arity: 3 },
  HSET: { arity: -4 },
  HDEL: { arity: -3 },
  HINCRBY: { arity: 4 },
  SADD: { arity: -3 },
  SREM: { arity: -3 },
  DEL: { arity: -2, keys: 'all' },
  UNLINK: { arity: -2, keys: 'all' },
  EXPIRE,
  PEXPIRE: EXPIRE,
  EXPIREAT: EXPIRE,
  PEXPIREAT: EXPIRE,
  PERSIST: { arity: 2 },
};
export const CONVERGENT: readonly string[] = Object.keys(TABLE);

const WHY = 'not convergent; use single-writer';

/** What is sent instead of a write: a call of the library. `refused` = why it is not sent, `wrong` = Redis' own words. */
export type Rewritten = { raw: Buffer } | { refused: string } | { wrong: string };

export function rewrite(r: Request): Rewritten {
  const row = TABLE[r.name];
  if (row === undefined) return { refused: WHY };
  const few = row.arity < 0 ? r.length < -row.arity : r.length !== row.arity;
  if (few) return { wrong: `ERR wrong number of arguments for '${r.name.toLowerCase()}' command` };
  const option = notAllowed(r, row);
  if (option !== undefined) return { refused: `with ${option} ${WHY}` };
  const head = ['FCALL', `tw_${r.name.toLowerCase()}`, row.keys === 'all' ? r.length - 1 : 1];
  // Keys and arguments follow in the order they have.
  const bytes = encode(head)
    .toString('latin1')
    .replace('*3', `*${r.length + 2}`);
  return { raw: Buffer.concat([Buffer.from(bytes, 'latin1'), r.after(0)]) };
}

/** The first option that does not converge; what is no option of Redis is left to Redis. */
function notAllowed(r: Request, row: Convergent): string | undefined {
  const { plain, options = [] } = row;
  if (plain === undefined || r.length <= plain) return undefined;
  const words = r.args.slice(plain).map((a) => a.toString('latin1').toUpperCase());
  return words.find((w, i) => /^[A-Z]+$/.test(w) && !options.includes(w) && !options.includes(words[i - 1] ?? ''));
}
