import type { Json } from '../../kernel/index.ts';
import { clusterDnsIp } from '../plan/allocate.ts';
import type { Layout } from '../plan/layout.ts';
import type { ClusterState, NodeState } from './model.ts';

/** The resolver every cluster asks: the root of the simulated Internet. */
export const ROOT_DNS = '198.19.0.53';
/** Where the AWS door of the clouds also answers token reviews. */
const WEBHOOK = 'http://198.19.0.10/webhook';

/** Spec file of `tw-sandbox control-plane`. */
export function controlPlaneSpec(l: Layout, c: ClusterState): Json {
  const { seed } = c;
  return {
    id: seed.id,
    cluster: seed.cluster,
    cloud: seed.cloud,
    region: seed.region,
    zones: seed.zones,
    dir: l.cluster(seed.id),
    privateIp: c.privateIp,
    endpointIp: c.endpointIp,
    dnsName: seed.dnsName,
    issuer: seed.issuer,
    podCidr: seed.podCidr,
    serviceCidr: seed.serviceCidr,
    version: seed.version,
    cloudsSocket: l.cloudsSocket,
    webhookUrl: `${WEBHOOK}/${seed.id}`,
    dnsUpstream: ROOT_DNS,
  };
}

/** Spec file of `tw-sandbox node`. */
export function nodeSpec(l: Layout, c: ClusterState, n: NodeState, o: { shim: string; rootless: boolean }): Json {
  return {
    cluster: c.seed.cluster,
    id: c.seed.id,
    node: n.seed.name,
    dir: l.node(c.seed.id, n.seed.name),
    ip: n.ip,
    clusterDir: l.cluster(c.seed.id),
    apiServer: `https://${c.privateIp}:443`,
    podCidr: c.seed.podCidr,
    serviceCidr: c.seed.serviceCidr,
    clusterDns: clusterDnsIp(c.seed.serviceCidr),
    instanceType: n.seed.instanceType,
    cpu: n.seed.cpu,
    memoryBytes: n.seed.memoryBytes,
    labels: n.seed.labels,
    taints: n.seed.taints,
    providerId: n.seed.providerId,
    recipes: l.recipes,
    shim: o.shim,
    rootless: o.rootless,
    osImage: 'Tradewind sandbox (Linux)',
  };
}
