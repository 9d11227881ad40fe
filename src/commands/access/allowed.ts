import type { Context } from '../context.ts';
import { authorise, whoMay } from './machine/rights.ts';
import type { Caller, Right, Target } from './model.ts';
import { personFor } from './persons.ts';
import { policyOf } from './policy.ts';
import { targetOfPlace } from './target.ts';

const RIGHTS: readonly Right[] = ['look', 'safe', 'forward', 'destroy', 'rule', 'approve', 'break-glass'];

/** One right: the places where this person has it, and who has it on the whole fleet. */
export interface Held {
  /** `<app> <cluster>`; `* <cluster>` is what belongs to no app. */
  places: readonly string[];
  holders: readonly string[];
}
export interface Allowed {
  /** null: the account is nobody's. */
  person: string | null;
  rights: Readonly<Record<Right, Held>>;
}

/** What one person may do where, by the config; undefined: it names nobody, so who is at this machine may do everything. */
export async function allowedNow(c: Context, caller: Caller): Promise<Allowed | undefined> {
  const config = await c.config();
  const policy = policyOf(config);
  if (policy === undefined) return undefined;
  const found = await personFor(c.book(), policy, caller).catch(() => undefined);
  const clusters = config.clusters.map((k) => k.name);
  const at = (app: string | null, of: readonly string[]): Target => targetOfPlace({ app, clusters: of }, config);
  const held = (right: Right): Held => {
    const mine = (app: string | null, k: string): boolean =>
      found !== undefined && authorise(policy, found, [right], at(app, [k])).ok;
    return {
      places: [null, ...config.apps.map((a) => a.name)].flatMap((app) =>
        clusters.filter((k) => mine(app, k)).map((k) => `${app ?? '*'} ${k}`),
      ),
      holders: whoMay(policy, right, at(null, clusters)),
    };
  };
  const rights = Object.fromEntries(RIGHTS.map((r) => [r, held(r)])) as Allowed['rights'];
  return { person: found?.name ?? null, rights };
}
