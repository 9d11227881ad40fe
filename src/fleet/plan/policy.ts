import { fault, type Problem } from '../../kernel/index.ts';
import type { AppPlan, Op } from '../model.ts';
import { sayRef } from './objects.ts';

const PROTECTED = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'StatefulSet',
]);
const FEW = 3;
const SHARE = 0.1;

/** Deletions that pass without a confirmation: max(3, 10 % of what the app holds in the cluster). */
function pruneBudget(held: number): number {
  return Math.max(FEW, Math.floor(held * SHARE));
}

function overBudget(cluster: string, deletes: readonly Op[], held: number, planId: string): Problem | undefined {
  const guarded = deletes.filter((d) => PROTECTED.has(d.ref.kind) || d.confirm === true);
  const budget = pruneBudget(held);
  if (guarded.length === 0 && deletes.length <= budget) return undefined;
  const why =
    guarded.length > 0
      ? `${guarded.map((d) => sayRef(d.ref)).join(', ')}: deleting it needs a confirmation`
      : `${deletes.length} of ${held} objects would be deleted, ${budget} may be without a confirmation`;
  return fault('TW3030', {
    value: `${deletes.length} of ${held}`,
    where: deletes.map((d) => ({ cluster, resource: sayRef(d.ref) })),
    why: [why],
    fix: [{ say: `If that is meant, confirm the plan ${planId} by its id.` }],
  }).problem;
}

/** Takes the deletions out of an app's plan unless they are few and harmless, or confirmed for this plan id. */
export function guardDeletes(cluster: string, plan: AppPlan, planId: string, confirmed: string | undefined): AppPlan {
  const deletes = plan.ops.filter((op) => op.kind === 'delete');
  if (deletes.length === 0 || confirmed === planId) return plan;
  const problem = overBudget(cluster, deletes, Object.keys(plan.inventory?.items ?? {}).length, planId);
  if (problem === undefined) return plan;
  return {
    ...plan,
    ops: plan.ops.filter((op) => op.kind !== 'delete'),
    withheld: [...plan.withheld, ...deletes],
    problems: [...plan.problems, problem],
  };
}
