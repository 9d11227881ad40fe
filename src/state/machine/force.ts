import type { ClusterName } from '../../kernel/index.ts';
import type { EpochValue, Look, Setup, StateTxn, StoreView } from '../model.ts';
import { carried, openBallot, votersOf } from './keys.ts';
import { decideTxn } from './txns.ts';

export type Forced =
  | { is: 'epoch'; value: EpochValue; txn: StateTxn; behind: readonly string[] }
  | { is: 'refused'; why: string };

/** What a voter was known to have: for the person who decides what is given up. */
function lastOf(view: StoreView, c: ClusterName): string {
  const run = view.runs[c]?.value;
  const told = view.fences[c];
  if (told !== undefined && told.at !== 'none') return `${c}: epoch ${told.at.epoch}, offset ${told.at.offset}`;
  return run === undefined || run.run === '' ? `${c}: nothing provable` : `${c}: was in step in epoch ${run.epoch}`;
}

/** Why this process cannot be decided for now. */
function refusal(view: StoreView, x: { to: ClusterName; look: Look }): string | undefined {
  const ballot = openBallot(view);
  if (ballot === undefined) return `${view.epoch?.value.primary ?? 'nobody'} is home: use a move`;
  const fenced = view.fences[x.to]?.ballot === ballot.n && x.look.role === 'fenced';
  if (!fenced) return `${x.to} is not fenced for ballot ${ballot.n} yet`;
  return x.look.loading || x.look.syncing ? `${x.to} still loads its data` : undefined;
}

/**
 * Rule 12: a person decides what no majority of copies can prove. Only the ballot that waits is decided, and only for
 * the process that was fenced in it; what the others acknowledged beyond that is lost.
 */
export function forced(view: StoreView, setup: Pick<Setup, 'voters'>, x: { to: ClusterName; look: Look }): Forced {
  const { restore } = view.hold ?? {};
  const why = restore === undefined ? refusal(view, x) : `a restore of ${restore} is under way`;
  if (why !== undefined) return { is: 'refused', why };
  const { look } = x;
  const voters = votersOf(view, setup);
  const value: EpochValue = {
    epoch: openBallot(view)?.n ?? 0,
    primary: x.to,
    from: { epoch: look.marker?.epoch ?? 0, offset: look.offset, run: look.run },
    copies: voters,
    w: Math.floor(voters.length / 2),
    ...carried(view.epoch?.value),
  };
  return { is: 'epoch', value, txn: decideTxn(view, value).txn, behind: voters.map((v) => lastOf(view, v)) };
}
