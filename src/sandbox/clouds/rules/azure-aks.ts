import type { Data } from '../model.ts';
import { DEFAULT_VERSION, minorOf, patchOf } from '../offers.ts';
import { at, num, str, strings } from '../values.ts';
import { azure, group, groupNeed, idNeed, sub } from './azure-base.ts';
import { type Ctx, find, secs, type TypeRule } from './rule.ts';

/** `<dns prefix>-<8 characters>.hcp.<region>.azmk8s.io` */
const aksHost = (c: Ctx): string =>
  `${str(c.attrs.dns_prefix) || str(c.attrs.name)}-${c.draw.hex('fqdn', 8)}.hcp.${str(c.attrs.location)}.azmk8s.io`;
const aksIssuer = (c: Ctx): string =>
  `https://${str(c.attrs.location)}.oic.prod-aks.azure.com/${c.who.tenant}/${c.draw.uuid('issuer')}/`;
const nodeGroupName = (c: Ctx): string =>
  str(c.attrs.node_resource_group) ||
  `MC_${str(c.attrs.resource_group_name)}_${str(c.attrs.name)}_${str(c.attrs.location)}`.slice(0, 80);

const hasEntra = (c: Ctx): boolean =>
  at(c.attrs, 'azure_active_directory_role_based_access_control') !== null &&
  strings2(c.attrs.azure_active_directory_role_based_access_control);
const strings2 = (v: Data | undefined): boolean => Array.isArray(v) && v.length > 0;

/** The user's kubeconfig names host and CA; with Entra it holds no certificate and no password. */
function kubeConfig(c: Ctx): Data {
  if (!c.access) return [];
  const entra = hasEntra(c);
  return [
    {
      client_certificate: entra ? '' : btoa('-----BEGIN CERTIFICATE-----\nlocal account\n-----END CERTIFICATE-----\n'),
      client_key: '',
      cluster_ca_certificate: c.access.ca,
      host: `https://${aksHost(c)}:443`,
      password: '',
      username: `clusterUser_${str(c.attrs.resource_group_name)}_${str(c.attrs.name)}`,
    },
  ];
}

function kubeConfigRaw(c: Ctx): Data {
  if (!c.access) return '';
  const name = str(c.attrs.name);
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- name: ${name}`,
    `  cluster: {server: "https://${aksHost(c)}:443", certificate-authority-data: ${c.access.ca}}`,
    'contexts:',
    `- name: ${name}`,
    `  context: {cluster: ${name}, user: clusterUser_${str(c.attrs.resource_group_name)}_${name}}`,
    `current-context: ${name}`,
    '',
  ].join('\n');
}

const serviceCidr = (c: Ctx): string => str(c.attrs, 'network_profile.service_cidr') || '10.0.0.0/16';
const podCidr = (c: Ctx): Data =>
  str(c.attrs, 'network_profile.pod_cidr') ||
  (str(c.attrs, 'network_profile.network_plugin_mode') === 'overlay' ? '10.244.0.0/16' : null);
const poolCount = (c: Ctx, path: string): Data => num(c.attrs, `${path}min_count`) ?? 1;
/** Overlay networks allow 250 pods per node, the others 30 (Azure CNI) or 110. */
const maxPods = (c: Ctx): Data => (str(c.attrs, 'network_profile.network_plugin_mode') === 'overlay' ? 250 : 30);

const network: TypeRule['server'] = {
  'network_profile.dns_service_ip': (c) => `${serviceCidr(c).split('.').slice(0, 3).join('.')}.10`,
  'network_profile.ip_versions': () => ['IPv4'],
  'network_profile.load_balancer_profile': () => [
    {
      backend_pool_type: 'NodeIPConfiguration',
      effective_outbound_ips: [],
      idle_timeout_in_minutes: 30,
      managed_outbound_ip_count: 1,
      managed_outbound_ipv6_count: 0,
      outbound_ip_address_ids: [],
      outbound_ip_prefix_ids: [],
      outbound_ports_allocated: 0,
    },
  ],
  'network_profile.nat_gateway_profile': () => [],
  'network_profile.network_data_plane': () => 'azure',
  'network_profile.network_policy': () => '',
  'network_profile.network_mode': () => '',
  'network_profile.pod_cidr': podCidr,
  'network_profile.pod_cidrs': (c) => [podCidr(c)].filter((v) => v !== null),
  'network_profile.service_cidr': serviceCidr,
  'network_profile.service_cidrs': (c) => [serviceCidr(c)],
};

const pool = (path: string): TypeRule['server'] => ({
  [`${path}fips_enabled`]: () => false,
  [`${path}kubelet_disk_type`]: () => 'OS',
  [`${path}max_pods`]: maxPods,
  [`${path}node_count`]: (c) => poolCount(c, path),
  [`${path}node_labels`]: () => ({}),
  [`${path}orchestrator_version`]: (c) => version(c),
  [`${path}os_disk_size_gb`]: () => 128,
  [`${path}os_sku`]: () => 'Ubuntu',
  [`${path}workload_runtime`]: () => 'OCIContainer',
});
const poolDefaults = (path: string): TypeRule['defaults'] => ({
  [`${path}os_disk_type`]: 'Managed',
  [`${path}scale_down_mode`]: 'Delete',
  [`${path}ultra_ssd_enabled`]: false,
  [`${path}node_public_ip_enabled`]: false,
  [`${path}auto_scaling_enabled`]: false,
  [`${path}host_encryption_enabled`]: false,
  [`${path}upgrade_settings.drain_timeout_in_minutes`]: 0,
  [`${path}upgrade_settings.node_soak_duration_in_minutes`]: 0,
});

function version(c: Ctx): string {
  const own =
    str(c.attrs.kubernetes_version) ||
    str(
      find(c.world, 'azurerm_kubernetes_cluster', 'id', str(c.attrs.kubernetes_cluster_id))?.attrs.kubernetes_version,
    );
  return own || DEFAULT_VERSION;
}

const cluster: TypeRule = azure({
  type: 'azurerm_kubernetes_cluster',
  words: { label: 'Kubernetes Cluster' },
  id: (c) => `${group(c)}/providers/Microsoft.ContainerService/managedClusters/${str(c.attrs.name)}`,
  server: {
    current_kubernetes_version: (c) => patchOf(version(c)),
    fqdn: aksHost,
    http_application_routing_zone_name: () => '',
    'identity.principal_id': (c) =>
      str(c.attrs, 'identity.type') === 'SystemAssigned' ? c.draw.uuid('principal') : '',
    'identity.tenant_id': (c) => (str(c.attrs, 'identity.type') === 'SystemAssigned' ? c.who.tenant : ''),
    kube_admin_config: () => [],
    kube_admin_config_raw: () => '',
    kube_config: kubeConfig,
    kube_config_raw: kubeConfigRaw,
    kubernetes_version: () => DEFAULT_VERSION,
    node_resource_group: nodeGroupName,
    node_resource_group_id: (c) => `${sub(c)}/resourceGroups/${nodeGroupName(c)}`,
    oidc_issuer_url: (c) => (c.attrs.oidc_issuer_enabled === true ? aksIssuer(c) : ''),
    portal_fqdn: (c) => aksHost(c).replace('.hcp.', '.portal.hcp.'),
    private_fqdn: () => '',
    private_dns_zone_id: () => null,
    'azure_active_directory_role_based_access_control.tenant_id': (c) => c.who.tenant,
    ...network,
    ...pool('default_node_pool.'),
  },
  defaults: {
    ai_toolchain_operator_enabled: false,
    cost_analysis_enabled: false,
    image_cleaner_enabled: false,
    node_os_upgrade_channel: 'NodeImage',
    oidc_issuer_enabled: false,
    private_cluster_enabled: false,
    private_cluster_public_fqdn_enabled: false,
    role_based_access_control_enabled: true,
    run_command_enabled: true,
    sku_tier: 'Free',
    support_plan: 'KubernetesOfficial',
    workload_identity_enabled: false,
    'network_profile.load_balancer_sku': 'standard',
    'network_profile.outbound_type': 'loadBalancer',
    'default_node_pool.type': 'VirtualMachineScaleSets',
    'default_node_pool.only_critical_addons_enabled': false,
    'node_provisioning_profile.default_node_pools': 'Auto',
    ...poolDefaults('default_node_pool.'),
  },
  forceNew: [
    'name',
    'location',
    'resource_group_name',
    'dns_prefix',
    'node_resource_group',
    'private_cluster_enabled',
    'default_node_pool.name',
    'default_node_pool.vnet_subnet_id',
    'network_profile.network_plugin',
    'network_profile.pod_cidr',
    'network_profile.service_cidr',
    'network_profile.dns_service_ip',
    'network_profile.load_balancer_sku',
  ],
  secret: ['kube_config', 'kube_config_raw', 'kube_admin_config', 'kube_admin_config_raw'],
  follows: { current_kubernetes_version: ['kubernetes_version'], oidc_issuer_url: ['oidc_issuer_enabled'] },
  needs: [
    groupNeed,
    idNeed('default_node_pool.vnet_subnet_id', 'azurerm_subnet'),
    idNeed('identity.identity_ids', 'azurerm_user_assigned_identity'),
  ],
  hidden: (c) => ({ dnsName: aksHost(c), issuer: aksIssuer(c), nodeGroup: nodeGroupName(c) }),
  machineTypes: (c) => ({
    path: 'default_node_pool.vm_size',
    types: [str(c.attrs, 'default_node_pool.vm_size') || 'Standard_D2s_v5'],
    zones: strings(c.attrs, 'default_node_pool.zones'),
  }),
  takes: { create: secs(222, 366, 924), update: secs(30, 90, 400), delete: secs(120, 190, 400) },
  timeouts: { create: 5400, update: 5400, delete: 5400 },
});

const nodePool: TypeRule = azure({
  type: 'azurerm_kubernetes_cluster_node_pool',
  words: { label: 'Agent Pool' },
  id: (c) => `${str(c.attrs.kubernetes_cluster_id)}/agentPools/${str(c.attrs.name)}`,
  server: {
    ...pool(''),
    max_pods: (c) =>
      num(
        find(c.world, 'azurerm_kubernetes_cluster', 'id', str(c.attrs.kubernetes_cluster_id))?.attrs,
        'default_node_pool.max_pods',
      ) ?? 30,
    node_count: (c) => num(c.attrs, 'min_count') ?? 1,
    node_image_version: (c) => `AKSUbuntu-2404gen2containerd-2026.${minorOf(version(c)).replace('1.', '')}.0`,
    os_type: () => 'Linux',
    vm_size: () => 'Standard_D2s_v5',
  },
  defaults: { ...poolDefaults(''), mode: 'User', os_type: 'Linux', priority: 'Regular', spot_max_price: -1 },
  forceNew: [
    'name',
    'kubernetes_cluster_id',
    'eviction_policy',
    'priority',
    'os_type',
    'vnet_subnet_id',
    'zones',
    'vm_size',
  ],
  needs: [idNeed('kubernetes_cluster_id', 'azurerm_kubernetes_cluster'), idNeed('vnet_subnet_id', 'azurerm_subnet')],
  blockedBy: [],
  machineTypes: (c) => ({
    path: 'vm_size',
    types: [str(c.attrs.vm_size) || 'Standard_D2s_v5'],
    zones: strings(c.attrs.zones),
  }),
  takes: { create: secs(60, 130, 300), update: secs(30, 90, 300), delete: secs(60, 100, 260) },
  timeouts: { create: 3600, update: 3600, delete: 3600 },
});

export const azureAks = [cluster, nodePool];
