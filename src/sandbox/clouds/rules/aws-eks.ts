import { DEFAULT_VERSION, patchOf } from '../offers.ts';
import { at, num, str, strings } from '../values.ts';
import { arn, aws, awsPlain } from './aws-base.ts';
import { type Ctx, fail, find, iso, type Need, secs, type TypeRule } from './rule.ts';

const eks = (label: string, what: string) => ({
  label,
  service: 'EKS',
  calls: { create: `Create${what}`, update: `Update${what}Config`, delete: `Delete${what}` } as const,
});
const clusterNeed: Need = {
  path: 'cluster_name',
  types: ['aws_eks_cluster'],
  by: 'name',
  error: (v) => fail(404, 'ResourceNotFoundException', `No cluster found for name: ${v}.`),
};
const roleNeed = (path: string): Need => ({
  path,
  types: ['aws_iam_role'],
  by: 'arn',
  error: (v) =>
    fail(
      400,
      'InvalidParameterException',
      `Role with arn: ${v}, could not be assumed because it does not exist or the trusted entity is not correct`,
    ),
});

const eksHost = (c: Ctx): string => `${c.draw.hex('endpoint', 32).toUpperCase()}.gr7.${c.who.region}.eks.amazonaws.com`;
const eksIssuer = (c: Ctx): string =>
  `https://oidc.eks.${c.who.region}.amazonaws.com/id/${c.draw.hex('endpoint', 32).toUpperCase()}`;

const cluster: TypeRule = aws({
  type: 'aws_eks_cluster',
  words: eks('EKS Cluster', 'Cluster'),
  id: (c) => str(c.attrs.name),
  server: {
    arn: (c) => arn(c, 'eks', `cluster/${c.id}`),
    certificate_authority: (c) => (c.access ? [{ data: c.access.ca }] : []),
    cluster_id: () => '',
    created_at: (c) => iso(c.now),
    deletion_protection: () => false,
    endpoint: (c) => (c.access ? `https://${eksHost(c)}` : ''),
    identity: (c) => (c.access ? [{ oidc: [{ issuer: eksIssuer(c) }] }] : []),
    kubernetes_network_config: () => [
      {
        elastic_load_balancing: [{ enabled: false }],
        ip_family: 'ipv4',
        service_ipv4_cidr: '172.20.0.0/16',
        service_ipv6_cidr: null,
      },
    ],
    'kubernetes_network_config.elastic_load_balancing': () => [{ enabled: false }],
    'kubernetes_network_config.ip_family': () => 'ipv4',
    'kubernetes_network_config.service_ipv4_cidr': () => '172.20.0.0/16',
    platform_version: () => 'eks.9',
    status: (c) => (c.access ? 'ACTIVE' : 'CREATING'),
    version: () => DEFAULT_VERSION,
    'vpc_config.cluster_security_group_id': (c) => `sg-${c.draw.hex('sg', 17)}`,
    'vpc_config.vpc_id': (c) => vpcOf(c),
    'vpc_config.public_access_cidrs': () => ['0.0.0.0/0'],
    'access_config.authentication_mode': () => 'CONFIG_MAP',
  },
  defaults: {
    bootstrap_self_managed_addons: true,
    'access_config.bootstrap_cluster_creator_admin_permissions': true,
    'vpc_config.endpoint_private_access': false,
    'vpc_config.endpoint_public_access': true,
    'upgrade_policy.support_type': 'EXTENDED',
  },
  forceNew: [
    'name',
    'role_arn',
    'bootstrap_self_managed_addons',
    'access_config.bootstrap_cluster_creator_admin_permissions',
    'kubernetes_network_config.service_ipv4_cidr',
    'kubernetes_network_config.ip_family',
  ],
  follows: { platform_version: ['version'] },
  needs: [
    roleNeed('role_arn'),
    {
      path: 'vpc_config.subnet_ids',
      types: ['aws_subnet'],
      by: 'id',
      error: (v) =>
        fail(
          400,
          'InvalidParameterException',
          `The subnet ID '${v}' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidSubnetID.NotFound)`,
        ),
    },
  ],
  blockedBy: [
    {
      holds: (o, self) => o.type === 'aws_eks_node_group' && o.attrs.cluster_name === self.id,
      error: () => fail(409, 'ResourceInUseException', 'Cluster has nodegroups attached'),
    },
    {
      holds: (o, self) => o.type === 'aws_eks_cluster' && o.key === self.key && self.attrs.deletion_protection === true,
      error: () =>
        fail(400, 'InvalidRequestException', 'Cannot delete cluster because deletion protection is enabled.'),
    },
  ],
  unique: (c) => `${c.who.region}/${str(c.attrs.name)}`,
  exists: (c) => fail(409, 'ResourceInUseException', `Cluster already exists with name: ${str(c.attrs.name)}`),
  hidden: (c) => ({ dnsName: eksHost(c), issuer: eksIssuer(c) }),
  takes: { create: secs(504, 618, 684), update: secs(60, 480, 900), delete: secs(60, 120, 300) },
  timeouts: { create: 1800, update: 3600, delete: 900 },
});

function vpcOf(c: Ctx): string {
  const first = strings(c.attrs, 'vpc_config.subnet_ids')[0] ?? '';
  return str(find(c.world, 'aws_subnet', 'id', first)?.attrs.vpc_id);
}

const nodeGroup: TypeRule = aws({
  type: 'aws_eks_node_group',
  words: eks('EKS Node Group', 'Nodegroup'),
  id: (c) => `${str(c.attrs.cluster_name)}:${groupName(c)}`,
  server: {
    ami_type: () => 'AL2023_x86_64_STANDARD',
    arn: (c) => arn(c, 'eks', `nodegroup/${str(c.attrs.cluster_name)}/${groupName(c)}/${c.draw.uuid('group')}`),
    capacity_type: () => 'ON_DEMAND',
    disk_size: () => 20,
    instance_types: () => ['t3.medium'],
    node_group_name: (c) => groupName(c),
    node_group_name_prefix: () => '',
    release_version: (c) => `${patchOf(clusterVersion(c))}-20261110`,
    resources: (c) => [
      {
        autoscaling_groups: [{ name: `eks-${groupName(c)}-${c.draw.uuid('group')}` }],
        remote_access_security_group_id: '',
      },
    ],
    status: () => 'ACTIVE',
    version: (c) => clusterVersion(c),
    'update_config.max_unavailable': (c) => (num(c.attrs, 'update_config.max_unavailable_percentage') ? 0 : 1),
  },
  forceNew: [
    'cluster_name',
    'node_group_name',
    'node_group_name_prefix',
    'node_role_arn',
    'subnet_ids',
    'ami_type',
    'capacity_type',
    'disk_size',
    'instance_types',
  ],
  follows: { release_version: ['version'] },
  needs: [
    clusterNeed,
    {
      ...roleNeed('node_role_arn'),
      error: (v) =>
        fail(400, 'InvalidParameterException', `The role with name ${v.split('/').pop() ?? v} cannot be found.`),
    },
    {
      path: 'subnet_ids',
      types: ['aws_subnet'],
      by: 'id',
      error: (v) => fail(400, 'InvalidParameterException', `The subnet ID '${v}' does not exist`),
    },
  ],
  unique: (c) => `${str(c.attrs.cluster_name)}/${str(c.attrs.node_group_name)}`,
  exists: (c) =>
    fail(
      409,
      'ResourceInUseException',
      `NodeGroup already exists with name ${str(c.attrs.node_group_name)} and cluster name ${str(c.attrs.cluster_name)}`,
    ),
  machineTypes: (c) => ({
    path: 'instance_types',
    types: strings(c.attrs.instance_types).length > 0 ? strings(c.attrs.instance_types) : ['t3.medium'],
    zones: [],
  }),
  takes: { create: secs(80, 110, 190), update: secs(20, 60, 240), delete: secs(150, 200, 380) },
  timeouts: { create: 3600, update: 3600, delete: 3600 },
});

const groupName = (c: Ctx): string =>
  str(c.attrs.node_group_name) || `${str(c.attrs.node_group_name_prefix) || 'terraform-'}${c.draw.digits('name', 26)}`;
const clusterVersion = (c: Ctx): string =>
  str(c.attrs.version) ||
  str(find(c.world, 'aws_eks_cluster', 'name', str(c.attrs.cluster_name))?.attrs.version) ||
  DEFAULT_VERSION;

/** Add-on versions that go with the default Kubernetes version. */
const ADDONS: Record<string, string> = {
  'vpc-cni': 'v1.20.4-eksbuild.1',
  'kube-proxy': 'v1.36.0-eksbuild.2',
  coredns: 'v1.13.1-eksbuild.1',
  'metrics-server': 'v0.8.0-eksbuild.3',
  'eks-pod-identity-agent': 'v1.3.9-eksbuild.3',
  'aws-ebs-csi-driver': 'v1.52.1-eksbuild.1',
};

const addon: TypeRule = aws({
  type: 'aws_eks_addon',
  words: eks('EKS Add-On', 'Addon'),
  id: (c) => `${str(c.attrs.cluster_name)}:${str(c.attrs.addon_name)}`,
  server: {
    addon_version: (c) => ADDONS[str(c.attrs.addon_name)] ?? 'v1.0.0-eksbuild.1',
    arn: (c) => arn(c, 'eks', `addon/${str(c.attrs.cluster_name)}/${str(c.attrs.addon_name)}/${c.draw.uuid('addon')}`),
    configuration_values: () => '',
    created_at: (c) => iso(c.now),
    modified_at: (c) => iso(c.now),
    'namespace_config.namespace': () => 'kube-system',
  },
  forceNew: ['cluster_name', 'addon_name'],
  follows: { modified_at: ['addon_version', 'configuration_values'] },
  needs: [clusterNeed],
  unique: (c) => c.id,
  exists: () => fail(409, 'ResourceInUseException', 'Addon already exists.'),
  takes: { create: secs(4, 15, 45), delete: secs(1, 5, 20) },
  timeouts: { create: 1200, update: 1200, delete: 2400 },
});

const accessEntry: TypeRule = aws({
  type: 'aws_eks_access_entry',
  words: eks('EKS Access Entry', 'AccessEntry'),
  id: (c) => `${str(c.attrs.cluster_name)}:${str(c.attrs.principal_arn)}`,
  server: {
    access_entry_arn: (c) =>
      arn(
        c,
        'eks',
        `access-entry/${str(c.attrs.cluster_name)}/${str(c.attrs.principal_arn).split(':').slice(4).join('/')}/${c.draw.uuid('entry')}`,
      ),
    created_at: (c) => iso(c.now),
    kubernetes_groups: () => [],
    modified_at: (c) => iso(c.now),
    user_name: (c) => userName(str(c.attrs.principal_arn)),
  },
  defaults: { type: 'STANDARD' },
  forceNew: ['cluster_name', 'principal_arn', 'type'],
  needs: [clusterNeed],
  unique: (c) => c.id,
  exists: () =>
    fail(409, 'ResourceInUseException', 'The specified access entry resource is already in use on this cluster.'),
});

/** A role signs in as its session; a user as itself. */
export function userName(principal: string): string {
  const m = /^arn:aws:iam::(\d+):role\/(?:.*\/)?([^/]+)$/.exec(principal);
  return m ? `arn:aws:sts::${m[1]}:assumed-role/${m[2]}/{{SessionName}}` : principal;
}

const policyAssociation: TypeRule = awsPlain({
  type: 'aws_eks_access_policy_association',
  words: eks('EKS Access Policy Association', 'AccessPolicyAssociation'),
  id: (c) => `${str(c.attrs.cluster_name)}#${str(c.attrs.principal_arn)}#${str(c.attrs.policy_arn)}`,
  server: { associated_at: (c) => iso(c.now), modified_at: (c) => iso(c.now) },
  forceNew: ['cluster_name', 'policy_arn', 'principal_arn', 'access_scope'],
  needs: [
    clusterNeed,
    {
      path: 'principal_arn',
      types: ['aws_eks_access_entry'],
      by: 'principal_arn',
      error: (v) => fail(404, 'ResourceNotFoundException', `The specified principalArn could not be found: ${v}.`),
    },
  ],
});

const podIdentity: TypeRule = aws({
  type: 'aws_eks_pod_identity_association',
  words: eks('EKS Pod Identity Association', 'PodIdentityAssociation'),
  id: (c) => `a-${c.draw.hex('id', 17)}`,
  server: {
    association_arn: (c) => arn(c, 'eks', `podidentityassociation/${str(c.attrs.cluster_name)}/${c.id}`),
    association_id: (c) => c.id,
    disable_session_tags: () => false,
    external_id: () => '',
  },
  forceNew: ['cluster_name', 'namespace', 'service_account'],
  needs: [clusterNeed, roleNeed('role_arn')],
  unique: (c) => [c.attrs.cluster_name, c.attrs.namespace, c.attrs.service_account].map((v) => str(v)).join('/'),
  exists: (c) => fail(409, 'ResourceInUseException', `Association already exists: ${str(c.attrs.service_account)}`),
});

/** Does Auto Mode run nodes of its own for this cluster? */
export const isAutoMode = (attrs: Ctx['attrs']): boolean =>
  at(attrs, 'compute_config.enabled') === true && strings(attrs, 'compute_config.node_pools').length > 0;

export const awsEks = [cluster, nodeGroup, addon, accessEntry, policyAssociation, podIdentity];
