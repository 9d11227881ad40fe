import { drawOf } from '../draw.ts';
import type { CloudError, Data, Input, Obj, Op, Resource, Who, World } from '../model.ts';
import { resolve } from '../plan.ts';
import { hasUnknown, isObj, num, str } from '../values.ts';
import { lateFailure, refusal } from './checks.ts';
import type { Answer, Case } from './decide.ts';
import type { Draft } from './draft.ts';
import { CLUSTER_TYPES, clusterOf, instance, type Pool, poolsOf } from './pools.ts';
import { type Ctx, type Duration, RULES_OF, type TypeRule } from './rules.ts';
import { seedOf } from './seed.ts';
import { inForce, nameOf, regionOf, type Target, targetOf } from './target.ts';

type Create = Case<Extract<Input, { kind: 'create' }>>;

/** Accepts a create: the object exists from now on (phase `creating`), the operation runs. */
export function acceptCreate(c: Create): Answer {
  const { who, type, planned } = c.input;
  const rule = RULES_OF(type);
  const name = `${type}|${who.account}|${nameOf(planned) || stable(planned)}`;
  const salt = `${name}|${c.draft.count(name)}`;
  const ctx = contextOf(c.draft.world, { who, salt, attrs: planned, now: c.now });
  ctx.id = rule.id(ctx);
  const target = targetOf({ who, type, attrs: planned, verb: 'create', id: ctx.id });
  const check = { rule, ctx, target, chaos: c.chaos, now: c.now };
  const error = refusal(check) ?? alreadyThere(c.draft.world, rule, ctx);
  if (error) return { error };
  const resource = newResource(c, rule, ctx, salt);
  const late = lateFailure(check);
  const op: Op = {
    ...opOf({ c, rule, target, salt, verb: 'create', who }),
    target: resource.key,
    planned,
    prior: null,
    ...(late ? { failure: late } : {}),
  };
  const started = late && !late.keep ? op : { ...op, waitsFor: startMachines({ draft: c.draft, op, resource, ctx }) };
  c.draft.op(started);
  return { op: op.id };
}

/** Known parts of a plan as one string: the name of things that have none. */
function stable(v: Data): string {
  if (Array.isArray(v)) return `[${v.map(stable).join(',')}]`;
  if (!isObj(v)) return JSON.stringify(v);
  return Object.keys(v)
    .toSorted()
    .filter((k) => !hasUnknown(v[k]) && v[k] !== null)
    .map((k) => `${k}=${stable(v[k] ?? null)}`)
    .join(';');
}

export function contextOf(
  world: World,
  o: { who: Who; salt: string; attrs: Obj; now: number; id?: string; resource?: Resource },
): Ctx {
  const ctx: Ctx = {
    attrs: o.attrs,
    who: whoFor(o.attrs, o.who),
    world,
    draw: drawOf(world.setting.seed, o.salt),
    id: o.id ?? '',
    now: o.now,
  };
  const h = o.resource?.hidden;
  if (h && str(h.ca)) ctx.access = { endpointIp: str(h.endpointIp), ca: str(h.ca), version: str(h.version) };
  return ctx;
}

/** `region` and `project` of the object win over the provider's. */
function whoFor(attrs: Obj, who: Who): Who {
  const account = who.cloud === 'gcp' ? str(attrs.project) || who.account : who.account;
  const region = who.cloud === 'azure' ? str(attrs.location) : str(attrs.region) || who.region;
  return { ...who, account, region };
}

function alreadyThere(world: World, rule: TypeRule, ctx: Ctx): CloudError | undefined {
  const unique = rule.unique?.(ctx);
  if (!unique) return undefined;
  for (const r of world.resources.values()) {
    if (r.type === rule.type && r.account === ctx.who.account && r.hidden.unique === unique) {
      return rule.exists({ ...ctx, id: r.id }, unique);
    }
  }
  return undefined;
}

function newResource(c: Create, rule: TypeRule, ctx: Ctx, salt: string): Resource {
  const { who, type, planned } = c.input;
  const base: Resource = {
    key: `${type}/${ctx.id}`,
    cloud: who.cloud,
    type,
    id: ctx.id,
    region: regionOf(planned, who),
    account: ctx.who.account,
    phase: 'creating',
    by: who.by,
    attrs: { ...planned },
    hidden: { ...rule.hidden(ctx), unique: rule.unique?.(ctx) ?? '', salt },
    orphan: false,
    createdAt: c.now,
  };
  if (CLUSTER_TYPES.has(type)) base.hidden.clusterId = `${who.cloud}-${str(planned.name)}`;
  c.draft.put(base);
  const resource = { ...base, attrs: resolve(rule, planned, { ...ctx, world: c.draft.world }) };
  c.draft.put(resource);
  if (type === 'azurerm_kubernetes_cluster') c.draft.put(nodeGroupOf(resource));
  return resource;
}

/** AKS makes a resource group of its own for nodes, load balancers and addresses; it goes with the cluster. */
function nodeGroupOf(cluster: Resource): Resource {
  const name = str(cluster.hidden.nodeGroup);
  const id = `/subscriptions/${cluster.account}/resourceGroups/${name}`;
  return {
    ...cluster,
    key: `azurerm_resource_group/${id}`,
    type: 'azurerm_resource_group',
    id,
    phase: 'ready',
    by: 'api',
    attrs: { id, name, location: cluster.region, managed_by: cluster.id, tags: null },
    hidden: { owner: cluster.key, cluster: cluster.hidden.clusterId ?? '', unique: id },
  };
}

interface OpParts {
  c: Pick<Case, 'draft' | 'chaos' | 'now'>;
  rule: TypeRule;
  target: Target;
  salt: string;
  verb: Op['verb'];
  who: Who;
}

/** The operation with its drawn duration; `target`, `planned` and `prior` are the caller's to set. */
export function opOf(o: OpParts): Omit<Op, 'target' | 'planned' | 'prior'> {
  const { c, rule, target, verb, who } = o;
  const n = c.draft.count(`op|${o.salt}|${verb}`);
  const draw = drawOf(c.draft.world.setting.seed, `${o.salt}|${verb}|${n}`);
  const slow = inForce(c.chaos, 'slow', target, c.now);
  const seconds = drawn(rule.takes[verb], draw.unit('duration')) * (slow ? (num(slow.args, 'factor') ?? 3) : 1);
  const scale = 1000 / c.draft.world.setting.cloudTime;
  const patience = rule.timeouts[verb];
  return {
    id: `op-${draw.hex('op', 16)}`,
    by: who.by,
    cloud: who.cloud,
    verb,
    type: rule.type,
    phase: 'running',
    caller: 'waiting',
    callerId: who.caller,
    who,
    startedAt: c.now,
    dueAt: Math.round(c.now + seconds * scale),
    // Boot time of real processes does not count: only a drawn time longer than the patience ends the wait.
    ...(seconds > patience ? { timeoutAt: Math.round(c.now + patience * scale) } : {}),
    waitsFor: 0,
    ignoreStop: inForce(c.chaos, 'ignoreStop', target, c.now) !== undefined,
    salt: o.salt,
  };
}

/** Two straight lines: half of the draws below the median. */
function drawn(d: Duration, u: number): number {
  return u < 0.5 ? d.low + (d.median - d.low) * 2 * u : d.median + (d.high - d.median) * (2 * u - 1);
}

interface Start {
  draft: Draft;
  op: Pick<Op, 'id'>;
  resource: Resource;
  ctx: Ctx;
}

/** Boots the control plane or starts the pool's nodes; the number of steps to wait for. */
function startMachines(s: Start): number {
  const { draft, resource } = s;
  const ctx = { ...s.ctx, attrs: resource.attrs, world: draft.world };
  if (CLUSTER_TYPES.has(resource.type)) {
    draft.effects.push({ do: 'boot', op: s.op.id, key: resource.key, seed: seedOf(resource, ctx) });
    return 1;
  }
  return startPools({ ...s, ctx }, poolsOf(resource.type, ctx));
}

/** Starts the nodes of every pool. */
export function startPools(s: Start, pools: Pool[]): number {
  let steps = 0;
  for (const pool of pools) {
    const numbers = Array.from({ length: pool.count }, (_, n) => n);
    steps += startNodes(s, pool, numbers);
  }
  return steps;
}

/** Starts the machines of a pool with these numbers; how many steps that are. */
export function startNodes(s: Start, pool: Pool, numbers: readonly number[]): number {
  return numbers.reduce((steps, n) => steps + startNode(s, pool, n), 0);
}

function startNode(s: Start, pool: Pool, n: number): number {
  const { draft, resource, ctx } = s;
  const cluster = CLUSTER_TYPES.has(resource.type) ? resource : clusterOf(draft.world, resource.type, resource.attrs);
  if (!cluster) return 0;
  const made = instance(pool, { owner: resource, cluster, c: ctx, n });
  draft.put(made.resource);
  draft.effects.push({
    do: 'addNode',
    op: s.op.id,
    key: made.resource.key,
    id: str(cluster.hidden.clusterId),
    node: made.node,
  });
  return 1;
}
