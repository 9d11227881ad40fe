import type { ClusterSeed } from '../../machines.ts';
import type { Resource } from '../model.ts';
import { DEFAULT_VERSION, minorOf, zonesOf } from '../offers.ts';
import { lastOf } from '../rules/gcp-base.ts';
import { type Ctx, clusterLabel, find } from '../rules/rule.ts';
import { str, stringMap, strings } from '../values.ts';

const POD_CIDR = '10.244.0.0/16';

/** Id of the cluster's machines: `<cloud>-<name>`. */
const clusterId = (cloud: string, name: string): string => `${cloud}-${name}`;

/** What the machines need to know of a cluster that begins. */
export function seedOf(r: Resource, c: Ctx): ClusterSeed {
  const name = str(r.attrs.name);
  const tags = { ...c.who.tags, ...stringMap(r.attrs.tags), ...stringMap(r.attrs.resource_labels) };
  return {
    id: clusterId(r.cloud, name),
    cluster: clusterLabel(tags) ?? name,
    cloud: r.cloud,
    region: r.region,
    dnsName: str(r.hidden.dnsName),
    issuer: str(r.hidden.issuer),
    ...networks(r, c),
  };
}

type Networks = Pick<ClusterSeed, 'zones' | 'nodeCidr' | 'podCidr' | 'serviceCidr' | 'version'>;

function networks(r: Resource, c: Ctx): Networks {
  if (r.cloud === 'aws') return aws(r, c);
  return r.cloud === 'azure' ? azure(r, c) : google(r, c);
}

function aws(r: Resource, c: Ctx): Networks {
  const subnets = strings(r.attrs, 'vpc_config.subnet_ids').map((id) => find(c.world, 'aws_subnet', 'id', id));
  const vpc = find(c.world, 'aws_vpc', 'id', str(subnets[0]?.attrs.vpc_id));
  return {
    zones: [...new Set(subnets.map((s) => str(s?.attrs.availability_zone)).filter(Boolean))].toSorted(),
    nodeCidr: str(vpc?.attrs.cidr_block),
    // Real EKS pods take addresses of the VPC; the sandbox's nodes give theirs from a range of their own.
    podCidr: stringMap(r.attrs.tags)['tradewind.dev/pods'] ?? POD_CIDR,
    serviceCidr: str(r.attrs, 'kubernetes_network_config.service_ipv4_cidr'),
    version: minorOf(str(r.attrs.version) || DEFAULT_VERSION),
  };
}

function azure(r: Resource, c: Ctx): Networks {
  const subnet = find(c.world, 'azurerm_subnet', 'id', str(r.attrs, 'default_node_pool.vnet_subnet_id'));
  const vnet = find(c.world, 'azurerm_virtual_network', 'id', (subnet?.id ?? '').replace(/\/subnets\/.*$/, ''));
  return {
    zones: strings(r.attrs, 'default_node_pool.zones'),
    nodeCidr: strings(vnet?.attrs.address_space)[0] ?? strings(subnet?.attrs.address_prefixes)[0] ?? '10.224.0.0/16',
    podCidr: str(r.attrs, 'network_profile.pod_cidr') || POD_CIDR,
    serviceCidr: str(r.attrs, 'network_profile.service_cidr') || '10.0.0.0/16',
    version: minorOf(str(r.attrs.kubernetes_version) || DEFAULT_VERSION),
  };
}

function google(r: Resource, c: Ctx): Networks {
  const subnet = find(c.world, 'google_compute_subnetwork', 'name', lastOf(str(r.attrs.subnetwork)));
  return {
    zones: strings(r.attrs.node_locations).length > 0 ? strings(r.attrs.node_locations) : zonesOf('gcp', r.region),
    nodeCidr: str(subnet?.attrs.ip_cidr_range) || '10.128.0.0/20',
    podCidr: str(r.attrs.cluster_ipv4_cidr) || POD_CIDR,
    serviceCidr: str(r.attrs.services_ipv4_cidr) || '10.250.0.0/20',
    version: minorOf(str(r.attrs.min_master_version) || DEFAULT_VERSION),
  };
}
