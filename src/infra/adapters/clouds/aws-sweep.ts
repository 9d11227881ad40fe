import { CloudError, type Spot } from '../../cloud.ts';
import type { Leftover } from '../../ports.ts';
import { describe, query } from './aws-call.ts';
import { isGone, type Reach, until } from './http.ts';
import { elements, textAt, type Xml } from './xml.ts';

const CLASSIC = '2012-06-01';

function tagsOf(x: Xml): Record<string, string> {
  return Object.fromEntries(elements(x, 'tagSet', 'item').map((t) => [textAt(t, 'key'), textAt(t, 'value')]));
}
const link = (s: Spot, what: string): string =>
  `https://${s.region}.console.aws.amazon.com/ec2/home?region=${s.region}#${what}`;

/** What a cluster's controllers left: in its network (found by the fleet's tags), or marked with its name. */
export async function awsLeftovers(s: Spot, r: Reach): Promise<Leftover[]> {
  const ours = { 'tag:tradewind-fleet': [s.fleet], 'tag:tradewind-cluster': [s.cluster] };
  const vpcs = (await describe(s, { action: 'DescribeVpcs', set: 'vpcSet', filters: ours }, r)).map((x) =>
    textAt(x, 'vpcId'),
  );
  const inside = vpcs.length === 0 ? [] : [balancers, classics, groups, interfaces].map((f) => f(s, vpcs, r));
  const found = await Promise.all([...inside, volumes(s, r), addresses(s, ours, r)]);
  return found.flat();
}

type Find = (s: Spot, vpcs: readonly string[], r: Reach) => Promise<Leftover[]>;

const balancers: Find = async (s, vpcs, r) => {
  const found: Leftover[] = [];
  for (let marker = ''; ; ) {
    const params = marker === '' ? {} : { Marker: marker };
    const x = await query(s, { service: 'elasticloadbalancing', action: 'DescribeLoadBalancers', params }, r);
    for (const m of elements(x, 'DescribeLoadBalancersResult', 'LoadBalancers', 'member'))
      if (vpcs.includes(textAt(m, 'VpcId')))
        found.push({
          cluster: s.cluster,
          kind: 'load balancer',
          id: textAt(m, 'LoadBalancerArn'),
          inside: true,
          tags: {},
          link: link(s, `LoadBalancers:search=${textAt(m, 'LoadBalancerName')}`),
        });
    marker = textAt(x, 'DescribeLoadBalancersResult', 'NextMarker');
    if (marker === '') return found;
  }
};

/** The controller inside Kubernetes still makes classic ones where no other controller is asked for. */
const classics: Find = async (s, vpcs, r) => {
  const x = await query(s, { service: 'elasticloadbalancing', action: 'DescribeLoadBalancers', version: CLASSIC }, r);
  return elements(x, 'DescribeLoadBalancersResult', 'LoadBalancerDescriptions', 'member')
    .filter((m) => vpcs.includes(textAt(m, 'VPCId')))
    .map((m) => {
      const id = textAt(m, 'LoadBalancerName');
      return {
        cluster: s.cluster,
        kind: 'classic load balancer',
        id,
        inside: true,
        tags: {},
        link: link(s, `LoadBalancers:search=${id}`),
      };
    });
};

const groups: Find = async (s, vpcs, r) => {
  const found = await describe(
    s,
    { action: 'DescribeSecurityGroups', set: 'securityGroupInfo', filters: { 'vpc-id': vpcs } },
    r,
  );
  return found
    .filter((x) => textAt(x, 'groupName') !== 'default')
    .map((x) => ({
      cluster: s.cluster,
      kind: 'security group',
      id: textAt(x, 'groupId'),
      inside: true,
      tags: tagsOf(x),
      link: link(s, `SecurityGroup:groupId=${textAt(x, 'groupId')}`),
    }));
};

/** Interfaces of machines and NAT gateways go with those. */
const interfaces: Find = async (s, vpcs, r) => {
  const found = await describe(
    s,
    { action: 'DescribeNetworkInterfaces', set: 'networkInterfaceSet', filters: { 'vpc-id': vpcs } },
    r,
  );
  return found
    .filter((x) => textAt(x, 'interfaceType') !== 'nat_gateway' && textAt(x, 'attachment', 'instanceId') === '')
    .map((x) => ({
      cluster: s.cluster,
      kind: 'network interface',
      id: textAt(x, 'networkInterfaceId'),
      inside: true,
      tags: tagsOf(x),
      link: link(s, `NetworkInterface:networkInterfaceId=${textAt(x, 'networkInterfaceId')}`),
    }));
};

async function volumes(s: Spot, r: Reach): Promise<Leftover[]> {
  const filters = { [`tag:kubernetes.io/cluster/${s.fleet}-${s.cluster}`]: ['owned'] };
  const found = await describe(s, { action: 'DescribeVolumes', set: 'volumeSet', filters }, r);
  return found.map((x) => ({
    cluster: s.cluster,
    kind: `volume of ${textAt(x, 'size')} GiB`,
    id: textAt(x, 'volumeId'),
    inside: false,
    tags: tagsOf(x),
    link: link(s, `VolumeDetails:volumeId=${textAt(x, 'volumeId')}`),
  }));
}

async function addresses(s: Spot, ours: Readonly<Record<string, readonly string[]>>, r: Reach): Promise<Leftover[]> {
  const found = await describe(s, { action: 'DescribeAddresses', set: 'addressesSet', filters: ours }, r);
  return found
    .filter((x) => textAt(x, 'associationId') === '')
    .map((x) => ({
      cluster: s.cluster,
      kind: 'address',
      id: textAt(x, 'allocationId'),
      inside: false,
      tags: tagsOf(x),
      link: link(s, `ElasticIpDetails:AllocationId=${textAt(x, 'allocationId')}`),
    }));
}

/** Interfaces of a load balancer linger for minutes after it; its group waits for them. */
const PATIENCE = { everyMs: 2000, limitMs: 300_000 };
const IN_USE = /DependencyViolation|InUse|InvalidParameterValue/;

interface Call {
  service: string;
  action: string;
  params: Record<string, string>;
  version?: string;
}
const ec2 = (action: string, params: Record<string, string>): Call => ({ service: 'ec2', action, params });

function callFor(l: Leftover): Call {
  if (l.kind === 'load balancer')
    return { service: 'elasticloadbalancing', action: 'DeleteLoadBalancer', params: { LoadBalancerArn: l.id } };
  if (l.kind === 'classic load balancer')
    return {
      service: 'elasticloadbalancing',
      action: 'DeleteLoadBalancer',
      params: { LoadBalancerName: l.id },
      version: CLASSIC,
    };
  if (l.kind === 'security group') return ec2('DeleteSecurityGroup', { GroupId: l.id });
  if (l.kind === 'network interface') return ec2('DeleteNetworkInterface', { NetworkInterfaceId: l.id });
  return l.kind === 'address' ? ec2('ReleaseAddress', { AllocationId: l.id }) : ec2('DeleteVolume', { VolumeId: l.id });
}

export async function removeAws(s: Spot, l: Leftover, r: Reach): Promise<void> {
  const call = callFor(l);
  let last: unknown;
  await until(r, PATIENCE, async () => {
    try {
      await query(s, call, r);
      return true;
    } catch (e) {
      if (isGone(e)) return true;
      if (!(e instanceof CloudError) || !IN_USE.test(e.code)) throw e;
      if (l.kind === 'security group' && last === undefined) await unname(s, l.id, r);
      last = e;
      return undefined;
    }
  }).catch((e: unknown) => {
    throw last ?? e;
  });
}

/** Takes the rules of other groups away that name this one: two groups that name each other block both. */
async function unname(s: Spot, id: string, r: Reach): Promise<void> {
  const naming = await describe(
    s,
    { action: 'DescribeSecurityGroups', set: 'securityGroupInfo', filters: { 'ip-permission.group-id': [id] } },
    r,
  );
  for (const group of naming.map((x) => textAt(x, 'groupId'))) {
    const rules = await describe(
      s,
      { action: 'DescribeSecurityGroupRules', set: 'securityGroupRuleSet', filters: { 'group-id': [group] } },
      r,
    );
    const bad = rules.filter(
      (x) => textAt(x, 'referencedGroupInfo', 'groupId') === id && textAt(x, 'isEgress') !== 'true',
    );
    const params: Record<string, string> = { GroupId: group };
    for (const [i, x] of bad.entries()) params[`SecurityGroupRuleId.${i + 1}`] = textAt(x, 'securityGroupRuleId');
    if (bad.length > 0) await query(s, { service: 'ec2', action: 'RevokeSecurityGroupIngress', params }, r);
  }
}
