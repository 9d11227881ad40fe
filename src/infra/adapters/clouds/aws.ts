import type { CloudPort, Identity, Offer, QuotaUse, Spot } from '../../cloud.ts';
import { describe, jsonTarget, query, restGet } from './aws-call.ts';
import { awsLeftovers, removeAws } from './aws-sweep.ts';
import { dict, list, type Reach, text } from './http.ts';
import { elements, textAt, type Xml } from './xml.ts';

/** The bucket of quota L-1216C47A: On-Demand Standard (A, C, D, H, I, M, R, T, Z). */
const STANDARD = /^(?:a|c|d|h|i|im|is|m|r|t|z)\d/;
const familyOf = (type: string): string => (STANDARD.test(type) ? 'standard' : 'other');

async function identity(s: Spot, r: Reach): Promise<Identity> {
  const x = await query(s, { service: 'sts', action: 'GetCallerIdentity' }, r);
  const [result] = elements(x, 'GetCallerIdentityResult');
  return result === undefined
    ? { account: '', who: '' }
    : { account: textAt(result, 'Account'), who: textAt(result, 'Arn') };
}

async function offers(s: Spot, types: readonly string[], r: Reach): Promise<Offer[]> {
  const filters = { 'instance-type': types };
  const [zones, sizes] = await Promise.all([offerings(s, filters, r), vcpus(s, filters, r)]);
  return zones.map((x) => {
    const type = textAt(x, 'instanceType');
    return { type, zone: textAt(x, 'location'), vcpu: sizes.get(type) ?? 0, family: familyOf(type) };
  });
}
type Filters = Readonly<Record<string, readonly string[]>>;

async function offerings(s: Spot, filters: Filters, r: Reach): Promise<readonly Xml[]> {
  const params: Record<string, string> = { LocationType: 'availability-zone', 'Filter.1.Name': 'instance-type' };
  for (const [i, t] of (filters['instance-type'] ?? []).entries()) params[`Filter.1.Value.${i + 1}`] = t;
  const x = await query(s, { service: 'ec2', action: 'DescribeInstanceTypeOfferings', params }, r);
  return elements(x, 'instanceTypeOfferingSet', 'item');
}

/** An unknown name in the filter finds nothing; it is no error. */
async function vcpus(s: Spot, filters: Filters, r: Reach): Promise<Map<string, number>> {
  const found = await describe(s, { action: 'DescribeInstanceTypes', set: 'instanceTypeSet', filters }, r);
  return new Map(found.map((x) => [textAt(x, 'instanceType'), Number(textAt(x, 'vCpuInfo', 'defaultVCpus'))]));
}

async function quotas(s: Spot, r: Reach): Promise<QuotaUse[]> {
  const filters = { 'instance-state-name': ['pending', 'running'] };
  const [answer, reservations] = await Promise.all([
    jsonTarget(
      s,
      {
        service: 'servicequotas',
        target: 'ServiceQuotasV20190624.GetServiceQuota',
        body: { ServiceCode: 'ec2', QuotaCode: 'L-1216C47A' },
      },
      r,
    ),
    describe(s, { action: 'DescribeInstances', set: 'reservationSet', filters }, r),
  ]);
  const machines = reservations.flatMap((x) => elements(x, 'instancesSet', 'item'));
  const quota = dict(answer['Quota']);
  return [
    {
      name: text(quota['QuotaName']) || 'L-1216C47A',
      limit: Number(quota['Value']),
      used: machines.reduce((n, m) => n + vcpuOf(m), 0),
      family: 'standard',
    },
  ];
}

/** Spot machines and other families have quotas of their own. */
function vcpuOf(m: Xml): number {
  if (familyOf(textAt(m, 'instanceType')) !== 'standard' || textAt(m, 'instanceLifecycle') === 'spot') return 0;
  return Number(textAt(m, 'cpuOptions', 'coreCount')) * Number(textAt(m, 'cpuOptions', 'threadsPerCore'));
}

async function versions(s: Spot, r: Reach): Promise<string[]> {
  const answer = await restGet(s, { service: 'eks', path: '/cluster-versions' }, r);
  return list(answer['clusterVersions']).map((v) => text(v['clusterVersion']));
}

/** AWS: STS, EC2, load balancing, Service Quotas and EKS, each at its regional endpoint. */
export function awsCloud(r: Reach): CloudPort {
  return {
    identity: (s) => identity(s, r),
    offers: (s, types) => offers(s, types, r),
    quotas: (s) => quotas(s, r),
    versions: (s) => versions(s, r),
    leftovers: (s) => awsLeftovers(s, r),
    remove: (s, l) => removeAws(s, l, r),
  };
}
