import { own } from '../../../kernel/index.ts';
import type { CommandKind } from '../../model.ts';
import type { Person, Policy, Right, Target, Verdict } from '../model.ts';
import { covers, sayTarget } from './reach.ts';

/** The rights a verb needs, all of them. */
export function rightsFor(kind: CommandKind, destroys: boolean): readonly Right[] {
  if (kind === 'decide') return ['approve'];
  return destroys ? [kind, 'destroy'] : [kind];
}

/** A name of a rule means this person: by name or by group. */
export const isMeant = (names: readonly string[], p: Person): boolean =>
  names.some((n) => n === p.name || p.groups.includes(n));

export const personOf = (policy: Policy, name: string): Person | undefined => {
  const found = own(policy.people, name);
  return found === undefined ? undefined : { name, groups: found.groups };
};

const holds = (policy: Policy, p: Person, right: Right, t: Target): boolean =>
  policy.rights.some((r) => r.may.includes(right) && isMeant(r.who, p) && covers(r, t));

/** Who has a right on all of a target, by name. */
export const whoMay = (policy: Policy, right: Right, t: Target): string[] =>
  Object.keys(policy.people).filter((name) => {
    const p = personOf(policy, name);
    return p !== undefined && holds(policy, p, right, t);
  });

const snippet = (p: Person, right: Right, t: Target): string =>
  `{ who: ['${p.name}'], may: ['${right}']${t.app === undefined ? '' : `, apps: ['${t.app}']`} }`;

/** May this person do it? Deny by default; the answer says who may and what would pass. */
export function authorise(policy: Policy, p: Person, needs: readonly Right[], t: Target): Verdict {
  const lacks = needs.find((right) => !holds(policy, p, right, t));
  if (lacks === undefined) return { ok: true, why: `${p.name} has ${needs.join(' and ')} on ${sayTarget(t)}` };
  const others = whoMay(policy, lacks, t);
  return {
    ok: false,
    code: 'TW6101',
    why: `${p.name} has no right "${lacks}" on ${sayTarget(t)}`,
    wouldPass: [
      others.length === 0 ? `nobody has "${lacks}" there` : `may: ${others.join(', ')}`,
      `a rule such as ${snippet(p, lacks, t)}`,
    ],
  };
}
