import type { MemberState } from '../../kernel/index.ts';

type Up = Extract<MemberState, { up: true }>;

export interface Majority {
  /** More than half of the members follow one leader. */
  holds: boolean;
  /** Voters that are up and follow that leader. */
  following: number;
  of: number;
  /** Name of the leader, where it is known. */
  leader?: string;
}

/** What the members' own words come to. */
export function majority(states: readonly MemberState[]): Majority {
  const up = states.filter((s): s is Up => s.up);
  const leads = up.filter((s) => s.id === s.leader).toSorted((a, b) => Number(b.term - a.term))[0];
  const following = leads === undefined ? 0 : up.filter((s) => s.leader === leads.id && !s.learner).length;
  const of = states.length;
  return { holds: following * 2 > of, following, of, ...(leads === undefined ? {} : { leader: leads.name }) };
}

/** One line for people. */
export function sayMembers(states: readonly MemberState[]): string {
  const { following, of, leader } = majority(states);
  const down = states.flatMap((s) => (s.up ? [] : [`${s.name}: ${s.why}`]));
  const lead = leader === undefined ? 'no leader' : `leader ${leader}`;
  return [`${following} of ${of} members, ${lead}`, ...down].join('; ');
}
