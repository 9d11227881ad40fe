import { fault, toJson } from '../../kernel/index.ts';
import { personOf } from '../access/machine/rights.ts';
import type { Vote } from '../access/model.ts';
import { policyOf } from '../access/policy.ts';
import { approvalOf, cast } from '../book/approvals.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { line } from './rows.ts';

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
