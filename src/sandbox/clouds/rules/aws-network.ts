import { str, strings } from '../values.ts';
import { arn, aws, awsPlain, ec2Blocker, ec2Need, prefixed, vpcOfSubnet } from './aws-base.ts';
import { fail, find, publicAddress, secs, type TypeRule, takenAddresses } from './rule.ts';

const vpc: TypeRule = aws({
  type: 'aws_vpc',
  words: { label: 'EC2 VPC', service: 'EC2', calls: { create: 'CreateVpc', delete: 'DeleteVpc' } },
  id: (c) => `vpc-${c.draw.hex('id', 17)}`,
  server: {
    arn: (c) => arn(c, 'ec2', `vpc/${c.id}`),
    default_network_acl_id: (c) => `acl-${c.draw.hex('acl', 17)}`,
    default_route_table_id: (c) => `rtb-${c.draw.hex('rtb', 17)}`,
    default_security_group_id: (c) => `sg-${c.draw.hex('sg', 17)}`,
    dhcp_options_id: (c) => `dopt-${c.draw.hex('dopt', 17)}`,
    main_route_table_id: (c) => `rtb-${c.draw.hex('rtb', 17)}`,
    owner_id: (c) => c.who.account,
    ipv6_association_id: () => '',
    ipv6_cidr_block: () => '',
    ipv6_cidr_block_network_border_group: () => '',
    enable_dns_hostnames: () => false,
    enable_network_address_usage_metrics: () => false,
  },
  defaults: { enable_dns_support: true, instance_tenancy: 'default', assign_generated_ipv6_cidr_block: false },
  forceNew: ['cidr_block', 'ipv4_ipam_pool_id', 'ipv4_netmask_length'],
  blockedBy: [
    {
      holds: (o, self) =>
        ['aws_subnet', 'aws_internet_gateway', 'aws_security_group', 'aws_eni', 'aws_lb'].includes(o.type) &&
        o.attrs.vpc_id === self.id,
      error: (_, self) =>
        fail(400, 'DependencyViolation', `The vpc '${self.id}' has dependencies and cannot be deleted.`),
    },
  ],
  takes: { create: secs(2, 11, 13), delete: secs(0.5, 1, 2) },
  retryDelete: 300,
});

const subnet: TypeRule = aws({
  type: 'aws_subnet',
  words: { label: 'EC2 Subnet', service: 'EC2', calls: { create: 'CreateSubnet', delete: 'DeleteSubnet' } },
  id: (c) => `subnet-${c.draw.hex('id', 17)}`,
  server: {
    arn: (c) => arn(c, 'ec2', `subnet/${c.id}`),
    availability_zone: (c) => `${c.who.region}a`,
    availability_zone_id: (c) => zoneId(str(c.attrs.availability_zone) || `${c.who.region}a`),
    ipv6_cidr_block_association_id: () => '',
    owner_id: (c) => c.who.account,
    private_dns_hostname_type_on_launch: () => 'ip-name',
  },
  defaults: {
    assign_ipv6_address_on_creation: false,
    enable_dns64: false,
    enable_resource_name_dns_a_record_on_launch: false,
    enable_resource_name_dns_aaaa_record_on_launch: false,
    ipv6_native: false,
    map_public_ip_on_launch: false,
  },
  forceNew: ['vpc_id', 'cidr_block', 'availability_zone', 'availability_zone_id', 'ipv6_native'],
  needs: [ec2Need('vpc_id', 'aws_vpc', 'VpcID', 'vpc ID')],
  unique: (c) => (str(c.attrs.cidr_block) ? `${str(c.attrs.vpc_id)}/${str(c.attrs.cidr_block)}` : ''),
  exists: (c) =>
    fail(400, 'InvalidSubnet.Conflict', `The CIDR '${str(c.attrs.cidr_block)}' conflicts with another subnet`),
  blockedBy: [
    ec2Blocker(['aws_nat_gateway', 'aws_eni', 'aws_instance'], 'subnet_id', 'subnet'),
    ec2Blocker(['aws_eks_node_group'], 'subnet_ids', 'subnet'),
    ec2Blocker(['aws_eks_cluster'], 'vpc_config.subnet_ids', 'subnet'),
  ],
  machineTypes: (c) => ({
    path: 'availability_zone',
    types: [],
    zones: [str(c.attrs.availability_zone)].filter(Boolean),
  }),
  takes: { create: secs(0.5, 1, 12) },
  retryDelete: 1200,
});

/** `sae1-az1` of `sa-east-1a`. */
export function zoneId(zone: string): string {
  const m = /^([a-z]+)-([a-z]+)-(\d)([a-z])$/.exec(zone);
  if (!m) return zone;
  const [, area = '', where = '', n = '', letter = 'a'] = m;
  const short = where.length > 5 ? `${where[0]}${/(east|west)$/.exec(where)?.[0][0] ?? ''}` : where[0];
  return `${area}${short}${n}-az${letter.charCodeAt(0) - 96}`;
}

const internetGateway: TypeRule = aws({
  type: 'aws_internet_gateway',
  words: {
    label: 'EC2 Internet Gateway',
    service: 'EC2',
    calls: { create: 'CreateInternetGateway', delete: 'DetachInternetGateway' },
  },
  id: (c) => `igw-${c.draw.hex('id', 17)}`,
  server: { arn: (c) => arn(c, 'ec2', `internet-gateway/${c.id}`), owner_id: (c) => c.who.account },
  needs: [ec2Need('vpc_id', 'aws_vpc', 'VpcID', 'vpc ID')],
  unique: (c) => str(c.attrs.vpc_id),
  exists: (c, vpcId) =>
    fail(400, 'InvalidParameterValue', `Network ${vpcId} already has an internet gateway attached (${c.id})`),
  blockedBy: [
    {
      // Public addresses mapped in the VPC: NAT gateways and load balancers.
      holds: (o, self) =>
        ['aws_nat_gateway', 'aws_lb', 'aws_eni'].includes(o.type) && o.attrs.vpc_id === self.attrs.vpc_id,
      error: (_, self) =>
        fail(
          400,
          'DependencyViolation',
          `Network ${str(self.attrs.vpc_id)} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
        ),
    },
  ],
  retryDelete: 1200,
});

const eip: TypeRule = aws({
  type: 'aws_eip',
  words: { label: 'EC2 EIP', service: 'EC2', calls: { create: 'AllocateAddress', delete: 'ReleaseAddress' } },
  id: (c) => `eipalloc-${c.draw.hex('id', 17)}`,
  server: {
    allocation_id: (c) => c.id,
    arn: (c) => arn(c, 'ec2', `elastic-ip/${c.id}`),
    association_id: () => '',
    carrier_ip: () => '',
    customer_owned_ip: () => '',
    customer_owned_ipv4_pool: () => '',
    domain: () => 'vpc',
    instance: () => '',
    network_border_group: (c) => c.who.region,
    network_interface: () => '',
    private_ip: () => '',
    ptr_record: () => '',
    public_ip: (c) => addressOf(c.world, c.id),
    public_dns: (c) => `ec2-${addressOf(c.world, c.id).replaceAll('.', '-')}.${c.who.region}.compute.amazonaws.com`,
    public_ipv4_pool: () => 'amazon',
  },
  forceNew: ['address', 'domain', 'network_border_group', 'public_ipv4_pool', 'customer_owned_ipv4_pool'],
  hidden: (c) => ({ ip: publicAddress(c.world, c.who.region, c.draw, takenAddresses(c.world)) ?? null }),
  blockedBy: [
    {
      holds: (o, self) =>
        (o.type === 'aws_nat_gateway' && o.attrs.allocation_id === self.id) ||
        (o.type === 'aws_lb' && strings(o.attrs.allocations).includes(self.id)),
      error: (_, self) =>
        fail(
          400,
          'AuthFailure',
          `You do not have permission to access the specified resource: address ${addressText(self.hidden.ip)} is in use.`,
        ),
    },
  ],
  retryDelete: 180,
});

const addressText = (v: unknown): string => (typeof v === 'string' ? v : '');
/** The address drawn when the object was accepted. */
function addressOf(world: Parameters<typeof find>[0], id: string): string {
  return addressText(find(world, 'aws_eip', 'id', id)?.hidden.ip);
}

const natGateway: TypeRule = aws({
  type: 'aws_nat_gateway',
  words: {
    label: 'EC2 NAT Gateway',
    service: 'EC2',
    calls: { create: 'CreateNatGateway', delete: 'DeleteNatGateway' },
  },
  id: (c) => `nat-${c.draw.hex('id', 17)}`,
  server: {
    association_id: (c) => `eipassoc-${c.draw.hex('assoc', 17)}`,
    auto_provision_zones: () => '',
    auto_scaling_ips: () => '',
    availability_mode: () => 'zonal',
    network_interface_id: (c) => `eni-${c.draw.hex('eni', 17)}`,
    private_ip: (c) =>
      `${networkPrefix(str(find(c.world, 'aws_subnet', 'id', str(c.attrs.subnet_id))?.attrs.cidr_block))}.10`,
    public_ip: (c) => addressOf(c.world, str(c.attrs.allocation_id)),
    regional_nat_gateway_address: () => [],
    regional_nat_gateway_auto_mode: () => '',
    route_table_id: () => '',
    secondary_allocation_ids: () => [],
    secondary_private_ip_address_count: () => 0,
    secondary_private_ip_addresses: () => [],
    vpc_id: (c) => vpcOfSubnet(c, str(c.attrs.subnet_id)),
  },
  defaults: { connectivity_type: 'public' },
  forceNew: ['allocation_id', 'connectivity_type', 'private_ip', 'subnet_id'],
  needs: [
    ec2Need('subnet_id', 'aws_subnet', 'SubnetID', 'subnet ID'),
    ec2Need('allocation_id', 'aws_eip', 'AllocationID', 'allocation ID'),
  ],
  takes: { create: secs(85, 105, 150), delete: secs(40, 55, 75) },
});

const networkPrefix = (cidr: string): string => cidr.split('.').slice(0, 3).join('.');

const routeTable: TypeRule = aws({
  type: 'aws_route_table',
  words: {
    label: 'EC2 Route Table',
    service: 'EC2',
    calls: { create: 'CreateRouteTable', delete: 'DeleteRouteTable' },
  },
  id: (c) => `rtb-${c.draw.hex('id', 17)}`,
  server: {
    arn: (c) => arn(c, 'ec2', `route-table/${c.id}`),
    owner_id: (c) => c.who.account,
    propagating_vgws: () => [],
  },
  forceNew: ['vpc_id'],
  needs: [ec2Need('vpc_id', 'aws_vpc', 'VpcID', 'vpc ID')],
  blockedBy: [ec2Blocker(['aws_route_table_association'], 'route_table_id', 'routeTable')],
  retryDelete: 60,
});

const route: TypeRule = awsPlain({
  type: 'aws_route',
  words: { label: 'Route in Route Table', service: 'EC2', calls: { create: 'CreateRoute', delete: 'DeleteRoute' } },
  id: (c) => `r-${str(c.attrs.route_table_id)}${c.draw.digits('id', 10)}`,
  server: {
    instance_id: () => '',
    instance_owner_id: () => '',
    origin: () => 'CreateRoute',
    state: () => 'active',
    network_interface_id: () => '',
  },
  forceNew: ['route_table_id', 'destination_cidr_block', 'destination_ipv6_cidr_block', 'destination_prefix_list_id'],
  unique: (c) =>
    `${str(c.attrs.route_table_id)}/${str(c.attrs.destination_cidr_block) || str(c.attrs.destination_ipv6_cidr_block)}`,
  exists: (c) =>
    fail(400, 'RouteAlreadyExists', `The route identified by ${str(c.attrs.destination_cidr_block)} already exists.`),
  needs: [
    ec2Need('route_table_id', 'aws_route_table', 'RouteTableID', 'routeTable ID'),
    ec2Need('gateway_id', 'aws_internet_gateway', 'GatewayID', 'gateway ID'),
    ec2Need('nat_gateway_id', 'aws_nat_gateway', 'NatGatewayID', 'NatGateway ID'),
  ],
});

const routeTableAssociation: TypeRule = awsPlain({
  type: 'aws_route_table_association',
  words: {
    label: 'EC2 Route Table Association',
    service: 'EC2',
    calls: { create: 'AssociateRouteTable', delete: 'DisassociateRouteTable' },
  },
  id: (c) => `rtbassoc-${c.draw.hex('id', 17)}`,
  forceNew: ['subnet_id', 'gateway_id'],
  unique: (c) => str(c.attrs.subnet_id),
  exists: (c, id) =>
    fail(
      400,
      'Resource.AlreadyAssociated',
      `the specified association for route table ${str(c.attrs.route_table_id)} conflicts with an existing association (${id})`,
    ),
  needs: [
    ec2Need('route_table_id', 'aws_route_table', 'RouteTableID', 'routeTable ID'),
    ec2Need('subnet_id', 'aws_subnet', 'SubnetID', 'subnet ID'),
  ],
});

const securityGroup: TypeRule = aws({
  type: 'aws_security_group',
  words: {
    label: 'EC2 Security Group',
    service: 'EC2',
    calls: { create: 'CreateSecurityGroup', delete: 'DeleteSecurityGroup' },
  },
  id: (c) => `sg-${c.draw.hex('id', 17)}`,
  server: {
    arn: (c) => arn(c, 'ec2', `security-group/${c.id}`),
    owner_id: (c) => c.who.account,
    name: (c) => prefixed(c, 'terraform-'),
    name_prefix: () => '',
  },
  defaults: { description: 'Managed by Terraform', revoke_rules_on_delete: false },
  forceNew: ['vpc_id', 'name', 'name_prefix', 'description'],
  needs: [ec2Need('vpc_id', 'aws_vpc', 'VpcID', 'vpc ID')],
  blockedBy: [ec2Blocker(['aws_eni', 'aws_lb'], 'security_groups', 'resource')],
  takes: { create: secs(1, 3, 4) },
  retryDelete: 900,
});

export const awsNetwork = [
  vpc,
  subnet,
  internetGateway,
  eip,
  natGateway,
  routeTable,
  route,
  routeTableAssociation,
  securityGroup,
];
