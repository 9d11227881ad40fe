import { drawOf } from '../draw.ts';
import type { Input, Obj, Resource, VolumeWish } from '../model.ts';
import { VOLUME } from '../rules/controller.ts';
import { fail } from '../rules/rule.ts';
import { str } from '../values.ts';
import { clusterById } from './balancer.ts';
import type { Answer, Case } from './decide.ts';

type Volume = Case<Extract<Input, { kind: 'volume' }>>;

/** A volume of a cluster: it outlives the cluster, and nobody but its storage driver or a person deletes it. */
export function volume(c: Volume): Answer {
  const { cluster, wish } = c.input;
  const owner = clusterById(c.draft.world, cluster);
  if (!owner) return { error: fail(404, 'ClusterNotFound', `no cluster ${cluster}`) };
  const { id, attrs } = shape(c, owner, wish);
  c.draft.put({
    key: `${VOLUME[owner.cloud]}/${id}`,
    cloud: owner.cloud,
    type: VOLUME[owner.cloud],
    id,
    region: owner.region,
    account: owner.account,
    phase: 'ready',
    by: 'controller',
    attrs: { ...attrs, id, name: wish.name, size: wish.gib, zone: wish.zone },
    hidden: { cluster },
    orphan: false,
    createdAt: c.now,
  });
  return undefined;
}

/** Tags as the storage drivers of the three clouds set them. */
function shape(c: Volume, owner: Resource, wish: VolumeWish): { id: string; attrs: Obj } {
  const name = str(owner.attrs.name);
  const claim = { 'kubernetes.io/created-for/pv/name': wish.name };
  if (owner.cloud === 'aws') {
    const draw = drawOf(c.draft.world.setting.seed, `volume|${owner.key}|${wish.name}`);
    const tags = { [`kubernetes.io/cluster/${name}`]: 'owned', Name: `${name}-dynamic-${wish.name}`, ...claim };
    return { id: `vol-${draw.hex('id', 17)}`, attrs: { tags } };
  }
  if (owner.cloud === 'azure') {
    const group = `/subscriptions/${owner.account}/resourceGroups/${str(owner.hidden.nodeGroup)}`;
    return { id: `${group}/providers/Microsoft.Compute/disks/${wish.name}`, attrs: { tags: claim } };
  }
  const labels = { 'goog-k8s-cluster-name': name, 'goog-k8s-cluster-location': owner.region };
  return { id: `projects/${owner.account}/zones/${wish.zone}/disks/${wish.name}`, attrs: { labels } };
}
