import { fault, type Json, type TwError, toJson } from '../kernel/index.ts';
import { boundOf, type Question, ruleFor } from './access/machine/approval.ts';
import { sayTarget } from './access/machine/reach.ts';
import { authorise, personOf } from './access/machine/rights.ts';
import type { Approval, Person, Policy, Target } from './access/model.ts';
import { good, open, use } from './book/approvals.ts';
import type { Context, Invocation, Io } from './context.ts';
import { lineOf } from './line/machine/say.ts';
import type { Args, Outcome } from './model.ts';
import { specOf } from './table.ts';

export interface Asked {
  c: Context;
  call: Invocation;
  io: Io;
  run: (c: Context, call: Invocation, io: Io) => Promise<Outcome>;
  policy: Policy;
  person: Person;
  target: Target;
  /** It is done during a freeze: one other person is asked at most. */
  glass: boolean;
  /** Digest of the config. */
  config: string;
}

/** What is said by the way changes nothing of what is done. */
const BY_THE_WAY = new Set(['yes', 'plan', 'because', 'confirm', 'noWait']);

function argsOf(args: Args): Json {
  return toJson(Object.fromEntries(Object.entries(args).filter(([k]) => !BY_THE_WAY.has(k))));
}

type Would = NonNullable<Outcome['would']>;

/** What the verb would do now. Throws what its plan refuses, and TypeError where a verb cannot say it. */
async function planOf(a: Asked): Promise<Would> {
  const outcome = await a.run(a.c, { ...a.call, args: { ...a.call.args, dryRun: true } }, a.io);
  const { refused: [no] = [] } = outcome.data as { refused?: readonly { code: string; say: string }[] };
  if (no !== undefined) throw fault(no.code as 'TW7006', { value: a.target.app ?? a.target.fleet, why: [no.say] });
  if (outcome.would === undefined) throw new TypeError(`tw ${a.call.verb} does not say what it would do`);
  a.io.show(outcome.view);
  return outcome.would;
}

const noRule = (a: Asked): TwError =>
  fault('TW6101', {
    value: `tw ${a.call.verb}`,
    why: [`no rule of \`approvals\` says who must agree to it on ${sayTarget(a.target)}`],
    fix: [{ say: 'Say it in the config:', command: `approvals: [{ verbs: ['${a.call.verb}'], quorum: 1 }]` }],
  });

/** Who may still vote on this. */
const mayVote = (a: Asked): ((name: string) => boolean) => {
  return (name) => {
    const p = personOf(a.policy, name);
    return p !== undefined && authorise(a.policy, p, ['approve'], a.target).ok;
  };
};

const takesPlan = ({ call }: Asked): boolean => specOf(call.verb).args.some((x) => x.name === 'plan');

/** The line that does it; a destruction is confirmed by its name each time. */
function again(a: Asked, plan: string | null): string {
  const spec = specOf(a.call.verb);
  const named = plan !== null && takesPlan(a) ? ` --plan ${plan}` : '';
  const sure = typeof a.call.args['confirm'] === 'string' ? ` --confirm=${a.call.args['confirm']}` : '';
  return `tw ${lineOf(spec, a.call.args, BY_THE_WAY)}${named}${sure}`;
}

function waits(a: Asked, x: { approval: Approval; moved: string | undefined }): TwError {
  const { approval, moved } = x;
  const yes = approval.votes.filter((v) => v.says === 'yes').map((v) => v.person);
  const who = approval.from === null ? 'persons with the right "approve"' : approval.from.join(', ');
  return fault(moved === undefined ? 'TW6110' : 'TW6115', {
    value: approval.id,
    why: [
      ...(moved === undefined ? [] : [moved]),
      `${yes.length} of ${approval.quorum} have approved${yes.length === 0 ? '' : ` (${yes.join(', ')})`}; votes count from ${who}`,
    ],
    fix: [
      { say: 'Somebody else looks and says yes:', command: `tw approve ${approval.id}` },
      { say: 'Then do exactly this plan:', command: again(a, approval.plan) },
    ],
  });
}

/** What the verb may do now: `facts`, and nothing else; absent: nobody had to agree. */
export interface Granted {
  call: Invocation;
  facts?: Would['facts'];
  /** Uses the approval up, once; asks again whether it is good. Throws TW6110, TW6115, TW6116. */
  take?: () => Promise<void>;
}

/** Verbs that ask once, whether this is meant; others ask at each step, and that was not agreed to. */
const ASK_ONCE = new Set(['up', 'release', 'adopt', 'retire']);

/** The plan that the line names is the one that was agreed to. Throws TW6115. */
function sameAs(a: Asked, { id, plan }: Approval): void {
  const named = a.call.args['plan'];
  if (typeof named !== 'string' || named === plan) return;
  throw fault('TW6115', {
    value: id,
    why: [`the line names the plan ${named}, the plan is now ${plan}; nothing was done`],
    fix: [{ say: 'If this plan is meant:', command: again(a, plan) }],
  });
}

/** The call that the approval allows: exactly the plan that was looked at. */
function exactly(a: Asked, would: Would): Invocation {
  const plan = takesPlan(a) ? { plan: would.id } : {};
  const yes = ASK_ONCE.has(a.call.verb) ? { yes: true } : {};
  return { ...a.call, args: { ...a.call.args, ...plan, ...yes } };
}

const questionOf = (a: Asked, would: Would): Question => ({
  fleet: a.target.fleet,
  verb: a.call.verb,
  args: argsOf(a.call.args),
  app: a.target.app ?? null,
  clusters: a.target.clusters.map((c) => c.name),
  requester: a.person.name,
  config: a.config,
  policy: a.policy.digest,
  plan: would.id,
  facts: would.facts,
});

/**
 * Plans once more and finds the approval that was given for exactly this. Throws TW6110 and opens the question where
 * nobody answered it yet, TW6115 where what was approved moved, TW6116 where it is over. It is used up by `take` alone.
 */
export async function granted(a: Asked, write: (what: string, data: Json) => Promise<void>): Promise<Granted> {
  const found = ruleFor(a.policy, a.call.verb, a.target);
  if (found === undefined) throw noRule(a);
  const rule = a.glass ? { ...found, quorum: Math.min(found.quorum, 1) } : found;
  if (rule.quorum === 0) return { call: a.call };
  const would = await planOf(a);
  const plan = would.id;
  const question = questionOf(a, would);
  const x = await open(a.c.book(), question, { rule, now: a.c.clock.now() });
  const { id } = x.approval;
  if (x.fresh) await write('asked', { approval: id, verb: a.call.verb, bound: boundOf(question), plan });
  if (x.approval.state !== 'granted') throw waits(a, x);
  const asked = () => ({ question, may: mayVote(a), now: a.c.clock.now() });
  good(x.approval, asked());
  sameAs(a, x.approval);
  const take = async (): Promise<void> => {
    const { votes } = await use(a.c.book(), id, asked());
    await write('approved', { approval: id, plan, by: votes.filter((v) => v.says === 'yes').map((v) => v.person) });
  };
  return { call: exactly(a, would), facts: would.facts, take };
}
