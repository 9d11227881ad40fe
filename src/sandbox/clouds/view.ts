import { CLUSTER_TYPES } from './machine/pools.ts';
import type { CloudName, Resource, World } from './model.ts';
import { str } from './values.ts';

/** One object for people and for the sweep; secrets stay out. */
export interface ResourceView {
  type: string;
  id: string;
  cloud: CloudName;
  region: string;
  phase: Resource['phase'];
  by: Resource['by'];
  orphan: boolean;
  /** Cluster id (`aws-demo-sao`) where it belongs to one. */
  cluster?: string;
}
export interface WorldView {
  at: number;
  resources: ResourceView[];
  ops: {
    id: string;
    verb: string;
    type: string;
    target: string;
    phase: string;
    caller: string;
    startedAt: number;
    dueAt: number;
    error?: string;
  }[];
}

export function viewOf(w: World, at: number): WorldView {
  const resources = [...w.resources.values()].map((r): ResourceView => {
    const cluster = str(r.hidden.cluster) || str(r.hidden.clusterId);
    return {
      type: r.type,
      id: r.id,
      cloud: r.cloud,
      region: r.region,
      phase: r.phase,
      by: r.by,
      orphan: r.orphan,
      ...(cluster ? { cluster } : {}),
    };
  });
  const ops = [...w.ops.values()].map((o) => ({
    id: o.id,
    verb: o.verb,
    type: o.type,
    target: o.target,
    phase: o.phase,
    caller: o.caller,
    startedAt: o.startedAt,
    dueAt: o.dueAt,
    ...(o.error ? { error: `${o.error.code}: ${o.error.message}` } : {}),
  }));
  return { at, resources, ops };
}

export interface WorldSummary {
  at: number;
  /** Objects per cloud. */
  clouds: Record<CloudName, number>;
  /** By cluster id. */
  clusters: {
    id: string;
    cloud: CloudName;
    region: string;
    phase: string;
    nodes: number;
    loadBalancers: number;
    endpointIp: string;
  }[];
  running: number;
  orphans: number;
}

const LOAD_BALANCERS = ['aws_lb', 'azure_frontend', 'gcp_forwarding_rule'];

export function summaryOf(w: World, at: number): WorldSummary {
  const all = [...w.resources.values()];
  const of = (cloud: CloudName) => all.filter((r) => r.cloud === cloud).length;
  const clusters = all
    .filter((r) => CLUSTER_TYPES.has(r.type))
    .map((r) => {
      const id = str(r.hidden.clusterId);
      const mine = all.filter((x) => x.hidden.cluster === id);
      return {
        id,
        cloud: r.cloud,
        region: r.region,
        phase: r.phase,
        nodes: mine.filter((x) => x.hidden.seed !== undefined).length,
        loadBalancers: mine.filter((x) => LOAD_BALANCERS.includes(x.type)).length,
        endpointIp: str(r.hidden.endpointIp),
      };
    });
  return {
    at,
    clouds: { aws: of('aws'), azure: of('azure'), gcp: of('gcp') },
    clusters,
    running: [...w.ops.values()].filter((o) => o.phase === 'running').length,
    orphans: all.filter((r) => r.orphan).length,
  };
}
