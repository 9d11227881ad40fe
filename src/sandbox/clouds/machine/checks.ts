import type { Chaos, CloudError, World } from '../model.ts';
import { DEFAULT_EIPS, DEFAULT_VCPU, DEFAULT_VPCS, MACHINE_TYPES, minorOf, VERSIONS, zonesOf } from '../offers.ts';
import { type Ctx, fail, type TypeRule } from '../rules/rule.ts';
import { at, num, str, strings } from '../values.ts';
import { type Pool, poolsOf } from './pools.ts';
import { inForce, type Target } from './target.ts';

export interface CheckInput {
  rule: TypeRule;
  ctx: Ctx;
  target: Target;
  chaos: readonly Chaos[];
  now: number;
  /** Nodes that are asked for; those of the object itself by default. */
  pools?: Pool[];
}

/** Why the cloud refuses a create or update at once; undefined = accepted. */
export function refusal(i: CheckInput): CloudError | undefined {
  return (
    throttled(i) ?? missingReference(i) ?? unknownPlace(i) ?? unknownMachineType(i) ?? overQuota(i) ?? unknownVersion(i)
  );
}

export function throttled(i: Omit<CheckInput, 'ctx'>): CloudError | undefined {
  if (!inForce(i.chaos, 'throttle', i.target, i.now)) return undefined;
  if (i.target.cloud === 'azure')
    return fail(
      429,
      'TooManyRequests',
      'The request is being throttled as the limit has been reached for operation type. For more information, see - https://aka.ms/srpthrottlinglimits',
    );
  if (i.target.cloud === 'gcp')
    return fail(
      403,
      'rateLimitExceeded',
      "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com'",
    );
  return i.rule.words.service === 'EC2'
    ? fail(503, 'RequestLimitExceeded', 'Request limit exceeded.')
    : fail(400, 'ThrottlingException', 'Rate exceeded');
}

function missingReference(i: CheckInput): CloudError | undefined {
  for (const need of i.rule.needs) {
    const v = at(i.ctx.attrs, need.path);
    const values = typeof v === 'string' && v !== '' ? [v] : strings(v);
    const missing = values.find((value) => !exists(i.ctx.world, need.types, need.by, value));
    if (missing !== undefined) return need.error(missing, i.ctx);
  }
  return undefined;
}

const tail = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

function exists(world: World, types: string[], by: string, value: string): boolean {
  // The default VPC network of a Google project and foreign roles are not in this world.
  if (value === 'default') return true;
  for (const r of world.resources.values()) {
    if (!types.includes(r.type) || r.phase === 'failed') continue;
    if (by === 'id' ? r.id === value : r.attrs[by] === value || (by === 'name' && str(r.attrs.name) === tail(value)))
      return true;
  }
  return false;
}

function unknownPlace(i: CheckInput): CloudError | undefined {
  const { cloud, region } = i.target;
  if (region === '' || region in i.ctx.world.setting.regions || !NEEDS_REGION.has(i.rule.type)) return undefined;
  const known = Object.keys(i.ctx.world.setting.regions).join(', ');
  if (cloud === 'azure')
    return fail(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${region}' is not available for resource type. List of available regions for the resource type is '${known}'.`,
    );
  if (cloud === 'gcp')
    return fail(404, 'notFound', `The resource 'projects/${i.ctx.who.account}/regions/${region}' was not found`);
  return fail(400, 'UnsupportedRegion', `The sandbox has no machines in ${region}; it has ${known}.`);
}
/** Types that become machines or addresses; the rest may lie anywhere. */
const NEEDS_REGION = new Set([
  'aws_eks_cluster',
  'aws_eip',
  'azurerm_kubernetes_cluster',
  'azurerm_public_ip',
  'google_container_cluster',
  'google_compute_address',
]);

function unknownMachineType(i: CheckInput): CloudError | undefined {
  const asked = i.rule.machineTypes?.(i.ctx);
  if (!asked) return undefined;
  const { cloud, region } = i.target;
  const offered = zonesOf(cloud, region);
  const badZone = asked.zones.find((z) => !offered.includes(z));
  if (badZone !== undefined) return zoneError(i, badZone, offered);
  const bad = asked.types.find((t) => !(t in MACHINE_TYPES[cloud]));
  if (bad !== undefined) return typeError(i, bad);
  const chaos = inForce(i.chaos, 'typeMissing', i.target, i.now);
  const hit = chaos && asked.types.find((t) => (str(chaos.args.machineType) || t) === t);
  // AWS accepts the request and fails at launch; see lateFailure.
  return hit !== undefined && hit !== '' && cloud !== 'aws' ? typeError(i, hit) : undefined;
}

function zoneError(i: CheckInput, zone: string, offered: string[]): CloudError {
  const { cloud, region } = i.target;
  if (cloud === 'azure')
    return fail(
      400,
      'AvailabilityZoneNotSupported',
      `The zone(s) '${zone}' for resource 'agentpool' is not supported. The supported zones for location '${region}' are '${offered.join(',')}'`,
    );
  if (cloud === 'gcp') return fail(400, 'badRequest', `Location "${zone}" does not exist.`);
  return fail(
    400,
    'InvalidParameterValue',
    `Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${offered.join(', ')}.`,
  );
}

function typeError(i: CheckInput, type: string): CloudError {
  const { cloud, region } = i.target;
  if (cloud === 'azure')
    return fail(
      400,
      'BadRequest',
      `The VM size of ${type} is not allowed in your subscription in location '${region}'. The available VM sizes are '${Object.keys(MACHINE_TYPES.azure).join(',').toLowerCase()}'. For more information, please visit https://aka.ms/cpu-quota`,
    );
  if (cloud === 'gcp')
    return fail(
      400,
      'badRequest',
      `Machine type with name '${type}' does not exist in zone '${zonesOf('gcp', region)[0] ?? region}'.`,
    );
  return fail(
    400,
    'InvalidParameterException',
    `[${type}] is not a valid instance type. The following supplied instance types do not exist: [${type}]`,
  );
}

/** vCPU that run or are being created in the region. */
export function vcpuInUse(world: World, cloud: Target['cloud'], region: string): number {
  let sum = 0;
  for (const r of world.resources.values())
    if (r.cloud === cloud && r.region === region) sum += num(r.hidden, 'cpu') ?? 0;
  return sum;
}

interface VcpuNeed {
  limit: number;
  used: number;
  need: number;
}
function vcpuNeed(i: CheckInput): VcpuNeed | undefined {
  const pools = i.pools ?? poolsOf(i.rule.type, i.ctx);
  const need = pools.reduce((sum, p) => sum + p.count * (MACHINE_TYPES[i.target.cloud][p.instanceType]?.cpu ?? 0), 0);
  if (need === 0) return undefined;
  const limit = quotaOf(i, 'vcpu', DEFAULT_VCPU);
  const used = vcpuInUse(i.ctx.world, i.target.cloud, i.target.region);
  return used + need > limit ? { limit, used, need } : undefined;
}

function quotaOf(i: CheckInput, what: string, otherwise: number): number {
  const chaos = inForce(i.chaos, 'quota', i.target, i.now);
  return chaos && (str(chaos.args.what) || 'vcpu') === what ? (num(chaos.args, 'limit') ?? 0) : otherwise;
}

function overQuota(i: CheckInput): CloudError | undefined {
  if (i.rule.type === 'aws_vpc' && countOf(i, 'aws_vpc') >= quotaOf(i, 'vpc', DEFAULT_VPCS))
    return fail(400, 'VpcLimitExceeded', 'The maximum number of VPCs has been reached.');
  if (i.rule.type === 'aws_eip' && countOf(i, 'aws_eip') >= quotaOf(i, 'eip', DEFAULT_EIPS))
    return fail(400, 'AddressLimitExceeded', 'The maximum number of addresses has been reached.');
  const over = vcpuNeed(i);
  if (!over) return undefined;
  const { limit, used, need } = over;
  if (i.target.cloud === 'azure') {
    return fail(
      400,
      'ErrCode_InsufficientVCPUQuota',
      `Insufficient vcpu quota requested ${need}, remaining ${Math.max(0, limit - used)} for family standardDSv5Family for region ${i.target.region}. If you want to increase the quota, please follow this instruction: https://learn.microsoft.com/en-us/azure/quotas/view-quotas.`,
    );
  }
  if (i.target.cloud === 'gcp') {
    return fail(
      403,
      'forbidden',
      `Insufficient regional quota to satisfy request: resource "CPUS": request requires '${need}.0' and is short '${used + need - limit}.0'. project has a quota of '${limit}.0' with '${Math.max(0, limit - used)}.0' available. View and manage quotas at https://console.cloud.google.com/iam-admin/quotas?usage=USED&project=${i.ctx.who.account}.`,
    );
  }
  return undefined;
}

function countOf(i: CheckInput, type: string): number {
  return [...i.ctx.world.resources.values()].filter((r) => r.type === type && r.region === i.target.region).length;
}

function unknownVersion(i: CheckInput): CloudError | undefined {
  const path = {
    aws_eks_cluster: 'version',
    azurerm_kubernetes_cluster: 'kubernetes_version',
    google_container_cluster: 'min_master_version',
  }[i.rule.type];
  const asked = path === undefined ? '' : str(i.ctx.attrs[path]);
  if (asked === '' || VERSIONS.includes(minorOf(asked))) return undefined;
  if (i.target.cloud === 'azure')
    return fail(
      400,
      'K8sVersionNotSupported',
      `Managed cluster ${str(i.ctx.attrs.name)} is on version ${asked}, which is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region.`,
    );
  if (i.target.cloud === 'gcp') return fail(400, 'badRequest', `Master version "${asked}" is unsupported.`);
  return fail(400, 'InvalidParameterException', `unsupported Kubernetes version ${asked}`);
}

/** What fails only after the request was accepted, with words the provider finds in the object's health. */
export function lateFailure(i: CheckInput): (CloudError & { keep: boolean }) | undefined {
  const chosen = inForce(i.chaos, 'fail', i.target, i.now);
  if (chosen) {
    const code = str(chosen.args.code) || 'InternalError';
    const message = str(chosen.args.message) || 'An internal error occurred while the resource was being created.';
    return { ...fail(500, code, message), keep: chosen.args.keep === true };
  }
  if (i.rule.type !== 'aws_eks_node_group') return undefined;
  const over = vcpuNeed(i);
  if (over) {
    const text = `VcpuLimitExceeded - You have requested more vCPU capacity than your current vCPU limit of ${over.limit} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`;
    return {
      ...fail(
        400,
        'AsgInstanceLaunchFailures',
        `Could not launch On-Demand Instances. ${text} Launching EC2 instance failed.`,
      ),
      keep: true,
    };
  }
  const chaos = inForce(i.chaos, 'typeMissing', i.target, i.now);
  if (!chaos) return undefined;
  const type = strings(i.ctx.attrs.instance_types)[0] ?? 't3.medium';
  const zone = str(chaos.args.zone) || zonesOf('aws', i.target.region)[0];
  return {
    ...fail(
      400,
      'AsgInstanceLaunchFailures',
      `Your requested instance type (${type}) is not supported in your requested Availability Zone (${zone}). Please retry your request by not specifying an Availability Zone or choosing ${zonesOf(
        'aws',
        i.target.region,
      )
        .filter((z) => z !== zone)
        .join(', ')}. Launching EC2 instance failed.`,
    ),
    keep: true,
  };
}
