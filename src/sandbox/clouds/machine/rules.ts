import { CONTROLLER_RULES } from '../rules/controller.ts';
import { RULES } from '../rules/index.ts';
import type { TypeRule } from '../rules/rule.ts';

export { type Ctx, type Duration, fail, type TypeRule } from '../rules/rule.ts';

/** The rule of a type that is known to have one. */
export function RULES_OF(type: string): TypeRule {
  const rule = RULES.get(type) ?? CONTROLLER_RULES.get(type);
  if (!rule) throw new Error(`no rule for ${type}`);
  return rule;
}
