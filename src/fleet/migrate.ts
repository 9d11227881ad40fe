import { fault } from '../kernel/index.ts';
import type { DesiredSet, Inventory, Op, UnitOf } from './model.ts';
import { health } from './plan/health.ts';
import { keyOf, sayRef } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';

export interface Left {
  ops: Op[];
  withheld: Op[];
}
/** An app on its way from one set of objects to units. */
export interface Move {
  api: KubeApi;
  /** Of the shared unit. */
  set: DesiredSet;
  unit: UnitOf | undefined;
  /** Sets of the whole cluster. */
  all: readonly DesiredSet[];
}

/** The old pods and the new ones answer side by side for a while, so both must be one version. */
function sameVersion({ set, unit }: Move, old: readonly Op[], inventory: Inventory | undefined): void {
  if (unit?.live[set.cluster] !== undefined || inventory === undefined || inventory.version === set.version) return;
  throw fault('TW7003', {
    value: set.app,
    where: old.map((op) => ({ cluster: set.cluster, resource: sayRef(op.ref) })),
    why: [`${inventory.version} runs without releases; ${set.version} beside it would answer the same users`],
    fix: [{ say: `Give the app its release block with version ${inventory.version}, then release ${set.version}.` }],
  });
}

/** Why the objects of before must stay; nothing: versions serve the users. */
async function whyStay({ api, set, unit, all }: Move): Promise<string | undefined> {
  const live = unit?.live[set.cluster];
  if (live === undefined) return 'kept until the switch serves a version';
  const serving = all.find((s) => s.keep?.app === set.app && s.keep.version === live);
  const refs = (serving?.items ?? []).map((i) => i.ref).filter((r) => r.kind === 'Deployment');
  if (refs.length === 0) return `kept until version ${live} runs`;
  for (const ref of refs)
    if (health(await api.get(ref)).state !== 'Healthy') return `kept until ${sayRef(ref)} is healthy`;
  return undefined;
}

/**
 * An app that ran before it was released leaves its Deployment, autoscaler and Service behind. They stay
 * until the switch serves a version that is healthy; then they go with a confirmation. A Service that
 * became the switch is never deleted. Throws TW7003 when the versions differ.
 */
export async function keepOld(m: Move, left: Left, inventory: Inventory | undefined): Promise<Left> {
  const replaced = new Set(m.set.replaced);
  const old = left.ops.filter((op) => replaced.has(keyOf(op.ref)));
  if (old.length === 0) return left;
  sameVersion(m, old, inventory);
  const why = await whyStay(m);
  const isSwitch = (op: Op): boolean => m.unit?.driver === 'service' && op.ref.kind === 'Service';
  const stays = old.filter((op) => why !== undefined || isSwitch(op));
  const goes = old.filter((op) => !stays.includes(op)).map((op) => ({ ...op, confirm: true }));
  return {
    ops: [...left.ops.filter((op) => !old.includes(op)), ...goes],
    withheld: [...left.withheld, ...stays.map((op) => ({ ...op, why: [why ?? 'it is the switch now'] }))],
  };
}
