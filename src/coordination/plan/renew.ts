import type { ClusterName, MemberEntry, MemberState } from '../../kernel/index.ts';
import { majority } from './health.ts';

export interface RenewSeen {
  /** Members whose pod is of older settings than it shall have. */
  outdated: readonly ClusterName[];
  /** In the order of the members. */
  states: readonly MemberState[];
  /** What a majority agrees on; undefined: there is none. */
  list: readonly MemberEntry[] | undefined;
}

const follows = (s: MemberState, leader: bigint): boolean => s.up && s.leader === leader && !s.learner;

/**
 * The member that may be ended now, because every other one follows one leader and has a vote; undefined: nobody yet. What
 * is down already goes first, the leader last: it is handed on once and not with every member.
 */
export function nextRenewal({ outdated, states, list }: RenewSeen): ClusterName | undefined {
  const { leader } = majority(states);
  const lead = states.find((s) => s.up && s.name === leader);
  if (list === undefined || lead?.up !== true || list.some((e) => e.learner) || list.length !== states.length)
    return undefined;
  const rank = (m: ClusterName): number => (m === leader ? 2 : states.some((s) => s.name === m && s.up) ? 1 : 0);
  return outdated
    .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .find((m) => states.every((s) => s.name === m || follows(s, lead.id)));
}
