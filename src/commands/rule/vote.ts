import { fault, toJson } from '../../kernel/index.ts';
import { personOf } from '../access/machine/rights.ts';
import type { Approval, Vote } from '../access/model.ts';
import { policyOf } from '../access/policy.ts';
import { approvalOf, cast, waiting } from '../book/approvals.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import { lineOf } from '../line/machine/say.ts';
import type { Args, Outcome } from '../model.ts';
import { specOf } from '../table.ts';
import { line } from './rows.ts';

/** An approval that is not over: it waits for votes, or has them and nothing was done with it yet. */
export interface Pending extends Approval {
  /** What was asked, as it is typed, without `tw`. */
  what: string;
  /** Yes votes that it still needs. */
  missing: number;
}

const NOTHING_LEFT_OUT: ReadonlySet<string> = new Set();

function pendingOf(a: Approval): Pending {
  const yes = a.votes.filter((v) => v.says === 'yes').length;
  const what = lineOf(specOf(a.verb), a.args as Args, NOTHING_LEFT_OUT);
  return { ...a, what, missing: a.state === 'granted' ? 0 : Math.max(0, a.quorum - yes) };
}

/** What persons are asked to agree to now, oldest first. Throws TW1020. */
export async function approvalsNow(c: Context): Promise<Pending[]> {
  return (await waiting(c.book(), c.clock.now())).map(pendingOf);
}

/** Throws TW6112, TW6111, TW6116. The gate has checked the right to vote on this target. */
async function votes(c: Context, args: Args, says: Vote['says']): Promise<Outcome> {
  const now = c.clock.now();
  const id = args['approval'] as string;
  const policy = policyOf(await c.config());
  const person = policy === undefined ? undefined : personOf(policy, byOf(c));
  if (person === undefined) {
    await approvalOf(c.book(), id);
    throw fault('TW6111', { value: id, why: ['the config has no `people`: nothing needs a vote'] });
  }
  const because = args['because'] as string | undefined;
  const vote = { says, at: now, ...(because === undefined ? {} : { because }) };
  const a = await cast(c.book(), id, { person, vote, now });
  const yes = a.votes.filter((v) => v.says === 'yes').map((v) => v.person);
  const tone = { granted: 'ok', denied: 'bad', open: 'wait', used: 'off', void: 'off' } as const;
  const row = line(a.id, tone[a.state], `approval ${a.id} is ${a.state}`, {
    of: `${a.verb} ${a.app ?? 'the fleet'}`,
    by: a.requester,
    votes: `${yes.length} of ${a.quorum}`,
    yes: yes.join(', '),
  });
  return { data: toJson(a), view: { at: now, rows: [row] } };
}

export const approve = (c: Context, args: Args): Promise<Outcome> => votes(c, args, 'yes');
export const deny = (c: Context, args: Args): Promise<Outcome> => votes(c, args, 'no');
