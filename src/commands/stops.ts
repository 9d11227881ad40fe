import type { Config } from '../config/index.ts';
import { fault, type TwError } from '../kernel/index.ts';
import { refusalOf, stopping } from './access/machine/barrier.ts';
import { authorise, whoMay } from './access/machine/rights.ts';
import type { Barrier, Person, Policy, Target, Verdict } from './access/model.ts';
import { barriers, ofCalendar } from './book/barriers.ts';
import type { Context } from './context.ts';
import { reasonOf } from './glass.ts';
import type { Args } from './model.ts';

export const refusal = (v: Verdict & { ok: false }): TwError =>
  fault(v.code, { why: [v.why], fix: v.wouldPass.map((say) => ({ say })) });

export interface Stopped {
  c: Context;
  config: Config;
  /** Absent: the person at this machine has every right. */
  policy: Policy | undefined;
  person: Person;
  target: Target;
  args: Args;
}

/** A book that cannot be read stops the verb where persons rule; what the config says holds in any case. */
async function standing({ c, config, policy }: Stopped, now: number): Promise<Barrier[]> {
  const read = async (): Promise<Barrier[]> => await barriers(c.book(), now);
  const raised = await read().catch((error: unknown) => {
    if (policy !== undefined) throw error;
    return [];
  });
  return [...raised, ...(await ofCalendar(config.freezes, now))];
}

/** What would pass a freeze beside what lifts it. */
function byGlass({ policy, target }: Stopped): string[] {
  const who = policy === undefined ? undefined : whoMay(policy, 'break-glass', target);
  if (who?.length === 0) return ['nobody has the right "break-glass" there'];
  return [`--break-glass --because "…"${who === undefined ? '' : `, by ${who.join(', ')}`}`];
}

/**
 * Freezes and locks before what goes forward. Returns the freezes that this person breaks the glass for: none without
 * `--break-glass`. Throws TW6002, TW6101, TW6202, TW6205.
 */
export async function passed(x: Stopped): Promise<Barrier[]> {
  const now = x.c.clock.now();
  const stops = stopping(await standing(x, now), { target: x.target, person: x.person, now });
  if (stops.length === 0) return [];
  const no = refusalOf(stops);
  if (no.code !== 'TW6205') throw refusal(no);
  if (x.args['breakGlass'] !== true) throw refusal({ ...no, wouldPass: [...no.wouldPass, ...byGlass(x)] });
  reasonOf(x.args['because']);
  const may = x.policy === undefined ? undefined : authorise(x.policy, x.person, ['break-glass'], x.target);
  if (may?.ok === false) throw refusal(may);
  return stops;
}
