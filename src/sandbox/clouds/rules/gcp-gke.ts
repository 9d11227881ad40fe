import type { Data } from '../model.ts';
import { DEFAULT_VERSION, minorOf, patchOf, zonesOf } from '../offers.ts';
import { num, str, strings } from '../values.ts';
import { gcp, gcpNeed, labelled, lastOf, projectPath } from './gcp-base.ts';
import { type Ctx, fail, find, secs, type TypeRule } from './rule.ts';

const location = (c: Ctx): string => str(c.attrs.location) || c.who.region;
/** `australia-southeast1` of a region or a zone. */
const regionOfLocation = (where: string): string => where.replace(/-[a-z]$/, '');
const gkeVersion = (v: string): string => `${patchOf(v || DEFAULT_VERSION)}-gke.1268000`;
const clusterPath = (c: Ctx): string => `${projectPath(c)}/locations/${location(c)}/clusters/${str(c.attrs.name)}`;

const cluster: TypeRule = gcp({
  type: 'google_container_cluster',
  words: { label: 'cluster' },
  id: clusterPath,
  server: {
    cluster_ipv4_cidr: (c) =>
      str(c.attrs, 'ip_allocation_policy.cluster_ipv4_cidr_block') ||
      secondaryRange(c, 'cluster_secondary_range_name') ||
      '10.244.0.0/16',
    'control_plane_endpoints_config.dns_endpoint_config.endpoint': (c) =>
      `gke-${c.draw.hex('dns', 32)}.${regionOfLocation(location(c))}.gke.goog`,
    datapath_provider: () => '',
    default_max_pods_per_node: () => 110,
    description: () => '',
    enable_intranode_visibility: () => true,
    endpoint: (c) => c.access?.endpointIp ?? '',
    enterprise_config: () => [{ cluster_tier: 'STANDARD', desired_tier: '' }],
    in_transit_encryption_config: () => '',
    'ip_allocation_policy.cluster_ipv4_cidr_block': (c) =>
      secondaryRange(c, 'cluster_secondary_range_name') || '10.244.0.0/16',
    'ip_allocation_policy.services_ipv4_cidr_block': (c) =>
      secondaryRange(c, 'services_secondary_range_name') || '10.250.0.0/20',
    'ip_allocation_policy.cluster_secondary_range_name': () => '',
    'ip_allocation_policy.services_secondary_range_name': () => '',
    label_fingerprint: () => '78cdf2f6',
    location: (c) => c.who.region,
    logging_service: () => 'logging.googleapis.com/kubernetes',
    master_auth: (c): Data => [
      {
        client_certificate: '',
        client_certificate_config: [{ issue_client_certificate: false }],
        client_key: '',
        cluster_ca_certificate: c.access?.ca ?? '',
      },
    ],
    master_version: (c) => gkeVersion(str(c.attrs.min_master_version)),
    monitoring_service: () => 'monitoring.googleapis.com/kubernetes',
    networking_mode: () => 'VPC_NATIVE',
    node_locations: (c) => zonesOf('gcp', regionOfLocation(location(c))),
    node_version: (c) => gkeVersion(str(c.attrs.min_master_version)),
    operation: () => null,
    'private_cluster_config.enable_private_endpoint': () => false,
    'private_cluster_config.master_global_access_config': () => [{ enabled: false }],
    'private_cluster_config.master_ipv4_cidr_block': () => '',
    'private_cluster_config.peering_name': () => '',
    'private_cluster_config.private_endpoint': () => '',
    'private_cluster_config.private_endpoint_subnetwork': () => '',
    'private_cluster_config.public_endpoint': (c) => c.access?.endpointIp ?? '',
    private_ipv6_google_access: () => '',
    self_link: (c) => `https://container.googleapis.com/v1/${c.id}`,
    services_ipv4_cidr: (c) =>
      str(c.attrs, 'ip_allocation_policy.services_ipv4_cidr_block') ||
      secondaryRange(c, 'services_secondary_range_name') ||
      '10.250.0.0/20',
    subnetwork: () => '',
    tpu_ipv4_cidr_block: () => '',
  },
  derived: { effective_labels: resourceLabels, terraform_labels: resourceLabels },
  defaults: {
    deletion_protection: true,
    enable_cilium_clusterwide_network_policy: false,
    enable_fqdn_network_policy: false,
    enable_kubernetes_alpha: false,
    enable_l4_ilb_subsetting: false,
    disable_l4_lb_firewall_reconciliation: false,
    enable_legacy_abac: false,
    enable_multi_networking: false,
    enable_shielded_nodes: true,
    network: 'default',
    'ip_allocation_policy.stack_type': 'IPV4',
  },
  forceNew: [
    'name',
    'location',
    'network',
    'subnetwork',
    'datapath_provider',
    'enable_autopilot',
    'networking_mode',
    'initial_node_count',
    'ip_allocation_policy.cluster_secondary_range_name',
    'ip_allocation_policy.services_secondary_range_name',
    'ip_allocation_policy.cluster_ipv4_cidr_block',
    'ip_allocation_policy.services_ipv4_cidr_block',
    'private_cluster_config.enable_private_nodes',
  ],
  follows: { master_version: ['min_master_version'] },
  needs: [
    gcpNeed('network', 'google_compute_network', (n, c) => `${projectPath(c)}/global/networks/${n}`),
    gcpNeed(
      'subnetwork',
      'google_compute_subnetwork',
      (n, c) => `${projectPath(c)}/regions/${regionOfLocation(location(c))}/subnetworks/${n}`,
    ),
  ],
  blockedBy: [
    {
      holds: (o, self) => o.key === self.key && self.attrs.deletion_protection === true,
      error: () =>
        fail(
          400,
          'deletionProtection',
          'Cannot destroy cluster because deletion_protection is set to true. Set it to false to proceed with cluster deletion.',
        ),
    },
  ],
  exists: (_, id) => fail(409, 'alreadyExists', `Already exists: ${id}.`),
  onStop: 'save',
  hidden: (c) => ({ dnsName: '', issuer: `https://container.googleapis.com/v1/${clusterPath(c)}` }),
  takes: { create: secs(156, 246, 564), update: secs(30, 120, 400), delete: secs(120, 180, 320) },
  timeouts: { create: 2400, update: 3600, delete: 2400 },
});

function resourceLabels(c: { attrs: Ctx['attrs']; who: Ctx['who']; prior: Ctx['attrs'] | null }): Data {
  return labelled.effective_labels({ ...c, attrs: { labels: c.attrs.resource_labels ?? null } });
}

/** CIDR of the subnetwork's secondary range that the cluster names. */
function secondaryRange(c: Ctx, attribute: string): string {
  const wanted = str(c.attrs, `ip_allocation_policy.${attribute}`);
  const subnet = find(c.world, 'google_compute_subnetwork', 'name', lastOf(str(c.attrs.subnetwork)));
  const ranges = subnet?.attrs.secondary_ip_range;
  if (!Array.isArray(ranges)) return '';
  return str(
    ranges.find((r) => str(r, 'range_name') === wanted),
    'ip_cidr_range',
  );
}

const parent = (c: Ctx) => find(c.world, 'google_container_cluster', 'name', lastOf(str(c.attrs.cluster)));
const poolName = (c: Ctx): string =>
  str(c.attrs.name) || `${str(c.attrs.name_prefix) || 'terraform-'}${c.draw.digits('name', 26)}`;
const poolLocation = (c: Ctx): string => str(c.attrs.location) || str(parent(c)?.attrs.location) || c.who.region;

const nodeConfig: TypeRule['server'] = {
  node_config: (c) => [{ ...emptyNodeConfig(c), machine_type: 'e2-medium' }],
  ...Object.fromEntries(
    Object.keys(fixedNodeConfig()).map((k) => [`node_config.${k}`, (c: Ctx): Data => emptyNodeConfig(c)[k] ?? null]),
  ),
};
function fixedNodeConfig(): Record<string, Data> {
  return {
    boot_disk: [{ disk_type: 'pd-balanced', provisioned_iops: 0, provisioned_throughput: 0, size_gb: 100 }],
    disk_size_gb: 100,
    disk_type: 'pd-balanced',
    effective_taints: [],
    image_type: 'COS_CONTAINERD',
    labels: {},
    local_ssd_count: 0,
    local_ssd_encryption_mode: '',
    logging_variant: 'DEFAULT',
    machine_type: 'e2-medium',
    metadata: { 'disable-legacy-endpoints': 'true' },
    min_cpu_platform: '',
    oauth_scopes: [
      'https://www.googleapis.com/auth/devstorage.read_only',
      'https://www.googleapis.com/auth/logging.write',
      'https://www.googleapis.com/auth/monitoring',
    ],
    resource_labels: { 'goog-gke-node-pool-provisioning-model': 'on-demand' },
    service_account: 'default',
    shielded_instance_config: [{ enable_integrity_monitoring: true, enable_secure_boot: false }],
  };
}
const emptyNodeConfig = (c: Ctx): Record<string, Data> => {
  const type = str(c.attrs, 'node_config.disk_type') || 'pd-balanced';
  const size = num(c.attrs, 'node_config.disk_size_gb') ?? 100;
  return {
    ...fixedNodeConfig(),
    boot_disk: [{ disk_type: type, provisioned_iops: 0, provisioned_throughput: 0, size_gb: size }],
  };
};

const nodePool: TypeRule = gcp({
  type: 'google_container_node_pool',
  words: { label: 'NodePool' },
  id: (c) =>
    `${projectPath(c)}/locations/${poolLocation(c)}/clusters/${lastOf(str(c.attrs.cluster))}/nodePools/${poolName(c)}`,
  server: {
    ...nodeConfig,
    initial_node_count: (c) => num(c.attrs, 'node_count') ?? num(c.attrs, 'autoscaling.min_node_count') ?? 1,
    instance_group_urls: (c) => groupUrls(c, 'instanceGroupManagers'),
    location: poolLocation,
    managed_instance_group_urls: (c) => groupUrls(c, 'instanceGroups'),
    max_pods_per_node: () => 110,
    name: poolName,
    name_prefix: () => '',
    network_config: (c) => [
      {
        additional_node_network_configs: [],
        additional_pod_network_configs: [],
        create_pod_range: false,
        enable_private_nodes: true,
        network_performance_config: [],
        pod_cidr_overprovision_config: [],
        pod_ipv4_cidr_block: str(parent(c)?.attrs.cluster_ipv4_cidr),
        pod_range: 'pods',
        subnetwork: str(parent(c)?.attrs.subnetwork),
      },
    ],
    node_count: (c) =>
      Math.max(1, Math.ceil((num(c.attrs, 'autoscaling.total_min_node_count') ?? 1) / Math.max(1, zones(c).length))),
    node_locations: (c) => zones(c),
    operation: () => null,
    version: (c) => gkeVersion(minorOf(str(parent(c)?.attrs.master_version))),
    'management.auto_repair': () => true,
    'management.auto_upgrade': () => true,
    'upgrade_settings.strategy': () => 'SURGE',
    'autoscaling.location_policy': () => 'BALANCED',
  },
  defaults: {},
  forceNew: [
    'name',
    'name_prefix',
    'cluster',
    'location',
    'max_pods_per_node',
    'initial_node_count',
    'node_config.spot',
    'node_config.service_account',
    'node_config.oauth_scopes',
    'node_config.preemptible',
  ],
  needs: [
    gcpNeed(
      'cluster',
      'google_container_cluster',
      (n, c) => `${projectPath(c)}/locations/${poolLocation(c)}/clusters/${n}`,
    ),
  ],
  machineTypes: (c) => ({
    path: 'node_config.machine_type',
    types: [str(c.attrs, 'node_config.machine_type') || 'e2-medium'],
    zones: zones(c),
  }),
  exists: (_, id) => fail(409, 'alreadyExists', `Already exists: ${id}.`),
  onStop: 'save',
  takes: { create: secs(50, 75, 130), update: secs(30, 120, 300), delete: secs(60, 130, 250) },
});

function zones(c: Ctx): string[] {
  const own = strings(c.attrs.node_locations);
  if (own.length > 0) return own;
  const inherited = strings(parent(c)?.attrs.node_locations);
  return inherited.length > 0 ? inherited : zonesOf('gcp', regionOfLocation(poolLocation(c)));
}
const groupUrls = (c: Ctx, kind: string): Data =>
  zones(c).map(
    (z) =>
      `https://www.googleapis.com/compute/v1/${projectPath(c)}/zones/${z}/${kind}/gke-${lastOf(str(c.attrs.cluster)).slice(0, 18)}-${poolName(c)}-${c.draw.hex('group', 8)}-grp`,
  );

export const gcpGke = [cluster, nodePool];
