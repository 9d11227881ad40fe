import type { Json } from '../kernel/index.ts';

/** The nodes that a cluster was built for. */
export interface BuiltNodes {
  type: string;
  max: number;
}
/** A resource as terraform's state file (version 4) holds it. */
export interface StateResource {
  mode: string;
  type?: string;
  instances?: { attributes?: { [key: string]: Json } }[];
}

/** Ways to the machine type and to the most nodes, in the attributes of each cloud's pool. */
const POOLS: Readonly<Record<string, { type: string; max: string }>> = {
  aws_eks_node_group: { type: 'instance_types.0', max: 'scaling_config.0.max_size' },
  azurerm_kubernetes_cluster: { type: 'default_node_pool.0.vm_size', max: 'default_node_pool.0.max_count' },
  google_container_node_pool: { type: 'node_config.0.machine_type', max: 'autoscaling.0.total_max_node_count' },
};

const at = (value: Json | undefined, path: string): Json | undefined =>
  path
    .split('.')
    .reduce<Json | undefined>(
      (v, key) => (typeof v === 'object' && v !== null ? (v as { [key: string]: Json })[key] : undefined),
      value,
    );

/** What the pool in a state is built for; undefined where the cloud chooses machines itself, or the pool is another's. */
export function builtNodes(resources: readonly StateResource[]): BuiltNodes | undefined {
  for (const r of resources) {
    const way = POOLS[r.type ?? ''];
    const attributes = r.instances?.[0]?.attributes;
    if (way === undefined || attributes === undefined) continue;
    const [type, max] = [at(attributes, way.type), at(attributes, way.max)];
    if (typeof type === 'string' && typeof max === 'number') return { type, max };
  }
  return undefined;
}
