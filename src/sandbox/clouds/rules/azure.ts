import { str } from '../values.ts';
import { azure, group, groupNeed, idNeed, sub } from './azure-base.ts';
import { type Ctx, fail, find, publicAddress, secs, type TypeRule, takenAddresses } from './rule.ts';

const resourceGroup: TypeRule = azure({
  type: 'azurerm_resource_group',
  words: { label: 'Resource Group' },
  id: (c) => group(c, str(c.attrs.name)),
  forceNew: ['name', 'location'],
  blockedBy: [
    {
      // `prevent_deletion_if_contains_resources`, the provider's default.
      holds: (o, self) => self.hidden.prevent === true && o.id.startsWith(`${self.id}/`) && o.phase !== 'deleting',
      error: (o, self) =>
        fail(
          409,
          'ContainsResources',
          `deleting Resource Group "${str(self.attrs.name)}": the Resource Group still contains Resources.\n\nTerraform is configured to check for Resources within the Resource Group when deleting the Resource Group - and\nraise an error if nested Resources still exist to avoid unintentionally deleting these Resources.\n\nTerraform has detected that the following Resources still exist within the Resource Group:\n\n* \`${o.id}\``,
        ),
    },
  ],
  takes: { create: secs(1, 12, 22), delete: secs(10, 18, 80) },
  timeouts: { create: 5400, delete: 5400 },
});

const virtualNetwork: TypeRule = azure({
  type: 'azurerm_virtual_network',
  words: { label: 'Virtual Network' },
  id: (c) => `${group(c)}/providers/Microsoft.Network/virtualNetworks/${str(c.attrs.name)}`,
  server: { guid: (c) => c.draw.uuid('guid'), subnet: () => [] },
  defaults: { private_endpoint_vnet_policies: 'Disabled' },
  forceNew: ['name', 'location', 'resource_group_name', 'edge_zone'],
  needs: [groupNeed],
  blockedBy: [
    {
      holds: (o, self) => o.id.startsWith(`${self.id}/subnets/`) && usedBy(o.attrs),
      error: (o) =>
        fail(400, 'InUseSubnetCannotBeDeleted', `Subnet ${str(o.attrs.name)} is in use and cannot be deleted.`),
    },
  ],
  takes: { create: secs(4, 6, 12), delete: secs(10, 12, 14) },
});
const usedBy = (attrs: Ctx['attrs']): boolean => attrs.$used === true;

const subnet: TypeRule = azure({
  type: 'azurerm_subnet',
  words: { label: 'Subnet' },
  id: (c) =>
    `${group(c)}/providers/Microsoft.Network/virtualNetworks/${str(c.attrs.virtual_network_name)}/subnets/${str(c.attrs.name)}`,
  defaults: {
    default_outbound_access_enabled: true,
    private_endpoint_network_policies: 'Disabled',
    private_link_service_network_policies_enabled: true,
  },
  forceNew: ['name', 'resource_group_name', 'virtual_network_name'],
  needs: [
    groupNeed,
    {
      path: 'virtual_network_name',
      types: ['azurerm_virtual_network'],
      by: 'name',
      error: (v, c) =>
        fail(
          404,
          'ResourceNotFound',
          `The Resource 'Microsoft.Network/virtualNetworks/${v}' under resource group '${str(c.attrs.resource_group_name)}' was not found.`,
        ),
    },
  ],
  blockedBy: [
    {
      holds: (o, self) =>
        (o.type === 'azurerm_kubernetes_cluster' && subnetOf(o.attrs) === self.id) ||
        (o.type === 'azurerm_kubernetes_cluster_node_pool' && o.attrs.vnet_subnet_id === self.id),
      error: (o, self) =>
        fail(
          400,
          'InUseSubnetCannotBeDeleted',
          `Subnet ${str(self.attrs.name)} is in use by ${o.id} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet. See aka.ms/deletesubnet.`,
        ),
    },
  ],
  takes: { create: secs(4, 5, 9), delete: secs(10, 11, 13) },
});
const subnetOf = (attrs: Ctx['attrs']): string => str(attrs, 'default_node_pool.vnet_subnet_id');

const identity: TypeRule = azure({
  type: 'azurerm_user_assigned_identity',
  words: { label: 'User Assigned Identity' },
  id: (c) => `${group(c)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${str(c.attrs.name)}`,
  server: {
    client_id: (c) => c.draw.uuid('client'),
    principal_id: (c) => c.draw.uuid('principal'),
    tenant_id: (c) => c.who.tenant,
  },
  forceNew: ['name', 'location', 'resource_group_name'],
  needs: [groupNeed],
  takes: { create: secs(1, 3, 7), delete: secs(1, 2, 5) },
});

const federated: TypeRule = azure({
  type: 'azurerm_federated_identity_credential',
  words: { label: 'Federated Identity Credential' },
  id: (c) =>
    `${str(c.attrs.user_assigned_identity_id) || str(c.attrs.parent_id)}/federatedIdentityCredentials/${str(c.attrs.name)}`,
  server: {
    parent_id: (c) => str(c.attrs.user_assigned_identity_id),
    resource_group_name: (c) => (str(c.attrs.user_assigned_identity_id) || str(c.attrs.parent_id)).split('/')[4] ?? '',
    user_assigned_identity_id: (c) => str(c.attrs.parent_id),
  },
  forceNew: ['name', 'parent_id', 'user_assigned_identity_id', 'resource_group_name'],
  needs: [
    idNeed('user_assigned_identity_id', 'azurerm_user_assigned_identity'),
    idNeed('parent_id', 'azurerm_user_assigned_identity'),
  ],
  takes: { create: secs(1, 3, 6) },
});

const roleDefinition = (c: Ctx): string =>
  `${sub(c)}/providers/Microsoft.Authorization/roleDefinitions/${c.draw.uuid(`role ${str(c.attrs.role_definition_name)}`)}`;

const roleAssignment: TypeRule = azure({
  type: 'azurerm_role_assignment',
  words: { label: 'Role Assignment' },
  id: (c) =>
    `${str(c.attrs.scope)}/providers/Microsoft.Authorization/roleAssignments/${str(c.attrs.name) || c.draw.uuid('name')}`,
  server: {
    name: (c) => c.id.slice(c.id.lastIndexOf('/') + 1),
    principal_type: () => 'ServicePrincipal',
    role_definition_id: roleDefinition,
    role_definition_name: () => '',
    skip_service_principal_aad_check: () => null,
    condition_version: () => '',
  },
  forceNew: [
    'name',
    'scope',
    'role_definition_id',
    'role_definition_name',
    'principal_id',
    'principal_type',
    'condition',
    'condition_version',
    'description',
  ],
  unique: (c) =>
    [c.attrs.scope, c.attrs.role_definition_name ?? c.attrs.role_definition_id, c.attrs.principal_id]
      .map((v) => str(v))
      .join('|'),
  exists: () => fail(409, 'RoleAssignmentExists', 'The role assignment already exists.'),
  takes: { create: secs(20, 24, 32), delete: secs(1, 2, 5) },
});

const publicIp: TypeRule = azure({
  type: 'azurerm_public_ip',
  words: { label: 'Public I P Address' },
  id: (c) => `${group(c)}/providers/Microsoft.Network/publicIPAddresses/${str(c.attrs.name)}`,
  server: {
    fqdn: (c) =>
      str(c.attrs.domain_name_label)
        ? `${str(c.attrs.domain_name_label)}.${str(c.attrs.location)}.cloudapp.azure.com`
        : null,
    ip_address: (c) => str(find(c.world, 'azurerm_public_ip', 'id', c.id)?.hidden.ip),
  },
  defaults: {
    ddos_protection_mode: 'VirtualNetworkInherited',
    idle_timeout_in_minutes: 4,
    ip_version: 'IPv4',
    sku: 'Standard',
    sku_tier: 'Regional',
  },
  forceNew: [
    'name',
    'location',
    'resource_group_name',
    'sku',
    'sku_tier',
    'zones',
    'ip_version',
    'public_ip_prefix_id',
    'edge_zone',
  ],
  needs: [groupNeed],
  hidden: (c) => ({ ip: publicAddress(c.world, str(c.attrs.location), c.draw, takenAddresses(c.world)) ?? null }),
  blockedBy: [
    {
      holds: (o, self) => o.type === 'azure_frontend' && o.attrs.public_ip_id === self.id,
      error: (o, self) =>
        fail(
          400,
          'PublicIPAddressCannotBeDeleted',
          `Public IP address ${self.id} can not be deleted since it is still allocated to resource ${o.id}. In order to delete the public IP, disassociate/detach the Public IP address from the resource.`,
        ),
    },
  ],
  takes: { create: secs(1, 3, 5), delete: secs(10, 11, 13) },
});

const dnsZone: TypeRule = azure({
  type: 'azurerm_dns_zone',
  words: { label: 'Dns Zone' },
  id: (c) => `${group(c)}/providers/Microsoft.Network/dnsZones/${str(c.attrs.name)}`,
  server: {
    max_number_of_record_sets: () => 10000,
    number_of_record_sets: () => 2,
    name_servers: (c) =>
      ['com', 'net', 'org', 'info'].map((tld, i) => `ns${i + 1}-${c.draw.digits('ns', 2)}.azure-dns.${tld}.`),
    soa_record: (c) => [
      {
        email: 'azuredns-hostmaster.microsoft.com',
        expire_time: 2419200,
        fqdn: `${str(c.attrs.name)}.`,
        host_name: `ns1-${c.draw.digits('ns', 2)}.azure-dns.com.`,
        minimum_ttl: 300,
        refresh_time: 3600,
        retry_time: 300,
        serial_number: 1,
        tags: {},
        ttl: 3600,
      },
    ],
  },
  forceNew: ['name', 'resource_group_name'],
  needs: [groupNeed],
  takes: { create: secs(2, 4, 9), delete: secs(5, 11, 16) },
});

const zoneNeed = {
  path: 'zone_name',
  types: ['azurerm_dns_zone'],
  by: 'name',
  error: (v: string, c: Ctx) =>
    fail(
      404,
      'ParentResourceNotFound',
      `Failed to perform 'write' on resource(s) of type 'dnszones/A', because the parent resource '${group(c)}/providers/Microsoft.Network/dnszones/${v}' could not be found.`,
    ),
};
const recordRule = (type: string, kind: 'A' | 'CNAME'): TypeRule =>
  azure({
    type,
    words: { label: `Dns ${kind} Record` },
    id: (c) =>
      `${group(c)}/providers/Microsoft.Network/dnsZones/${str(c.attrs.zone_name)}/${kind}/${str(c.attrs.name)}`,
    server: { fqdn: (c) => `${str(c.attrs.name) === '@' ? '' : `${str(c.attrs.name)}.`}${str(c.attrs.zone_name)}.` },
    forceNew: ['name', 'resource_group_name', 'zone_name'],
    needs: [groupNeed, zoneNeed],
  });

const profile: TypeRule = azure({
  type: 'azurerm_traffic_manager_profile',
  words: { label: 'Traffic Manager Profile' },
  id: (c) => `${group(c)}/providers/Microsoft.Network/trafficManagerProfiles/${str(c.attrs.name)}`,
  server: {
    fqdn: (c) => `${str(c.attrs, 'dns_config.relative_name')}.trafficmanager.net`,
    profile_status: () => 'Enabled',
  },
  defaults: {
    'monitor_config.interval_in_seconds': 30,
    'monitor_config.timeout_in_seconds': 10,
    'monitor_config.tolerated_number_of_failures': 3,
  },
  forceNew: ['name', 'resource_group_name', 'dns_config.relative_name'],
  needs: [groupNeed],
  takes: { create: secs(3, 5, 10) },
});

const endpoint: TypeRule = azure({
  type: 'azurerm_traffic_manager_external_endpoint',
  words: { label: 'External Endpoint' },
  id: (c) => `${str(c.attrs.profile_id)}/externalEndpoints/${str(c.attrs.name)}`,
  server: { priority: () => 1, endpoint_location: () => '' },
  defaults: { enabled: true, always_serve_enabled: false, weight: 1 },
  forceNew: ['name', 'profile_id'],
  needs: [idNeed('profile_id', 'azurerm_traffic_manager_profile')],
});

export const azureBasic = [
  resourceGroup,
  virtualNetwork,
  subnet,
  identity,
  federated,
  roleAssignment,
  publicIp,
  dnsZone,
  recordRule('azurerm_dns_a_record', 'A'),
  recordRule('azurerm_dns_cname_record', 'CNAME'),
  profile,
  endpoint,
];
