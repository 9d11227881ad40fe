import type { MemberState } from '../../kernel/index.ts';

/** Entries a member may lack and still take over at once. */
const BEHIND = 1000n;

/**
 * The member that shall lead instead of `home`: a lost cloud must not cost a new home and a new leader at once.
 * Undefined: another one leads already, or nobody else could. The first of `order` that can wins.
 */
export function leaderAway(home: string, states: readonly MemberState[], order: readonly string[]): bigint | undefined {
  const up = states.filter((s) => s.up);
  const leads = up.find((s) => s.name === home && s.id === s.leader);
  if (leads === undefined) return undefined;
  const able = up.filter((s) => s !== leads && !s.learner && s.leader === leads.id && leads.index - s.index < BEHIND);
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return able.toSorted((a, b) => place(a.name) - place(b.name))[0]?.id;
}
