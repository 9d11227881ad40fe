// One segment with one Redis: what is sent behind it, and what its replies are worth.

import { rewrite } from '../active/commands.ts';
import { bytesOf, type Reply } from '../resp/replies.ts';
import type { Request } from '../resp/requests.ts';
import { encode, RespError, reply } from '../resp/values.ts';
import { type Rule, type Rulebook, touchesReserved } from './commands.ts';
import { FULL, full, noQuorum, type Own, ownAnswer, type Room, UNKNOWN } from './says.ts';
import type { Token } from './tokens.ts';
import type { Command, Item } from './transaction.ts';
import { errorOf, integerOf, roleOf, textOf, type Upstream } from './upstream.ts';

const ROLE = encode(['ROLE']);
const MARK = encode(['FCALL_RO', 'tw_epoch', 0]);
/** Errors of a write that certainly changed nothing: it may be held as if it had not been sent. */
export const NOT_APPLIED: ReadonlySet<string> = new Set([
  'READONLY',
  'NOREPLICAS',
  'MASTERDOWN',
  'LOADING',
  'TWCLOSED',
]);
/** Where every cluster takes writes: reads that reach beyond the data of the app. */
const BEYOND: ReadonlySet<string> = new Set(['EVAL_RO', 'FCALL_RO', 'EVALSHA_RO']);

/** The command with its class, and the answer where the gateway has it itself. */
export function judge(book: Rulebook, r: Request, own: Own, active: boolean): Command | { refused: string } {
  const rule = book.of(r);
  const { name, raw } = r;
  if (rule.cls === 'refused') return { refused: 'not for apps' };
  if (rule.cls === 'own') {
    const queues = name === 'PING' || name === 'ECHO';
    return { name, raw, write: false, shared: true, fixed: ownAnswer(name, r.args, own), queues };
  }
  if (touchesReserved(r, rule)) return { refused: 'keys under tw: are reserved' };
  if (active) return judgeActive(r, rule);
  const plain = { name, raw, write: rule.cls === 'write', shared: rule.shared };
  return name === 'SELECT' ? { ...plain, db: String(r.args[1] ?? '0') } : plain;
}

/** Where every cluster takes writes: a write becomes a call of the library, or is refused; there is one database. */
function judgeActive(r: Request, rule: Rule): Command | { refused: string } {
  const { name, raw } = r;
  const read = { name, raw, write: false, shared: rule.shared };
  if (rule.blocking || BEYOND.has(name)) return { refused: 'not where every cluster takes writes; use single-writer' };
  if (name === 'SELECT' && String(r.args[1]) !== '0') return { refused: 'there is one database, 0; use single-writer' };
  if (rule.cls === 'read') return name === 'SELECT' ? { ...read, db: '0' } : read;
  const to = rewrite(r);
  if ('refused' in to) return to;
  if ('wrong' in to) return { ...read, fixed: reply(new RespError(to.wrong)) };
  return { name, raw: to.raw, write: true, shared: true };
}

/** What is asked at the end of what goes to a Redis. */
export type Tail = 'write' | 'read' | 'copy' | 'none';
const TAILS: Readonly<Record<Tail, { replies: number; bytes(up: Upstream): readonly Buffer[] }>> = {
  /** WAIT and ROLE; or the last own entry and ROLE. */
  write: { replies: 2, bytes: (up) => [up.tail] },
  read: { replies: 1, bytes: () => [ROLE] },
  /** Marker and ROLE: where the log of a copy ends. */
  copy: { replies: 2, bytes: () => [MARK, ROLE] },
  none: { replies: 0, bytes: () => [] },
};

export interface Exchanged {
  is: 'replies';
  replies: readonly Reply[];
  /** WAIT and ROLE say that `w` copies have it. */
  acked: boolean;
  /** End of that Redis' log after it. */
  at?: Token;
  /** Where a peer has to confirm it: the own entry that it has to have. */
  own?: string;
}
/** `lost`: the connection ended, anything may have happened. `unsent`: it never left. */
export type Arrival = Exchanged | { is: 'lost' } | { is: 'unsent' };

/** Posts commands with a tail behind them. */
export function post(up: Upstream, raws: readonly Buffer[], tail: Tail, done: (a: Arrival) => void): void {
  const { replies, bytes } = TAILS[tail];
  up.post([...raws, ...bytes(up)], raws.length + replies, (got) => {
    if (got === undefined) done({ is: 'lost' });
    else done({ is: 'replies', replies: got, ...confirmed(up, tail, got.slice(raws.length)) });
  });
}

/** What the tail says. */
function confirmed(up: Upstream, tail: Tail, said: readonly Reply[]): Pick<Exchanged, 'acked' | 'at' | 'own'> {
  const role = roleOf(said.at(-1));
  if (tail === 'copy') return { acked: true, at: { epoch: epochIn(said[0]), offset: role?.offset ?? -1 } };
  if (role?.primary !== true) return { acked: false };
  const at = { epoch: up.epoch, offset: role.offset };
  if (tail !== 'write') return { acked: false, at };
  if (!up.confirms) return { acked: (integerOf(said[0]) ?? -1) >= up.w, at };
  const own = textOf(said[0]);
  return own === undefined ? { acked: false, at } : { acked: false, at, own };
}
/** What the marker said; 0 = nothing. */
const epochIn = (r: Reply | undefined): number =>
  r === undefined ? 0 : Number(/\r\n(\d+):/.exec(bytesOf(r).toString('latin1'))?.[1] ?? 0);

/** Sends the items of a client's own connection; WAIT and ROLE come at the end of a transaction. */
export async function exchange(up: Upstream, items: readonly Item[], ends: boolean): Promise<Arrival> {
  const raws = items.flatMap((i) => (i.raw === undefined ? [] : [i.raw]));
  if (raws.length === 0) return { is: 'replies', replies: [], acked: false };
  const tail = !ends ? 'none' : items.some((i) => i.write) ? 'write' : 'read';
  return await new Promise((resolve) => post(up, raws, tail, resolve));
}

/** True when Redis refused every write of the segment before any effect (and there was one). */
export function untouched(items: readonly Item[], replies: readonly Reply[]): boolean {
  const sent = items.filter((i) => i.raw !== undefined);
  const writes = sent.flatMap((i, n) => (i.write ? [i.name === 'EXEC' ? '' : (errorOf(replies[n]) ?? '')] : []));
  return writes.length > 0 && writes.every((word) => NOT_APPLIED.has(word));
}

/** Redis refused it for want of room. */
export const isFull = (r: Reply): boolean => r.type === 45 && FULL.has(errorOf(r) ?? '');

/** What the client gets for one reply. An error of Redis is true whether it was acknowledged or not. */
export function toClient(
  i: Pick<Item, 'write'>,
  got: Reply,
  x: { acked: boolean; room: Room | undefined },
): readonly Buffer[] {
  const word = errorOf(got);
  if (word !== undefined && FULL.has(word)) return [full(word, x.room)];
  if (!i.write || x.acked) return got.parts;
  if (word === undefined) return [UNKNOWN];
  return NOT_APPLIED.has(word) ? [noQuorum('home refused it')] : got.parts;
}
