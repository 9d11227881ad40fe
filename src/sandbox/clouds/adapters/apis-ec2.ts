import { ownerOf } from '../machine/sweep.ts';
import type { CloudError, Resource } from '../model.ts';
import { MACHINE_TYPES, zonesOf } from '../offers.ts';
import { num, str, stringMap, strings } from '../values.ts';
import { erase, visible, withheld } from './api.ts';
import { type Answer, type Call, escape, unknownAction } from './query.ts';

/** EC2 query API, version 2016-11-15: what preflight reads and the sweep finds and deletes. */
export async function ec2(c: Call): Promise<Answer> {
  const handler = ACTIONS[c.params.get('Action') ?? ''];
  return handler ? await handler(c) : unknownAction(c.params);
}

type Handler = (c: Call) => Answer | Promise<Answer>;
const ACTIONS: Record<string, Handler> = {
  DescribeVpcs: (c) => list(c, { types: ['aws_vpc'], set: 'vpcSet', item: vpc }),
  DescribeSecurityGroups: (c) => list(c, { types: ['aws_security_group'], set: 'securityGroupInfo', item: group }),
  DescribeNetworkInterfaces: (c) => list(c, { types: ['aws_eni'], set: 'networkInterfaceSet', item: networkInterface }),
  DescribeVolumes: (c) => list(c, { types: ['aws_ebs_volume'], set: 'volumeSet', item: volume }),
  DescribeAddresses: (c) => list(c, { types: ['aws_eip'], set: 'addressesSet', item: address }),
  DescribeInstances: (c) => list(c, { types: ['aws_instance'], set: 'reservationSet', item: reservation }),
  DescribeInstanceTypeOfferings: offerings,
  DescribeInstanceTypes: instanceTypes,
  DeleteSecurityGroup: (c) => remove(c, 'GroupId', 'aws_security_group', 'InvalidGroup.NotFound'),
  DeleteNetworkInterface: (c) => remove(c, 'NetworkInterfaceId', 'aws_eni', 'InvalidNetworkInterfaceID.NotFound'),
  DeleteVolume: (c) => remove(c, 'VolumeId', 'aws_ebs_volume', 'InvalidVolume.NotFound'),
  ReleaseAddress: (c) => remove(c, 'AllocationId', 'aws_eip', 'InvalidAllocationID.NotFound'),
};

/** `Filter.n.Name` with its values: all must match, one value each is enough. */
function filtersOf(params: URLSearchParams): { name: string; values: string[] }[] {
  const out: { name: string; values: string[] }[] = [];
  for (let n = 1; params.has(`Filter.${n}.Name`); n++) {
    const values: string[] = [];
    for (let m = 1; params.has(`Filter.${n}.Value.${m}`); m++) values.push(params.get(`Filter.${n}.Value.${m}`) ?? '');
    out.push({ name: params.get(`Filter.${n}.Name`) ?? '', values });
  }
  return out;
}

const tagsOf = (r: Resource): Record<string, string> => ({
  ...stringMap(r.attrs.tags),
  ...stringMap(r.attrs.tags_all),
});
const FIELDS: Record<string, (r: Resource) => string> = {
  'vpc-id': (r) => (r.type === 'aws_vpc' ? r.id : str(r.attrs.vpc_id)),
  'instance-state-name': () => 'running',
  // The groups of this world have no rules that name other groups.
  'ip-permission.group-id': () => '\0',
};
const UNKNOWN_FILTER = (name: string): CloudError => ({
  status: 400,
  code: 'InvalidParameterValue',
  message: `The filter '${name}' is invalid`,
});

function list(c: Call, o: { types: string[]; set: string; item: (r: Resource, c: Call) => string }): Answer {
  const filters = filtersOf(c.params);
  const strange = filters.find((f) => !f.name.startsWith('tag:') && !(f.name in FIELDS));
  if (strange) return UNKNOWN_FILTER(strange.name);
  const value = (r: Resource, name: string): string =>
    name.startsWith('tag:') ? (tagsOf(r)[name.slice(4)] ?? '\0') : (FIELDS[name]?.(r) ?? '');
  const found = visible(c.d, o.types, c.region).filter((r) =>
    filters.every((f) => f.values.includes(value(r, f.name))),
  );
  return `<${o.set}>${found.map((r) => `<item>${o.item(r, c)}</item>`).join('')}</${o.set}>`;
}

const tagSet = (r: Resource, name = 'tagSet'): string =>
  `<${name}>${Object.entries(tagsOf(r))
    .map(([k, v]) => `<item><key>${escape(k)}</key><value>${escape(v)}</value></item>`)
    .join('')}</${name}>`;
const vpc = (r: Resource): string =>
  `<vpcId>${r.id}</vpcId><ownerId>${r.account}</ownerId><state>available</state><cidrBlock>${str(r.attrs.cidr_block)}</cidrBlock><isDefault>false</isDefault>${tagSet(r)}`;
const group = (r: Resource): string =>
  `<ownerId>${r.account}</ownerId><groupId>${r.id}</groupId><groupName>${escape(str(r.attrs.name))}</groupName><groupDescription>${escape(str(r.attrs.description))}</groupDescription><vpcId>${str(r.attrs.vpc_id)}</vpcId><ipPermissions/><ipPermissionsEgress/>${tagSet(r)}`;
function networkInterface(r: Resource, c: Call): string {
  const owner = ownerOf(c.d.engine.world(), r);
  const groups = strings(r.attrs.security_groups).map((g) => `<item><groupId>${g}</groupId></item>`);
  return `<networkInterfaceId>${r.id}</networkInterfaceId><subnetId>${str(r.attrs.subnet_id)}</subnetId><vpcId>${str(r.attrs.vpc_id)}</vpcId><description>${escape(str(r.attrs.description))}</description><ownerId>${r.account}</ownerId><requesterManaged>${owner !== undefined}</requesterManaged><status>${owner ? 'in-use' : 'available'}</status><interfaceType>${owner ? 'network_load_balancer' : 'interface'}</interfaceType><groupSet>${groups.join('')}</groupSet>${tagSet(r)}`;
}
const volume = (r: Resource): string =>
  `<volumeId>${r.id}</volumeId><size>${num(r.attrs, 'size') ?? 0}</size><availabilityZone>${str(r.attrs.zone)}</availabilityZone><status>available</status><volumeType>gp3</volumeType>${tagSet(r)}`;
const address = (r: Resource): string =>
  `<publicIp>${str(r.hidden.ip)}</publicIp><allocationId>${r.id}</allocationId><domain>vpc</domain>${tagSet(r)}`;
function reservation(r: Resource): string {
  const cores = (num(r.hidden, 'cpu') ?? 2) / 2;
  return `<reservationId>r-${r.id.slice(2)}</reservationId><instancesSet><item><instanceId>${r.id}</instanceId><instanceType>${str(r.hidden.instanceType)}</instanceType><instanceState><code>16</code><name>running</name></instanceState><cpuOptions><coreCount>${cores}</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions></item></instancesSet>`;
}

function offerings(c: Call): Answer {
  const wanted = filtersOf(c.params).find((f) => f.name === 'instance-type')?.values ?? Object.keys(MACHINE_TYPES.aws);
  const items = wanted
    .filter((type) => type in MACHINE_TYPES.aws)
    .flatMap((type) =>
      zonesOf('aws', c.region)
        .filter((zone) => !withheld(c.d, { cloud: 'aws', region: c.region, type, zone }))
        .map(
          (zone) =>
            `<item><instanceType>${type}</instanceType><locationType>availability-zone</locationType><location>${zone}</location></item>`,
        ),
    );
  return `<instanceTypeOfferingSet>${items.join('')}</instanceTypeOfferingSet>`;
}

function instanceTypes(c: Call): Answer {
  const wanted = filtersOf(c.params).find((f) => f.name === 'instance-type')?.values ?? Object.keys(MACHINE_TYPES.aws);
  const items = wanted.flatMap((type) => {
    const t = MACHINE_TYPES.aws[type];
    return t === undefined
      ? []
      : `<item><instanceType>${type}</instanceType><vCpuInfo><defaultVCpus>${t.cpu}</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>${t.memoryBytes / 2 ** 20}</sizeInMiB></memoryInfo></item>`;
  });
  return `<instanceTypeSet>${items.join('')}</instanceTypeSet>`;
}

async function remove(c: Call, param: string, type: string, missing: string): Promise<Answer> {
  const id = c.params.get(param) ?? '';
  const found = visible(c.d, [type], c.region).find((r) => r.id === id);
  if (!found) return { status: 400, code: missing, message: `The ID '${id}' does not exist` };
  return (await erase(c.d, found)) ?? '<return>true</return>';
}
