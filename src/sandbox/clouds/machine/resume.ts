import type { ClusterSeed, NodeSeed } from '../../machines.ts';
import type { BalancerWish, Change, Effect, Op, Resource, World } from '../model.ts';
import { str } from '../values.ts';
import { vipOf } from './balancer.ts';
import { contextOf } from './create.ts';
import { CLUSTER_TYPES } from './pools.ts';
import { seedOf } from './seed.ts';

/**
 * After a restart: what the machines must be told again. Running operations get the steps they wait
 * for (their callers are gone with the old process); what is ready is asserted once more, because
 * every call to the machines is idempotent.
 */
export function resume(world: World): { changes: Change[]; effects: Effect[] } {
  const running = new Map([...world.ops.values()].filter((o) => o.phase === 'running').map((o) => [o.target, o]));
  const waits = new Map<string, number>();
  const effects: Effect[] = [];
  const add = (e: Effect, op: Op | undefined) => {
    effects.push(e);
    if (op) waits.set(op.id, (waits.get(op.id) ?? 0) + 1);
  };
  for (const r of world.resources.values()) {
    const op = running.get(r.key) ?? running.get(str(r.hidden.owner));
    const effect = effectFor(world, r, op);
    if (effect) add(effect, r.phase === 'ready' || effectIsPlain(effect) ? undefined : op);
  }
  const changes = [...running.values()].map(
    (op): Change => ({ kind: 'op', value: { ...op, caller: 'gone', waitsFor: waits.get(op.id) ?? 0 } }),
  );
  return { changes, effects };
}

const effectIsPlain = (e: Effect): boolean => 'op' in e && e.op === '';

function effectFor(world: World, r: Resource, op: Op | undefined): Effect | undefined {
  if (CLUSTER_TYPES.has(r.type)) return r.phase === 'failed' ? undefined : clusterEffect(world, r, op?.id ?? '');
  if (r.hidden.seed) return nodeEffect(r, op?.id ?? '');
  if (r.hidden.main !== true || r.phase === 'deleting') return undefined;
  return vipEffect(r, op);
}

const vipEffect = (r: Resource, op: Op | undefined): Effect => {
  const id = r.phase === 'ready' ? undefined : op?.id;
  return { do: 'vip', op: id ?? '', vip: vipOf(r, wishOf(r, op)) };
};

function clusterEffect(world: World, r: Resource, op: string): Effect {
  if (r.phase === 'deleting') return { do: 'remove', op, id: str(r.hidden.clusterId) };
  const booting = r.phase === 'creating' && !str(r.hidden.ca);
  return { do: 'boot', op: booting ? op : '', key: r.key, seed: clusterSeed(world, r) };
}

function nodeEffect(r: Resource, op: string): Effect {
  const id = str(r.hidden.cluster);
  if (r.phase === 'deleting') return { do: 'removeNode', op, id, name: str(r.hidden.node) };
  const node = r.hidden.seed as unknown as NodeSeed;
  return { do: 'addNode', op: r.phase === 'creating' ? op : '', key: r.key, id, node };
}

/** The wish of a running operation wins over what was reached. */
function wishOf(r: Resource, op: Op | undefined): BalancerWish {
  return (op?.planned?.wish ?? r.attrs.wish) as unknown as BalancerWish;
}

function clusterSeed(world: World, r: Resource): ClusterSeed {
  const who = {
    provider: 'aws',
    cloud: r.cloud,
    caller: '',
    by: r.by,
    account: r.account,
    region: r.region,
    tenant: '',
    principal: '',
    tags: {},
    preventGroupDelete: false,
  } as const;
  return seedOf(r, contextOf(world, { who, salt: '', attrs: r.attrs, now: r.createdAt, id: r.id, resource: r }));
}
