import type { NodeSeed } from '../../machines.ts';
import type { Obj, Resource, World } from '../model.ts';
import { MACHINE_TYPES, zonesOf } from '../offers.ts';
import { isAutoMode } from '../rules/aws-eks.ts';
import { lastOf } from '../rules/gcp-base.ts';
import { type Ctx, find } from '../rules/rule.ts';
import { at, isObj, num, str, stringMap, strings } from '../values.ts';

/** Nodes that an object asks for. `pool` is unique inside the cluster. */
export interface Pool {
  pool: string;
  count: number;
  instanceType: string;
  zones: string[];
  labels: Record<string, string>;
  taints: NodeSeed['taints'];
  subnets: string[];
}

/** The cluster resource that an object is or belongs to. */
export function clusterOf(world: World, type: string, attrs: Obj): Resource | undefined {
  if (type === 'aws_eks_node_group') return find(world, 'aws_eks_cluster', 'name', str(attrs.cluster_name));
  if (type === 'azurerm_kubernetes_cluster_node_pool')
    return find(world, 'azurerm_kubernetes_cluster', 'id', str(attrs.kubernetes_cluster_id));
  if (type === 'google_container_node_pool')
    return find(world, 'google_container_cluster', 'name', lastOf(str(attrs.cluster)));
  return undefined;
}

export const CLUSTER_TYPES = new Set(['aws_eks_cluster', 'azurerm_kubernetes_cluster', 'google_container_cluster']);

const POOLS: Record<string, (c: Ctx) => Pool[]> = {
  aws_eks_cluster: (c) => (isAutoMode(c.attrs) ? [awsAuto(c)] : []),
  aws_eks_node_group: (c) => [awsGroup(c)],
  azurerm_kubernetes_cluster: (c) => {
    const pool = at(c.attrs, 'default_node_pool');
    const first = Array.isArray(pool) && isObj(pool[0]) ? pool[0] : {};
    return [azurePool(first, str(first.name), 'system')];
  },
  azurerm_kubernetes_cluster_node_pool: (c) => [
    azurePool(c.attrs, str(c.attrs.name), str(c.attrs.mode).toLowerCase() || 'user'),
  ],
  google_container_cluster: (c) => googleDefault(c),
  google_container_node_pool: (c) => [googlePool(c)],
};

/** Pools that an object brings; none for all but clusters with own nodes and node pools. */
export function poolsOf(type: string, c: Ctx): Pool[] {
  return POOLS[type]?.(c) ?? [];
}

function subnetZones(c: Ctx, subnets: string[]): string[] {
  const zones = subnets
    .map((id) => str(find(c.world, 'aws_subnet', 'id', id)?.attrs.availability_zone))
    .filter(Boolean);
  return [...new Set(zones)].toSorted();
}

/** Auto Mode's built-in pool. The sandbox starts one node; adding more for pending pods is the autoscaler's. */
function awsAuto(c: Ctx): Pool {
  const subnets = strings(c.attrs, 'vpc_config.subnet_ids');
  const labels = { 'karpenter.sh/nodepool': 'general-purpose', 'eks.amazonaws.com/compute-type': 'auto' };
  return {
    pool: 'general-purpose',
    count: 1,
    instanceType: 't3.medium',
    zones: subnetZones(c, subnets),
    labels,
    taints: [],
    subnets,
  };
}

const EFFECTS: Record<string, string> = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
};

function awsGroup(c: Ctx): Pool {
  const name = str(c.attrs.node_group_name);
  const subnets = strings(c.attrs.subnet_ids);
  const taints = (Array.isArray(c.attrs.taint) ? c.attrs.taint : []).map((t) => ({
    key: str(t, 'key'),
    value: str(t, 'value'),
    effect: EFFECTS[str(t, 'effect')] ?? str(t, 'effect'),
  }));
  return {
    pool: name,
    count: num(c.attrs, 'scaling_config.desired_size') ?? 1,
    instanceType: strings(c.attrs.instance_types)[0] ?? 't3.medium',
    zones: subnetZones(c, subnets),
    labels: {
      'eks.amazonaws.com/nodegroup': name,
      'eks.amazonaws.com/capacityType': str(c.attrs.capacity_type) || 'ON_DEMAND',
      ...stringMap(c.attrs.labels),
    },
    taints,
    subnets,
  };
}

/** `key=value:Effect` as Azure writes taints. */
function azureTaint(text: string): NodeSeed['taints'][number] {
  const [pair = '', effect = 'NoSchedule'] = text.split(':');
  const [key = '', value = ''] = pair.split('=');
  return { key, value, effect };
}

function azurePool(attrs: Obj, name: string, mode: string): Pool {
  return {
    pool: name,
    count: num(attrs, 'node_count') ?? num(attrs, 'min_count') ?? 1,
    instanceType: str(attrs.vm_size) || 'Standard_D2s_v5',
    zones: strings(attrs.zones),
    labels: {
      'kubernetes.azure.com/agentpool': name,
      agentpool: name,
      'kubernetes.azure.com/mode': mode,
      ...stringMap(attrs.node_labels),
    },
    taints: strings(attrs.node_taints).map(azureTaint),
    subnets: [str(attrs.vnet_subnet_id)].filter(Boolean),
  };
}

/** The pool that comes with a cluster; with `remove_default_node_pool` it is gone before anyone sees it. */
function googleDefault(c: Ctx): Pool[] {
  if (c.attrs.remove_default_node_pool === true) return [];
  const autopilot = c.attrs.enable_autopilot === true;
  const zones = strings(c.attrs.node_locations);
  const spread = zones.length > 0 ? zones : zonesOf('gcp', str(c.attrs.location).replace(/-[a-z]$/, ''));
  const perZone = num(c.attrs, 'initial_node_count') ?? 0;
  const count = autopilot ? 1 : perZone * spread.length;
  const labels = { 'cloud.google.com/gke-nodepool': 'default-pool' };
  return count === 0
    ? []
    : [{ pool: 'default-pool', count, instanceType: 'e2-medium', zones: spread, labels, taints: [], subnets: [] }];
}

function googleCount(c: Ctx, zones: number): number {
  const total = num(c.attrs, 'autoscaling.total_min_node_count');
  if (total !== undefined && total > 0) return total;
  const perZone =
    num(c.attrs, 'autoscaling.min_node_count') ?? num(c.attrs, 'node_count') ?? num(c.attrs, 'initial_node_count');
  return total === 0 ? 0 : (perZone ?? 1) * Math.max(1, zones);
}

function googlePool(c: Ctx): Pool {
  const name = str(c.attrs.name);
  const cluster = clusterOf(c.world, 'google_container_node_pool', c.attrs);
  const own = strings(c.attrs.node_locations);
  const zones = own.length > 0 ? own : strings(cluster?.attrs.node_locations);
  const taints = (
    Array.isArray(at(c.attrs, 'node_config.taint')) ? (at(c.attrs, 'node_config.taint') as Obj[]) : []
  ).map((t) => ({
    key: str(t.key),
    value: str(t.value),
    effect: EFFECTS[str(t.effect)] ?? str(t.effect),
  }));
  return {
    pool: name,
    count: googleCount(c, zones.length),
    instanceType: str(c.attrs, 'node_config.machine_type') || 'e2-medium',
    zones,
    labels: { 'cloud.google.com/gke-nodepool': name, ...stringMap(at(c.attrs, 'node_config.labels')) },
    taints,
    subnets: [],
  };
}

/** Types of the machines themselves in the world. */
const INSTANCE = { aws: 'aws_instance', azure: 'azure_vm', gcp: 'gcp_instance' } as const;

const MACHINES: ReadonlySet<string> = new Set(Object.values(INSTANCE));

/** The machines of a pool as the world keeps them (`hidden.owner` is the pool's key). */
export function instancesOf(world: World, owner: string): Resource[] {
  // AKS clusters also own their node resource group.
  return [...world.resources.values()].filter(
    (r) => r.hidden.owner === owner && MACHINES.has(r.type) && r.phase !== 'deleting',
  );
}

/** The n-th machine of a pool. */
export function instance(
  p: Pool,
  o: { owner: Resource; cluster: Resource; c: Ctx; n: number },
): { resource: Resource; node: NodeSeed } {
  const { owner, cluster, c, n } = o;
  const zoneNames = p.zones.length > 0 ? p.zones : zonesOf(owner.cloud, owner.region);
  const zone = zoneNames[n % zoneNames.length] ?? '';
  const capacity = MACHINE_TYPES[owner.cloud][p.instanceType] ?? { cpu: 2, memoryBytes: 4 * 2 ** 30 };
  const where = place(p, { ...o, zone });
  const labels = {
    'topology.kubernetes.io/region': owner.region,
    'topology.kubernetes.io/zone': where.zone,
    'node.kubernetes.io/instance-type': p.instanceType,
    ...p.labels,
  };
  const node: NodeSeed = {
    name: where.name,
    zone: where.zone,
    instanceType: p.instanceType,
    ...capacity,
    labels,
    taints: p.taints,
    providerId: where.providerId,
  };
  const subnet = p.subnets[n % Math.max(1, p.subnets.length)] ?? '';
  const resource: Resource = {
    key: `${INSTANCE[owner.cloud]}/${where.id}`,
    cloud: owner.cloud,
    type: INSTANCE[owner.cloud],
    id: where.id,
    region: owner.region,
    account: owner.account,
    phase: 'creating',
    by: owner.by,
    attrs: {
      subnet_id: subnet,
      vpc_id: str(find(c.world, 'aws_subnet', 'id', subnet)?.attrs.vpc_id),
      network: str(cluster.attrs.network),
    },
    hidden: {
      owner: owner.key,
      cluster: str(cluster.hidden.clusterId),
      node: where.name,
      cpu: capacity.cpu,
      n,
      instanceType: p.instanceType,
      zone: where.zone,
      providerId: where.providerId,
      seed: { ...node },
    },
    orphan: false,
    createdAt: c.now,
  };
  return { resource, node };
}

function place(p: Pool, o: { owner: Resource; cluster: Resource; c: Ctx; n: number; zone: string }) {
  const { owner, cluster, c, n, zone } = o;
  if (owner.cloud === 'aws') {
    const id = `i-0${c.draw.hex(`instance ${p.pool} ${n}`, 16)}`;
    return { id, name: id, zone, providerId: `aws:///${zone}/${id}` };
  }
  if (owner.cloud === 'azure') {
    const set = `aks-${p.pool}-${c.draw.digits(`vmss ${p.pool}`, 8)}-vmss`;
    const id = `/subscriptions/${owner.account}/resourceGroups/${str(cluster.hidden.nodeGroup)}/providers/Microsoft.Compute/virtualMachineScaleSets/${set}/virtualMachines/${n}`;
    const zoneName = p.zones.length > 0 ? `${owner.region}-${zone}` : String(n % 3);
    return { id, name: `${set}${n.toString(36).padStart(6, '0')}`, zone: zoneName, providerId: `azure://${id}` };
  }
  const name = `gke-${str(cluster.attrs.name).slice(0, 18)}-${p.pool.slice(0, 12)}-${c.draw.hex(`group ${p.pool}`, 8)}-${c.draw.hex(`instance ${p.pool} ${n}`, 4)}`;
  return {
    id: `projects/${owner.account}/zones/${zone}/instances/${name}`,
    name,
    zone,
    providerId: `gce://${owner.account}/${zone}/${name}`,
  };
}
