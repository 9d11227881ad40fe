import { type Code, digest, type Json } from '../../../kernel/index.ts';
import type { Approval, ApprovalRule, Person, Policy, Target, Vote } from '../model.ts';
import { type Facts, movedFacts } from './facts.ts';
import { covers } from './reach.ts';
import { isMeant } from './rights.ts';

/** Everything a vote is about: one byte of it moved, and it is another question. */
export interface Question {
  fleet: string;
  verb: string;
  /** Arguments that change what is done. */
  args: Json;
  app: string | null;
  clusters: readonly string[];
  requester: string;
  /** Digest of the config the plan was made from. */
  config: string;
  /** Digest of people, rights and approvals. */
  policy: string;
  /** Id of what the verb would do now. */
  plan: string;
  /** The same as named values, for persons. */
  facts: Facts;
}

export const boundOf = (q: Question): string => digest({ ...q, facts: { ...q.facts }, clusters: [...q.clusters] });

/** The same wish, whatever it would change today. */
export const wishOf = (q: Question): string =>
  digest({ fleet: q.fleet, verb: q.verb, args: q.args, app: q.app, clusters: [...q.clusters], requester: q.requester });

const approvalId = (bound: string): string => `a-${bound.slice('sha256:'.length, 'sha256:'.length + 12)}`;

/** The first rule that fits; undefined = no rule says that this may be done. */
export function ruleFor(policy: Policy, verb: string, t: Target): ApprovalRule | undefined {
  return policy.approvals.find((r) => (r.verbs === undefined || r.verbs.includes(verb)) && covers(r, t));
}

export function opened(q: Question, rule: ApprovalRule, now: number): Approval {
  const bound = boundOf(q);
  return {
    id: approvalId(bound),
    bound,
    wish: wishOf(q),
    verb: q.verb,
    args: q.args,
    plan: q.plan,
    facts: q.facts,
    config: q.config,
    policy: q.policy,
    app: q.app,
    clusters: q.clusters,
    requester: q.requester,
    openedAt: now,
    until: now + rule.ttlMs,
    quorum: rule.quorum,
    from: rule.from ?? null,
    notRequester: rule.notRequester,
    votes: [],
    state: 'open',
  };
}

/** Time ends it: what is not used until then is a no. */
export const isOver = (a: Approval, now: number): boolean =>
  (a.state === 'open' || a.state === 'granted') && now >= a.until;

type Ruled = { approval: Approval } | { code: Code; why: string };

function refused(a: Approval, p: Person, now: number): { code: Code; why: string } | undefined {
  if (isOver(a, now)) return { code: 'TW6116', why: 'it expired; that is a no' };
  if (a.state !== 'open' && a.state !== 'granted') return { code: 'TW6116', why: a.why ?? `it is ${a.state}` };
  if (a.from !== null && !isMeant(a.from, p)) return { code: 'TW6111', why: `votes count from ${a.from.join(', ')}` };
  return undefined;
}

const yesOf = (votes: readonly Vote[]): number => votes.filter((v) => v.says === 'yes').length;

/** One person, one vote, whatever account it came by. One valid no closes the question. */
export function vote(a: Approval, p: Person, v: Omit<Vote, 'person'>, now: number): Ruled {
  const no = refused(a, p, now);
  if (no !== undefined) return no;
  if (v.says === 'yes' && a.notRequester && a.requester === p.name)
    return { code: 'TW6111', why: `${p.name} asked for it and may not approve it` };
  if (v.says === 'yes' && a.votes.some((o) => o.person === p.name))
    return { code: 'TW6111', why: `${p.name} has voted already, a second account is the same person` };
  const votes = [...a.votes.filter((o) => o.person !== p.name), { ...v, person: p.name }];
  const state = v.says === 'no' ? 'denied' : yesOf(votes) >= a.quorum ? 'granted' : a.state;
  return { approval: { ...a, votes, state } };
}

/** Votes of persons who still may vote: a right lost after the vote takes the vote back. */
export function standing(a: Approval, may: (person: string) => boolean): Approval {
  const votes = a.votes.filter((v) => may(v.person));
  if (a.state !== 'granted' || yesOf(votes) >= a.quorum) return a;
  return { ...a, votes, state: 'open' };
}

/** What a granted approval is worth for the question as it is now. */
export function usable(a: Approval, q: Question, now: number): { code: Code; why: string } | undefined {
  if (a.bound !== boundOf(q)) return { code: 'TW6115', why: movedSince(a, q) };
  if (isOver(a, now)) return { code: 'TW6116', why: 'it expired; that is a no' };
  if (a.state === 'open')
    return {
      code: 'TW6110',
      why: `${yesOf(a.votes)} of ${a.quorum} have approved${a.from === null ? '' : ` (${a.from.join(', ')})`}`,
    };
  return a.state === 'granted' ? undefined : { code: 'TW6116', why: a.why ?? `it is ${a.state}` };
}

function planMoved(a: Approval, q: Question): string {
  const moved = movedFacts(a.facts ?? {}, q.facts);
  if (a.plan === q.plan && moved.length === 0) return 'the arguments';
  return `the plan: ${a.plan ?? 'none'} → ${q.plan}${moved.length === 0 ? '' : `: ${moved.join('; ')}`}`;
}

/** What is not as it was when the question was asked. */
export function movedSince(a: Approval, q: Question): string {
  if (a.verb !== q.verb) return `the verb: ${a.verb} → ${q.verb}`;
  if (a.clusters.join() !== q.clusters.join()) return `the clusters: ${a.clusters.join(' ')} → ${q.clusters.join(' ')}`;
  if (a.requester !== q.requester) return `who asks: ${a.requester} → ${q.requester}`;
  if (a.config !== q.config) return 'the config is another one';
  if (a.policy !== q.policy) return 'people, rights or approvals of the config are others';
  return planMoved(a, q);
}
