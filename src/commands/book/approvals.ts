import { fault, type Store } from '../../kernel/index.ts';
import {
  boundOf,
  isOver,
  movedSince,
  opened,
  type Question,
  standing,
  usable,
  vote,
  wishOf,
} from '../access/machine/approval.ts';
import type { Approval, ApprovalRule, Person, Vote } from '../access/model.ts';
import { all, amend } from './amend.ts';

const PREFIX = 'approval/';
const keyOf = (id: string): string => `${PREFIX}${id}`;

export const approvals = (store: Store): Promise<Approval[]> => all<Approval>(store, PREFIX);

/** Throws TW6112. */
export async function approvalOf(store: Store, id: string): Promise<Approval> {
  const { value } = await store.get(keyOf(id.replace(/^#/, '')));
  if (value !== undefined) return value as unknown as Approval;
  const open = (await approvals(store)).filter((a) => a.state === 'open').map((a) => a.id);
  throw fault('TW6112', {
    value: id,
    why: [open.length === 0 ? 'nothing waits for approval' : `open: ${open.join(', ')}`],
  });
}

const live = (a: Approval, now: number): boolean => (a.state === 'open' || a.state === 'granted') && !isOver(a, now);

/** The same wish with another plan: what was approved then is void now. Returns what moved, of a granted one first. */
async function voidOthers(store: Store, q: Question, now: number): Promise<string | undefined> {
  const wish = wishOf(q);
  const bound = boundOf(q);
  const others = (await approvals(store)).filter((a) => a.wish === wish && a.bound !== bound && live(a, now));
  for (const a of others)
    await amend<Approval>(store, keyOf(a.id), (x) => ({
      ...(x ?? a),
      state: 'void',
      why: `moved: ${movedSince(a, q)}`,
    }));
  const first = others.find((a) => a.state === 'granted') ?? others[0];
  return first === undefined ? undefined : `${first.id} is void: ${movedSince(first, q)}`;
}

/** Asks again what time or a no has ended; what is open stays as it is. */
export async function open(
  store: Store,
  q: Question,
  x: { rule: ApprovalRule; now: number },
): Promise<{ approval: Approval; fresh: boolean; moved: string | undefined }> {
  const moved = await voidOthers(store, q, x.now);
  const wanted = opened(q, x.rule, x.now);
  let fresh = false;
  const approval = await amend<Approval>(store, keyOf(wanted.id), (a) => {
    fresh = a === undefined || !live(a, x.now);
    return fresh ? wanted : (a ?? wanted);
  });
  return { approval, fresh, moved };
}

/** Adds a vote. Throws TW6112, TW6111, TW6116. */
export async function cast(
  store: Store,
  id: string,
  x: { person: Person; vote: Omit<Vote, 'person'>; now: number },
): Promise<Approval> {
  const known = await approvalOf(store, id);
  return await amend<Approval>(store, keyOf(known.id), (now) => {
    const r = vote(now ?? known, x.person, x.vote, x.now);
    if ('approval' in r) return r.approval;
    throw fault(r.code as 'TW6111', { value: known.id, why: [r.why] });
  });
}

interface Use {
  question: Question;
  may: (person: string) => boolean;
  now: number;
}

/**
 * The approval, if it is good for exactly this question now; votes of persons that lost the right do not count. Throws
 * TW6110, TW6115, TW6116.
 */
export function good(approval: Approval, x: Use): Approval {
  const a = standing(approval, x.may);
  const no = usable(a, x.question, x.now);
  if (no !== undefined) throw fault(no.code as 'TW6110', { value: a.id, why: [no.why] });
  return a;
}

/** Takes the approval for what is done now: once. Throws TW6110, TW6112, TW6115, TW6116. */
export async function use(store: Store, id: string, x: Use): Promise<Approval> {
  return await amend<Approval>(store, keyOf(id), (now) => {
    if (now === undefined) throw fault('TW6112', { value: id });
    return { ...good(now, x), state: 'used' };
  });
}

/** What waits for votes now, oldest first. */
export async function waiting(store: Store, now: number): Promise<Approval[]> {
  const list = (await approvals(store)).filter((a) => live(a, now));
  return list.toSorted((a, b) => a.openedAt - b.openedAt);
}
