import type { Config } from '../config/index.ts';
import { type ClusterName, type Fix, fault, type Problem } from '../kernel/index.ts';
import type { BuiltNodes } from './built.ts';
import { loginFix } from './classify.ts';
import type { BuiltCloud, Identity, Offer, QuotaUse, Spot } from './cloud.ts';
import { knownVcpu, machineType, standIns } from './sizes.ts';

/** An answer of a cloud, or why there is none; `refused`: it said no to the credentials themselves. */
export type Known<T> = { value: T } | { why: readonly string[]; refused?: 'credentials' | 'account' };

/** A cluster as the config wants it, and what its cloud says. */
export interface CloudFacts {
  spot: Spot;
  /** Exact machine type. */
  type: string;
  zones: readonly string[];
  nodesMax: number;
  version: string;
  /** It was built already: who may touch it is checked, and whether it may grow. */
  standing: boolean;
  /** What it was built for, where that is known. */
  built?: BuiltNodes;
  identity: Known<Identity>;
  offers: Known<readonly Offer[]>;
  quotas: Known<readonly QuotaUse[]>;
  versions: Known<readonly string[]>;
}

export interface Verdict {
  id: 'identity' | 'type' | 'quota' | 'version';
  cluster: ClusterName;
  verdict: 'ok' | 'fail' | 'unknown';
  say: string;
  /** With `fail`. */
  problem?: Problem;
}

/** A rolling update adds one node before it takes one away. */
const SURGE = 1;

const QUOTAS: Readonly<Record<BuiltCloud, (s: Spot) => string>> = {
  aws: (s) => `https://${s.region}.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-1216C47A`,
  azure: () => 'https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas',
  gcp: (s) => `https://console.cloud.google.com/iam-admin/quotas?project=${s.account}`,
};

const ACCOUNT: Readonly<Record<BuiltCloud, (a: Config['accounts']) => Pick<Spot, 'account' | 'tenant' | 'profile'>>> = {
  aws: ({ aws }) => ({
    account: aws?.account ?? '',
    ...(aws?.profile === undefined ? {} : { profile: aws.profile }),
  }),
  azure: ({ azure }) => ({ account: azure?.subscription ?? '', tenant: azure?.tenant ?? '' }),
  gcp: ({ gcp }) => ({ account: gcp?.project ?? '' }),
};
type Want = Pick<CloudFacts, 'spot' | 'type' | 'zones' | 'nodesMax' | 'version'>;

/** Clusters of the config that are or will be built, as questions to their clouds. */
export function spotsOf(config: Config, only?: readonly ClusterName[]): Want[] {
  return config.clusters.flatMap((c) => {
    if (c.cloud === 'existing' || only?.includes(c.name) === false) return [];
    const place = { fleet: config.fleet, cluster: c.name, cloud: c.cloud, region: c.region };
    const spot: Spot = { ...place, ...ACCOUNT[c.cloud](config.accounts) };
    const type = machineType(c.cloud, c.size) ?? c.size;
    return [{ spot, type, zones: c.zones, nodesMax: c.nodes.max, version: c.version }];
  });
}

/** Types to ask for: the wanted one, and those that could stand in for it. */
export const candidates = (cloud: BuiltCloud, type: string): string[] => [...new Set([type, ...standIns(cloud)])];

const failed = (id: Verdict['id'], cluster: ClusterName, problem: Problem): Verdict => ({
  id,
  cluster,
  verdict: 'fail',
  say: `${cluster}: ${problem.code} ${problem.title}: ${[problem.value ?? '', ...problem.why.slice(0, 1)].join('; ')}`,
  problem,
});
const unknown = (id: Verdict['id'], f: CloudFacts, why: readonly string[]): Verdict => ({
  id,
  cluster: f.spot.cluster,
  verdict: 'unknown',
  say: `${f.spot.cluster}: ${id} could not be checked: ${why.join('; ')}`,
});
const good = (id: Verdict['id'], f: CloudFacts, say: string): Verdict => ({
  id,
  cluster: f.spot.cluster,
  verdict: 'ok',
  say: `${f.spot.cluster}: ${say}`,
});

function identity(f: CloudFacts): Verdict {
  const { cluster, cloud, account, profile } = f.spot;
  const where = [{ cluster, path: `accounts.${cloud}` }];
  const k = f.identity;
  if ('value' in k) {
    if (k.value.account === account) return good('identity', f, `${cloud} account ${account} (${k.value.who})`);
    const by = profile === undefined ? k.value.who : `${k.value.who}, profile ${profile}`;
    const value = `cluster ${cluster}: expected account ${account}, credentials are ${k.value.account} (${by})`;
    return failed('identity', cluster, fault('TW2020', { value, where, fix: loginFix(cloud) }).problem);
  }
  if (k.refused === undefined) return unknown('identity', f, k.why);
  const code = k.refused === 'account' ? 'TW2020' : 'TW2201';
  const value = k.refused === 'account' ? `cluster ${cluster}: expected account ${account}` : cloud;
  return failed('identity', cluster, fault(code, { value, where, why: [...k.why], fix: loginFix(cloud) }).problem);
}

const has = (zones: readonly string[], offers: readonly Offer[], type: string): boolean => {
  const open = offers.filter((o) => o.type === type).map((o) => o.zone);
  return open.length > 0 && zones.every((z) => open.includes(z));
};
const vcpuOf = (offers: readonly Offer[], type: string): number => offers.find((o) => o.type === type)?.vcpu ?? 0;

/** The offered type whose vCPU come closest, the smaller one of two; in all zones of the cluster, or in any. */
function nearestType(f: CloudFacts, offers: readonly Offer[], zones: readonly string[]): string | undefined {
  const { cloud } = f.spot;
  const wanted = vcpuOf(offers, f.type) || (knownVcpu(cloud, f.type) ?? 2);
  return candidates(cloud, f.type)
    .filter((t) => t !== f.type && has(zones, offers, t))
    .map((t) => ({ t, far: Math.abs(vcpuOf(offers, t) - wanted), vcpu: vcpuOf(offers, t) }))
    .toSorted((a, b) => a.far - b.far || a.vcpu - b.vcpu)[0]?.t;
}

const LIST_TYPES: Readonly<Record<BuiltCloud, (s: Spot) => string>> = {
  aws: (s) => `aws ec2 describe-instance-type-offerings --location-type availability-zone --region ${s.region}`,
  azure: (s) => `az vm list-skus --resource-type virtualMachines --output table --location ${s.region}`,
  gcp: (s) => `gcloud compute machine-types list --project ${s.account} --filter=zone:${s.region}`,
};

/** Ways out of a type that is not offered: another type here, this type elsewhere, another type elsewhere, the list. */
function otherTypes(f: CloudFacts, offers: readonly Offer[]): Fix[] {
  const { cluster, cloud } = f.spot;
  const zonesOf = (type: string): string => offers.flatMap((o) => (o.type === type ? [o.zone] : [])).join(', ');
  const here = nearestType(f, offers, f.zones);
  const fix: Fix[] = [
    ...(here === undefined ? [] : [{ say: `clusters.${cluster}.size: ${here} is offered in all its zones.` }]),
    ...(zonesOf(f.type) === '' ? [] : [{ say: `clusters.${cluster}.zones: ${zonesOf(f.type)} offer ${f.type}.` }]),
  ];
  if (fix.length > 0) return fix;
  const near = nearestType(f, offers, []);
  return near === undefined
    ? [{ say: 'Choose a type that this account is offered, or another region:', command: LIST_TYPES[cloud](f.spot) }]
    : [{ say: `clusters.${cluster}.size: ${near}, with clusters.${cluster}.zones: ${zonesOf(near)}.` }];
}

function machine(f: CloudFacts): Verdict {
  const { cluster, region } = f.spot;
  if (!('value' in f.offers)) return unknown('type', f, f.offers.why);
  const offers = f.offers.value;
  if (has(f.zones, offers, f.type)) return good('type', f, `${f.type} is offered in ${f.zones.join(', ') || region}`);
  const open = offers.filter((o) => o.type === f.type).map((o) => o.zone);
  const shut = f.zones.filter((z) => !open.includes(z));
  const problem = fault('TW2022', {
    value: `${f.type} in ${(open.length === 0 ? [region] : shut).join(', ')}`,
    where: [{ cluster, path: `clusters.${cluster}.size` }],
    why: [
      open.length === 0 ? 'offered in no zone of the region to this account' : `offered in ${open.join(', ')} only`,
    ],
    fix: otherTypes(f, offers),
  }).problem;
  return failed('type', cluster, problem);
}

interface Share {
  f: CloudFacts;
  offers: readonly Offer[];
  vcpu: number;
  /** Nodes that may come, in words. */
  nodes: string;
  need: number;
}

/**
 * Nodes that may come to run beyond those there are. Those that a standing cluster was built for were asked for then;
 * machines of another type come beside the old ones.
 */
function comingNodes(f: CloudFacts): { count: number; words: string } {
  if (!f.standing || (f.built !== undefined && f.built.type !== f.type))
    return { count: f.nodesMax + SURGE, words: `${f.nodesMax}+${SURGE} nodes` };
  const count = f.built === undefined ? 0 : Math.max(0, f.nodesMax - f.built.max);
  return { count, words: `${count} more ${count === 1 ? 'node' : 'nodes'}` };
}

export const grows = (f: Pick<CloudFacts, 'nodesMax' | 'type' | 'built'>): boolean =>
  f.built !== undefined && (f.built.type !== f.type || f.nodesMax > f.built.max);

/** vCPU that the cluster may come to run and that count against a quota. */
function shareOf(f: CloudFacts, q: QuotaUse): Share | undefined {
  if (!('value' in f.offers)) return undefined;
  const { count, words } = comingNodes(f);
  const offer = f.offers.value.find((o) => o.type === f.type);
  if (count === 0 || offer === undefined || (q.family !== undefined && q.family !== offer.family)) return undefined;
  return { f, offers: f.offers.value, vcpu: offer.vcpu, nodes: words, need: count * offer.vcpu };
}

/** What would fit: the most nodes of this type, and a type with fewer vCPU. */
function smaller(s: Share, q: QuotaUse, total: number): Fix[] {
  const { cluster, cloud } = s.f.spot;
  const room = q.limit - q.used - (total - s.need);
  const grown = s.f.standing && s.f.built?.type === s.f.type ? s.f.built.max : -SURGE;
  const nodes = Math.floor(room / s.vcpu) + grown;
  const size = candidates(cloud, s.f.type)
    .filter((t) => has(s.f.zones, s.offers, t) && vcpuOf(s.offers, t) < s.vcpu)
    .find((t) => (s.f.nodesMax + SURGE) * vcpuOf(s.offers, t) <= room);
  return [
    ...(size === undefined ? [] : [{ say: `clusters.${cluster}.size: ${size} fits.` }]),
    ...(nodes >= 1 ? [{ say: `clusters.${cluster}.nodes.max: ${nodes} fits.` }] : []),
  ];
}

function quotaVerdict(shares: readonly Share[], q: QuotaUse, mine: Share): Verdict {
  const { spot } = mine.f;
  const total = shares.reduce((n, s) => n + s.need, 0);
  const place = q.everywhere === true ? `all regions of ${spot.account}` : spot.region;
  const numbers = `needs ${total} vCPU in ${place} (${q.used} used of ${q.limit})`;
  if (q.used + total <= q.limit) return good('quota', mine.f, numbers);
  const problem = fault('TW2021', {
    value: numbers,
    where: [{ cluster: spot.cluster, path: `clusters.${spot.cluster}.nodes.max` }],
    why: [`${q.name}: ${shares.map((s) => `${s.f.spot.cluster} ${s.nodes} × ${s.vcpu} vCPU`).join(', ')}`],
    fix: [...smaller(mine, q, total), { say: `Ask for more: ${QUOTAS[spot.cloud](spot)}` }],
  }).problem;
  return failed('quota', spot.cluster, problem);
}

/** The tightest quota of a cluster; `fail` wins over `ok`. */
function quota(f: CloudFacts, all: readonly CloudFacts[]): Verdict {
  if (!('value' in f.quotas)) return unknown('quota', f, f.quotas.why);
  const sharing = (q: QuotaUse, o: CloudFacts): boolean =>
    o.spot.cloud === f.spot.cloud &&
    o.spot.account === f.spot.account &&
    (q.everywhere === true || o.spot.region === f.spot.region);
  const verdicts = f.quotas.value.flatMap((q) => {
    const mine = shareOf(f, q);
    const shares = all.filter((o) => sharing(q, o)).flatMap((o) => shareOf(o, q) ?? []);
    return mine === undefined ? [] : [quotaVerdict(shares, q, mine)];
  });
  const [first] = verdicts;
  return (
    verdicts.find((v) => v.verdict === 'fail') ?? first ?? unknown('quota', f, [`no quota is known for ${f.type}`])
  );
}

function version(f: CloudFacts): Verdict {
  if (!('value' in f.versions)) return unknown('version', f, f.versions.why);
  if (f.versions.value.includes(f.version)) return good('version', f, `Kubernetes ${f.version} is offered`);
  const { cluster, region } = f.spot;
  const problem = fault('TW2023', {
    value: `${f.version} in ${region}`,
    where: [{ cluster, path: `clusters.${cluster}.version` }],
    why: [`offered: ${f.versions.value.join(', ')}`],
  }).problem;
  return failed('version', cluster, problem);
}

/** What the clouds' answers mean, cluster by cluster. A cluster that stands is asked for its account, and to grow. */
export function cloudVerdicts(all: readonly CloudFacts[]): Verdict[] {
  return all.flatMap((f) => {
    const who = identity(f);
    if (who.verdict !== 'ok' || (f.standing && !grows(f))) return [who];
    const type = machine(f);
    // A type that is not offered has no vCPU to count.
    const room = type.verdict === 'fail' ? [] : [quota(f, all)];
    return f.standing ? [who, type, ...room] : [who, type, ...room, version(f)];
  });
}

/** The first failure of each cluster: its root is not planned. */
export function refusedBy(verdicts: readonly Verdict[]): Map<ClusterName, Problem> {
  const refused = new Map<ClusterName, Problem>();
  for (const v of verdicts) if (v.problem !== undefined && !refused.has(v.cluster)) refused.set(v.cluster, v.problem);
  return refused;
}
