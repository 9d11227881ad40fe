import { LABEL_PREFIX } from '../../kernel/index.ts';
import type { AppPlan, Op } from '../model.ts';
import { keyOf } from './objects.ts';

const FOUND = `${LABEL_PREFIX}/found`;

const saysUse = (op: Op): boolean => op.body?.metadata.annotations?.[FOUND] === 'use';

/** Somebody else's, and meant to be shared: a Namespace always, other objects when they say `found: use`. */
function isShared(op: Op, inventory: AppPlan['inventory']): boolean {
  if (op.ref.kind === 'Namespace' && op.kind === 'adopt') return true;
  if (op.base === undefined || !saysUse(op)) return false;
  if (inventory?.items[keyOf(op.ref)]?.uid === op.base.uid) return false;
  // Refused: another fleet's, or its owner guards it (an admission policy on the Gateway API's definitions).
  return op.kind === 'adopt' || op.refused !== undefined;
}

/** What was there before and is shared is used as it is: not taken over, never deleted. */
export function keepFound<T extends Pick<AppPlan, 'ops' | 'desired' | 'inventory'>>(plan: T): T {
  const found = plan.ops.filter((op) => isShared(op, plan.inventory));
  if (found.length === 0) return plan;
  const keys = new Set(found.map((op) => keyOf(op.ref)));
  const items = plan.desired.items.filter((i) => !keys.has(keyOf(i.ref)));
  return { ...plan, desired: { ...plan.desired, items }, ops: plan.ops.filter((op) => !found.includes(op)) };
}
