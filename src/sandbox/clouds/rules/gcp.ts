import type { Resource } from '../model.ts';
import { str } from '../values.ts';
import { gcp, gcpNeed, inUse, lastOf, projectPath, regionPath, selfLink } from './gcp-base.ts';
import { type Blocker, fail, find, iso, publicAddress, secs, type TypeRule, takenAddresses } from './rule.ts';

const service: TypeRule = gcp({
  type: 'google_project_service',
  words: { label: 'Project Service' },
  id: (c) => `${str(c.attrs.project) || c.who.account}/${str(c.attrs.service)}`,
  defaults: { disable_on_destroy: true },
  forceNew: ['service'],
  // Enabling twice is no error.
  unique: () => '',
  takes: { create: secs(1, 4, 30) },
  timeouts: { create: 1200, update: 1200, delete: 1200 },
});

const networkNeed = gcpNeed('network', 'google_compute_network', (n, c) => `${projectPath(c)}/global/networks/${n}`);
/** Objects in a network; Google names one of them. */
const inNetwork: Blocker = {
  holds: (o, self) =>
    [
      'google_compute_subnetwork',
      'google_compute_router',
      'google_container_cluster',
      'gcp_firewall',
      'gcp_neg',
    ].includes(o.type) && lastOf(str(o.attrs.network)) === str(self.attrs.name),
  error: (o, self) => inUse(self.id, o.id),
};

const network: TypeRule = gcp({
  type: 'google_compute_network',
  words: { label: 'Network' },
  id: (c) => `${projectPath(c)}/global/networks/${str(c.attrs.name)}`,
  server: {
    bgp_always_compare_med: () => false,
    bgp_best_path_selection_mode: () => 'LEGACY',
    bgp_inter_region_cost: () => '',
    gateway_ipv4: () => '',
    internal_ipv6_range: () => '',
    mtu: () => 0,
    network_id: (c) => c.draw.digits('id', 19),
    network_profile: () => null,
    numeric_id: (c) => c.draw.digits('id', 19),
    routing_mode: () => 'REGIONAL',
    self_link: (c) => selfLink(c.id),
  },
  defaults: {
    auto_create_subnetworks: true,
    delete_default_routes_on_create: false,
    network_firewall_policy_enforcement_order: 'AFTER_CLASSIC_FIREWALL',
  },
  forceNew: ['name', 'auto_create_subnetworks', 'description'],
  blockedBy: [inNetwork],
  takes: { create: secs(11, 12, 43), delete: secs(11, 22, 53) },
  timeouts: { create: 1200, update: 1200, delete: 1200 },
});

const subnetwork: TypeRule = gcp({
  type: 'google_compute_subnetwork',
  regional: true,
  words: { label: 'Subnetwork' },
  id: (c) => `${regionPath(c)}/subnetworks/${str(c.attrs.name)}`,
  server: {
    creation_timestamp: (c) => iso(c.now),
    external_ipv6_prefix: () => '',
    fingerprint: () => null,
    gateway_address: (c) => `${str(c.attrs.ip_cidr_range).split('.').slice(0, 3).join('.')}.1`,
    internal_ipv6_prefix: () => '',
    ipv6_access_type: () => '',
    ipv6_cidr_range: () => '',
    ipv6_gce_endpoint: () => '',
    private_ip_google_access: () => false,
    private_ipv6_google_access: () => 'DISABLE_GOOGLE_ACCESS',
    purpose: () => 'PRIVATE',
    self_link: (c) => selfLink(c.id),
    stack_type: () => 'IPV4_ONLY',
    state: () => null,
    subnetwork_id: (c) => Number(c.draw.digits('id', 15)),
  },
  forceNew: ['name', 'network', 'ip_cidr_range', 'description'],
  needs: [networkNeed],
  blockedBy: [
    {
      holds: (o, self) =>
        o.type === 'google_container_cluster' && lastOf(str(o.attrs.subnetwork)) === str(self.attrs.name),
      error: (o, self) => inUse(self.id, o.id),
    },
  ],
  takes: { create: secs(11, 22, 33), delete: secs(11, 22, 43) },
  timeouts: { create: 1200, update: 1200, delete: 1200 },
});

const router: TypeRule = gcp({
  type: 'google_compute_router',
  regional: true,
  words: { label: 'Router' },
  id: (c) => `${regionPath(c)}/routers/${str(c.attrs.name)}`,
  server: { creation_timestamp: (c) => iso(c.now), self_link: (c) => selfLink(c.id) },
  forceNew: ['name', 'network', 'encrypted_interconnect_router'],
  needs: [networkNeed],
  takes: { create: secs(11, 11, 22), delete: secs(11, 12, 22) },
});

const routerNat: TypeRule = gcp({
  type: 'google_compute_router_nat',
  regional: true,
  words: { label: 'RouterNat' },
  id: (c) =>
    `${str(c.attrs.project) || c.who.account}/${str(c.attrs.region) || c.who.region}/${lastOf(str(c.attrs.router))}/${str(c.attrs.name)}`,
  server: {
    auto_network_tier: () => 'PREMIUM',
    enable_dynamic_port_allocation: () => false,
    enable_endpoint_independent_mapping: () => false,
    endpoint_types: () => ['ENDPOINT_TYPE_VM'],
    min_ports_per_vm: () => 0,
  },
  defaults: {
    icmp_idle_timeout_sec: 30,
    tcp_established_idle_timeout_sec: 1200,
    tcp_time_wait_timeout_sec: 120,
    tcp_transitory_idle_timeout_sec: 30,
    type: 'PUBLIC',
    udp_idle_timeout_sec: 30,
  },
  forceNew: ['name', 'router', 'type', 'endpoint_types'],
  needs: [gcpNeed('router', 'google_compute_router', (n, c) => `${regionPath(c)}/routers/${n}`)],
  takes: { create: secs(11, 12, 22), delete: secs(11, 12, 22) },
});

const address: TypeRule = gcp({
  type: 'google_compute_address',
  regional: true,
  labels: true,
  words: { label: 'Address' },
  id: (c) => `${regionPath(c)}/addresses/${str(c.attrs.name)}`,
  server: {
    address: (c) => addressOf(find(c.world, 'google_compute_address', 'id', c.id)),
    creation_timestamp: (c) => iso(c.now),
    label_fingerprint: () => '42WmSpB8rSM=',
    network_tier: () => 'PREMIUM',
    prefix_length: () => 0,
    purpose: () => '',
    self_link: (c) => selfLink(c.id),
    subnetwork: () => '',
    users: () => [],
  },
  defaults: { address_type: 'EXTERNAL' },
  forceNew: ['name', 'address', 'address_type', 'network_tier', 'purpose', 'subnetwork', 'description'],
  hidden: (c) => ({
    ip: publicAddress(c.world, str(c.attrs.region) || c.who.region, c.draw, takenAddresses(c.world)) ?? null,
  }),
  blockedBy: [
    {
      holds: (o, self) => o.type === 'gcp_forwarding_rule' && o.attrs.address === self.hidden.ip,
      error: (o, self) => inUse(self.id, o.id),
    },
  ],
  takes: { create: secs(2, 11, 12), delete: secs(2, 11, 12) },
});
const addressOf = (r: Resource | undefined): string => str(r?.hidden.ip);

const serviceAccount: TypeRule = gcp({
  type: 'google_service_account',
  words: { label: 'service account' },
  id: (c) =>
    `${projectPath(c)}/serviceAccounts/${str(c.attrs.account_id)}@${str(c.attrs.project) || c.who.account}.iam.gserviceaccount.com`,
  server: {
    email: (c) => lastOf(c.id),
    member: (c) => `serviceAccount:${lastOf(c.id)}`,
    name: (c) => c.id,
    unique_id: (c) => c.draw.digits('id', 21),
  },
  defaults: { disabled: false },
  forceNew: ['account_id'],
  exists: (c) =>
    fail(
      409,
      'alreadyExists',
      `Service account ${str(c.attrs.account_id)} already exists within project ${projectPath(c)}.`,
    ),
  takes: { create: secs(2, 11, 13) },
});

const iamMember: TypeRule = gcp({
  type: 'google_project_iam_member',
  words: { label: 'IAM member' },
  id: (c) => `${str(c.attrs.project)}/${str(c.attrs.role)}/${str(c.attrs.member)}`,
  server: { etag: (c) => btoa(c.draw.hex('etag', 12)) },
  derived: {},
  forceNew: ['role', 'member'],
  unique: () => '',
  needs: [],
  takes: { create: secs(7, 8, 12), delete: secs(7, 8, 12) },
});

const managedZone: TypeRule = gcp({
  type: 'google_dns_managed_zone',
  labels: true,
  words: { label: 'ManagedZone' },
  id: (c) => `${projectPath(c)}/managedZones/${str(c.attrs.name)}`,
  server: {
    creation_time: (c) => iso(c.now),
    managed_zone_id: (c) => Number(c.draw.digits('id', 15)),
    name_servers: (c) => [1, 2, 3, 4].map((i) => `ns-cloud-${c.draw.hex('ns', 1)}${i}.googledomains.com.`),
  },
  defaults: { description: 'Managed by Terraform', force_destroy: false, visibility: 'public' },
  forceNew: ['name', 'dns_name', 'visibility'],
  blockedBy: [
    {
      holds: (o, self) =>
        o.type === 'google_dns_record_set' &&
        o.attrs.managed_zone === self.attrs.name &&
        self.attrs.force_destroy !== true,
      error: (_, self) =>
        fail(
          400,
          'containerNotEmpty',
          `The resource named '${str(self.attrs.name)}' cannot be deleted because it contains one or more 'resource records'.`,
        ),
    },
  ],
});

const recordSet: TypeRule = gcp({
  type: 'google_dns_record_set',
  words: { label: 'DNS RecordSet' },
  id: (c) =>
    `${projectPath(c)}/managedZones/${str(c.attrs.managed_zone)}/rrsets/${str(c.attrs.name)}/${str(c.attrs.type)}`,
  forceNew: ['managed_zone', 'name', 'type'],
  needs: [
    {
      path: 'managed_zone',
      types: ['google_dns_managed_zone'],
      by: 'name',
      error: (v) => fail(404, 'notFound', `The 'parameters.managedZone' resource named '${v}' does not exist.`),
    },
  ],
});

const check = (type: string, regional: boolean): TypeRule =>
  gcp({
    type,
    regional,
    words: { label: regional ? 'RegionHealthCheck' : 'HealthCheck' },
    id: (c) => `${regional ? regionPath(c) : `${projectPath(c)}/global`}/healthChecks/${str(c.attrs.name)}`,
    server: {
      creation_timestamp: (c) => iso(c.now),
      self_link: (c) => selfLink(c.id),
      type: (c) =>
        ['https', 'http2', 'http', 'grpc', 'ssl', 'tcp']
          .find(
            (k) =>
              Array.isArray(c.attrs[`${k}_health_check`]) && (c.attrs[`${k}_health_check`] as unknown[]).length > 0,
          )
          ?.toUpperCase() ?? 'TCP',
      ...(regional ? { health_check_id: (c) => Number(c.draw.digits('id', 15)) } : {}),
    },
    defaults: {
      check_interval_sec: 5,
      healthy_threshold: 2,
      timeout_sec: 5,
      unhealthy_threshold: 2,
      'https_health_check.proxy_header': 'NONE',
      'http_health_check.proxy_header': 'NONE',
      'tcp_health_check.proxy_header': 'NONE',
    },
    forceNew: ['name'],
    blockedBy: [
      {
        holds: (o, self) =>
          o.type === 'google_dns_record_set' && str(o.attrs, 'routing_policy.health_check') === self.id,
        error: (o, self) => inUse(self.id, o.id),
      },
    ],
    takes: { create: secs(11, 12, 22), delete: secs(11, 12, 22) },
  });

export const gcpBasic = [
  service,
  network,
  subnetwork,
  router,
  routerNat,
  address,
  serviceAccount,
  iamMember,
  managedZone,
  recordSet,
  check('google_compute_health_check', false),
  check('google_compute_region_health_check', true),
];
