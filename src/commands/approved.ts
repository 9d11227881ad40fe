import { fault, type Json, type TwError, toJson } from '../kernel/index.ts';
import { boundOf, type Question, ruleFor } from './access/machine/approval.ts';
import { sayTarget } from './access/machine/reach.ts';
import { authorise, personOf } from './access/machine/rights.ts';
import type { Approval, Person, Policy, Target } from './access/model.ts';
import { open, use } from './book/approvals.ts';
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

/** How the plan of a verb is made without doing it. */
const PLANS: Readonly<Record<string, (call: Invocation) => Invocation>> = {
  up: (call) => ({
    ...call,
    verb: 'plan',
    args: { on: call.args['on'], sandbox: call.args['sandbox'], exitCode: false },
  }),
  release: (call) => ({ ...call, args: { ...call.args, dryRun: true } }),
};

interface PlanData {
  id?: string;
  plan?: { id: string };
  refused?: readonly { code: string; say: string }[];
}

/** The engine's plan as it is now; null where the verb makes none. Throws what the plan itself refuses. */
async function planOf(a: Asked): Promise<string | null> {
  const dry = PLANS[a.call.verb];
  if (dry === undefined) return null;
  const outcome = await a.run(a.c, dry(a.call), a.io);
  const data = outcome.data as unknown as PlanData;
  const [no] = data.refused ?? [];
  if (no !== undefined) throw fault(no.code as 'TW7006', { value: a.target.app ?? a.target.fleet, why: [no.say] });
  a.io.show(outcome.view);
  return data.plan?.id ?? data.id ?? null;
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

const again = (a: Asked, plan: string | null): string =>
  `tw ${lineOf(specOf(a.call.verb), a.call.args, BY_THE_WAY)}${plan === null ? '' : ` --plan ${plan}`}`;

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

/** The call that the approval allows: exactly the plan that was looked at. */
function exactly(call: Invocation, plan: string | null): Invocation {
  return plan === null ? call : { ...call, args: { ...call.args, plan, yes: true } };
}

/**
 * Plans once more, finds the approval that was given for exactly this, and uses it up. Throws TW6110 and opens the
 * question where nobody answered it yet, TW6115 where what was approved moved, TW6116 where it is over. `take` false:
 * it is only looked at, what is done comes later.
 */
export async function granted(
  a: Asked,
  write: (what: string, data: Json) => Promise<void>,
  take = true,
): Promise<Invocation> {
  const found = ruleFor(a.policy, a.call.verb, a.target);
  if (found === undefined) throw noRule(a);
  const rule = a.glass ? { ...found, quorum: Math.min(found.quorum, 1) } : found;
  if (rule.quorum === 0) return a.call;
  const plan = await planOf(a);
  const question: Question = {
    fleet: a.target.fleet,
    verb: a.call.verb,
    args: argsOf(a.call.args),
    app: a.target.app ?? null,
    clusters: a.target.clusters.map((c) => c.name),
    requester: a.person.name,
    config: a.config,
    policy: a.policy.digest,
    plan,
  };
  const now = a.c.clock.now();
  const x = await open(a.c.book(), question, { rule, now });
  const { approval } = x;
  if (x.fresh) await write('asked', { approval: approval.id, verb: a.call.verb, bound: boundOf(question), plan });
  if (approval.state !== 'granted') throw waits(a, x);
  if (!take) return a.call;
  await use(a.c.book(), approval.id, { question, may: mayVote(a), now });
  await write('approved', {
    approval: approval.id,
    plan,
    by: approval.votes.filter((v) => v.says === 'yes').map((v) => v.person),
  });
  return exactly(a.call, plan);
}
