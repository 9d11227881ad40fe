import { fault, nearest, toJson } from '../../kernel/index.ts';
import { ruleFor } from '../access/machine/approval.ts';
import { sayReach, sayTarget } from '../access/machine/reach.ts';
import { authorise, isMeant, personOf, rightsFor } from '../access/machine/rights.ts';
import type { Policy, Target } from '../access/model.ts';
import { policyOf } from '../access/policy.ts';
import { targetOf } from '../access/target.ts';
import { links } from '../book/links.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Args, CommandSpec, Outcome } from '../model.ts';
import { COMMANDS, specOf } from '../table.ts';
import { line } from './rows.ts';

export interface Known {
  name: string;
  groups: readonly string[];
  accounts: readonly string[];
  /** Those of the accounts that a link made, not the config: they can be unlinked. */
  linked: readonly string[];
  rights: readonly string[];
}

/** Persons of the config with their accounts and rights; one alone, or everybody. Throws TW1020. */
export async function everybody(c: Context, policy: Policy, only?: string): Promise<Known[]> {
  const all = await links(c.book());
  const linkedTo = (name: string): string[] => all.filter((l) => l.person === name).map((l) => l.account);
  return Object.entries(policy.people)
    .filter(([name]) => only === undefined || name === only)
    .map(([name, p]) => ({
      name,
      groups: p.groups,
      accounts: [...p.accounts, ...linkedTo(name)],
      linked: linkedTo(name),
      rights: policy.rights
        .filter((r) => isMeant(r.who, { name, groups: p.groups }))
        .map((r) => `${r.may.join(' ')}: ${sayReach(r)}`),
    }));
}

async function persons(c: Context, policy: Policy, only: string | undefined): Promise<Outcome> {
  const known = await everybody(c, policy, only);
  const rows = known.map((k) => ({
    ...line(
      k.name,
      k.name === c.by ? ('ok' as const) : ('off' as const),
      k.name === c.by ? `${k.name} (you)` : k.name,
      {
        groups: k.groups.join(' '),
        accounts: k.accounts.join(' '),
      },
    ),
    kids: k.rights.map((r) => line(r, 'off', r)),
  }));
  return { data: toJson({ people: known, you: c.by ?? null }), view: { at: c.clock.now(), rows } };
}

/** The same answer that the gate would give, for every person. */
function mayDo(c: Context, policy: Policy, spec: CommandSpec, t: Target): Outcome {
  const needs = rightsFor(spec.kind, spec.destroys === true);
  const answers = Object.keys(policy.people).map((name) => {
    const p = personOf(policy, name);
    const v = p === undefined ? undefined : authorise(policy, p, needs, t);
    return { name, may: v?.ok === true, why: v?.why ?? 'unknown' };
  });
  const rule = spec.kind === 'forward' ? ruleFor(policy, spec.verb, t) : undefined;
  const votes =
    spec.kind !== 'forward'
      ? 'no vote'
      : rule === undefined
        ? 'no rule of `approvals` fits: refused'
        : `${rule.quorum} votes`;
  const head = line('verb', 'off', `tw ${spec.verb}: ${sayTarget(t)}`, { needs: needs.join(' and '), approval: votes });
  const rows = [head, ...answers.map((a) => line(a.name, a.may ? 'ok' : 'off', a.name, { why: a.why }))];
  return {
    data: toJson({ verb: spec.verb, needs, approval: rule ?? null, people: answers }),
    view: { at: c.clock.now(), rows },
  };
}

/** `tw who`: persons, their accounts and rights; with a verb: who may do it there, and why. Throws TW6002. */
export async function who(c: Context, args: Args): Promise<Outcome> {
  const config = await c.config();
  const policy = policyOf(config);
  const name = args['name'] as string | undefined;
  if (policy === undefined) {
    const row = line('you', 'ok', `${byOf(c)} may do everything: the config has no \`people\``);
    return { data: { people: [], you: byOf(c) }, view: { at: c.clock.now(), rows: [row] } };
  }
  if (name === undefined || name in policy.people) return await persons(c, policy, name);
  if (COMMANDS.some((s) => s.verb === name)) {
    const spec = specOf(name);
    const reach = { app: args['app'], on: args['on'] };
    return mayDo(c, policy, spec, targetOf(specOf('freeze'), reach, config));
  }
  const near = nearest(name, [...Object.keys(policy.people), ...COMMANDS.map((s) => s.verb)]);
  throw fault('TW6002', {
    value: name,
    why: [`no person and no verb${near === undefined ? '' : `; did you mean "${near}"?`}`],
  });
}
