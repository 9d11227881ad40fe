import { fault, toJson } from '../kernel/index.ts';
import { type Facts, factsId, movedFacts } from './access/machine/facts.ts';
import type { Context } from './context.ts';
import { takeLock } from './lock.ts';
import type { Args, Outcome } from './model.ts';
import { factRows, line } from './rule/rows.ts';

/** Throws TW6115 where persons agreed to something else than what would be done now. */
export function stillAgreed(c: Context, facts: Facts): void {
  if (c.agreed === undefined) return;
  const moved = movedFacts(c.agreed, facts);
  if (moved.length > 0) throw fault('TW6115', { value: factsId(facts), why: moved });
}

/**
 * Before a verb acts: with `--dry-run` the answer, which says what it would do; else nothing, or TW6115 where persons
 * agreed to something else. `facts` are made of the values that the verb then acts on.
 */
export function dryOrAgreed(c: Context, args: Args, facts: Facts): Outcome | undefined {
  if (args['dryRun'] !== true) {
    stillAgreed(c, facts);
    return undefined;
  }
  const id = factsId(facts);
  return {
    data: toJson({ plan: { id }, would: facts }),
    view: { at: c.clock.now(), rows: [...factRows(facts), line('id', 'wait', `plan ${id}: nothing was done`)] },
    would: { id, facts },
  };
}

/** Somebody wants to know what would be done, or agreed to it; else nothing has to be looked at for that alone. */
const isAsked = (c: Context, args: Args): boolean => args['dryRun'] === true || c.agreed !== undefined;

/** The same for facts that the verb itself does not need: clouds that keep silent do not hold it back. */
export async function dryOrAgreedTo(c: Context, args: Args, facts: () => Promise<Facts>): Promise<Outcome | undefined> {
  return isAsked(c, args) ? dryOrAgreed(c, args, await facts()) : undefined;
}

/** A verb that only says what it would do is in nobody's way. Throws TW6201. */
export const lockToAct = (c: Context, verb: string, args: Args): (() => void) =>
  args['dryRun'] === true ? () => undefined : takeLock(c, verb);
