import type { CloudError, Input, Resource, Who } from '../model.ts';
import { fail } from '../rules/rule.ts';
import { str } from '../values.ts';
import { controllerOf, remove } from './balancer.ts';
import { throttled } from './checks.ts';
import type { Answer, Case } from './decide.ts';
import { blocked } from './delete.ts';
import { RULES_OF } from './rules.ts';
import type { Target } from './target.ts';

type Sweep = Case<Extract<Input, { kind: 'sweep' }>>;

/** An API call deletes one object; what is in its way is said at once, nobody waits for it. */
export function sweep(c: Sweep): Answer {
  const r = c.draft.world.resources.get(c.input.key);
  if (!r) return { error: fail(404, 'NotFound', `${c.input.key} does not exist`) };
  const running = [...c.draft.world.ops.values()].find((o) => o.target === r.key && o.phase === 'running');
  if (running?.verb === 'delete') return { op: running.id };
  const error = tooFast(c, r) ?? inUse(c, r) ?? blocked(c, r);
  if (error) return { error };
  if (str(r.hidden.vip)) c.draft.effects.push({ do: 'vipGone', ip: str(r.hidden.vip) });
  for (const part of goesAlong(c, r)) erase(c, part, 'gone');
  return { op: erase(c, r, 'waiting') };
}

const who = (r: Resource): Who => ({ ...controllerOf(r), by: 'api', caller: 'api' });
const targetOf = (r: Resource): Target => ({
  cloud: r.cloud,
  region: r.region,
  cluster: str(r.hidden.cluster),
  type: r.type,
  name: str(r.attrs.name) || r.id,
  verb: 'delete',
});
const erase = (c: Sweep, part: Resource, caller: 'gone' | 'waiting'): string =>
  remove(c, { part, target: targetOf(part), who: who(part), caller });

const tooFast = (c: Sweep, r: Resource): CloudError | undefined =>
  throttled({ rule: RULES_OF(r.type), target: targetOf(r), chaos: c.chaos, now: c.now });

/** The load balancer whose part this is, while it stands. */
export function ownerOf(world: Sweep['draft']['world'], part: Resource): Resource | undefined {
  if (part.hidden.service === undefined || part.hidden.main === true) return undefined;
  for (const r of world.resources.values())
    if (r.hidden.main === true && r.hidden.service === part.hidden.service && r.hidden.cluster === part.hidden.cluster)
      return r;
  return undefined;
}

function inUse(c: Sweep, r: Resource): CloudError | undefined {
  if (r.type !== 'aws_eni' || ownerOf(c.draft.world, r) === undefined) return undefined;
  return fail(400, 'InvalidParameterValue', `Network interface '${r.id}' is currently in use.`);
}

/** AWS takes the interfaces of a load balancer with it; its security group is the controller's to delete. */
function goesAlong(c: Sweep, r: Resource): Resource[] {
  if (r.type !== 'aws_lb') return [];
  return [...c.draft.world.resources.values()].filter(
    (x) => x.type === 'aws_eni' && x.hidden.service === r.hidden.service && x.hidden.cluster === r.hidden.cluster,
  );
}
