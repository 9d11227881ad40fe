// One segment with one Redis: what is sent behind it, and what its replies are worth.
import type { Reply } from '../resp/replies.ts';
import { encode } from '../resp/values.ts';
import { type CommandTable, classOf, touchesReserved } from './commands.ts';
import { noQuorum, type Own, ownAnswer, UNKNOWN } from './says.ts';
import type { Command, Item } from './transaction.ts';
import { errorOf, integerOf, Lost, roleOf, type Upstream } from './upstream.ts';

const ROLE = encode(['ROLE']);
const POSITION = Buffer.concat([encode(['FCALL_RO', 'tw_epoch', 0]), ROLE]);
/** Errors of a write that certainly changed nothing: it may be held as if it had not been sent. */
export const NOT_APPLIED: ReadonlySet<string> = new Set(['READONLY', 'NOREPLICAS', 'MASTERDOWN', 'LOADING']);

/** The command with its class, and the answer where the gateway has it itself. */
export function judge(table: CommandTable, c: Command, own: Own): Command | { refused: string } {
  const cls = classOf(table, c.name, c.args);
  if (cls === 'refused') return { refused: 'not for apps' };
  if (cls === 'own') {
    const queues = c.name === 'PING' || c.name === 'ECHO';
    return { ...c, fixed: ownAnswer(c.name, c.args, own), queues };
  }
  return touchesReserved(table, c.name, c.args)
    ? { refused: 'keys under tw: are reserved' }
    : { ...c, write: cls === 'write' };
}

export interface Exchanged {
  is: 'replies';
  replies: readonly Reply[];
  /** WAIT and ROLE say that `w` copies have it. */
  acked: boolean;
  /** End of the primary's log after it. */
  offset?: number;
}

const NOTHING: Exchanged = { is: 'replies', replies: [], acked: false };

/** Sends the items and, at the end of a segment, WAIT and ROLE; `lost` = the connection ended, anything may have happened. */
export async function exchange(
  up: Upstream,
  items: readonly Item[],
  ends: boolean,
): Promise<Exchanged | { is: 'lost' }> {
  const raws = items.flatMap((i) => (i.raw === undefined ? [] : [i.raw]));
  if (raws.length === 0) return NOTHING;
  const writes = items.some((i) => i.write);
  const tail = !ends ? [] : [writes ? up.tail : ROLE];
  const extra = !ends ? 0 : writes ? 2 : 1;
  try {
    const replies = await up.send(Buffer.concat([...raws, ...tail]), raws.length + extra);
    return { is: 'replies', replies, ...confirmed(up, replies.slice(raws.length)) };
  } catch (error) {
    if (error instanceof Lost) return { is: 'lost' };
    throw error;
  }
}

/** What WAIT (if there is one) and ROLE say. */
function confirmed(up: Upstream, tail: readonly Reply[]): Pick<Exchanged, 'acked' | 'offset'> {
  const role = roleOf(tail.at(-1));
  if (role?.primary !== true) return { acked: false };
  return { acked: (integerOf(tail[0]) ?? -1) >= up.w, offset: role.offset };
}

/** True when Redis refused every write of the segment before any effect (and there was one). */
export function untouched(items: readonly Item[], replies: readonly Reply[]): boolean {
  const sent = items.filter((i) => i.raw !== undefined);
  const writes = sent.flatMap((i, n) => (i.write ? [i.name === 'EXEC' ? '' : (errorOf(replies[n]) ?? '')] : []));
  return writes.length > 0 && writes.every((word) => NOT_APPLIED.has(word));
}

/** What the client gets for one reply. An error of Redis is true whether it was acknowledged or not. */
export function toClient(i: Item, got: Reply, acked: boolean): readonly Buffer[] {
  if (!i.write || acked) return got.parts;
  const word = errorOf(got);
  if (word === undefined) return [UNKNOWN];
  return NOT_APPLIED.has(word) ? [noQuorum('home refused it')] : got.parts;
}

/** Where the log of that Redis ends; undefined when it is gone. */
export async function positionOf(up: Upstream): Promise<{ epoch: number; offset: number } | undefined> {
  const [marker, role] = await up.send(POSITION, 2).catch(() => []);
  if (marker === undefined) return undefined;
  const epoch = Number(/\r\n(\d+):/.exec(String(marker.parts[0] ?? ''))?.[1] ?? 0);
  return { epoch, offset: roleOf(role)?.offset ?? -1 };
}
