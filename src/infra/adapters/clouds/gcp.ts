import { CloudError, type CloudPort, type Identity, type Offer, type QuotaUse, type Spot } from '../../cloud.ts';
import type { Leftover } from '../../ports.ts';
import { gkeToken } from '../credentials/gke.ts';
import {
  ask,
  bearerFor,
  type Dict,
  dict,
  isGone,
  jsonOf,
  labels,
  list,
  type Reach,
  strings,
  text,
  until,
} from './http.ts';

const HOSTS = {
  compute: 'https://compute.googleapis.com',
  container: 'https://container.googleapis.com',
  projects: 'https://cloudresourcemanager.googleapis.com',
} as const;
type Service = keyof typeof HOSTS;

interface Call {
  service: Service;
  method?: 'GET' | 'DELETE';
  path: string;
  query?: Record<string, string>;
}

/** One REST call with the token of the service account or user that terraform uses. */
async function call(s: Spot, o: Call, r: Reach): Promise<Dict> {
  const base = (r.endpoints[`google.${o.service}`] ?? HOSTS[o.service]).replace(/\/$/, '');
  const search = o.query === undefined ? '' : `?${new URLSearchParams(o.query).toString()}`;
  const token = await bearerFor(r, 'google', () => gkeToken({ name: s.cluster }, r));
  const headers = { authorization: `Bearer ${token}` };
  return jsonOf(await ask({ method: o.method ?? 'GET', url: `${base}${o.path}${search}`, headers }, r));
}

const compute = (s: Spot, path: string): string => `/compute/v1/projects/${encodeURIComponent(s.account)}${path}`;

/** All pages of a compute list; aggregated lists are keyed by scope. */
async function all(s: Spot, o: { path: string; filter?: string }, r: Reach): Promise<Dict[]> {
  const found: Dict[] = [];
  for (let token = ''; ; ) {
    const query = {
      ...(o.filter === undefined ? {} : { filter: o.filter }),
      ...(token === '' ? {} : { pageToken: token }),
    };
    const page = await call(s, { service: 'compute', path: compute(s, o.path), query }, r);
    const items = page['items'];
    found.push(
      ...(Array.isArray(items) ? list(items) : Object.values(dict(items)).flatMap((scope) => lists(dict(scope)))),
    );
    token = text(page['nextPageToken']);
    if (token === '') return found;
  }
}
const lists = (scope: Dict): Dict[] => Object.values(scope).flatMap((v) => (Array.isArray(v) ? list(v) : []));

async function identity(s: Spot, r: Reach): Promise<Identity> {
  const found = await call(s, { service: 'projects', path: `/v1/projects/${encodeURIComponent(s.account)}` }, r);
  return { account: text(found['projectId']), who: `project number ${text(found['projectNumber'])}` };
}

async function offers(s: Spot, types: readonly string[], r: Reach): Promise<Offer[]> {
  const region = await call(s, { service: 'compute', path: compute(s, `/regions/${s.region}`) }, r);
  const named = strings(region['zones']).map((z) => z.slice(z.lastIndexOf('/') + 1));
  const zones = named.length > 0 ? named : ['a', 'b', 'c'].map((z) => `${s.region}-${z}`);
  const found = await Promise.all(zones.map((zone) => inZone(s, zone, types, r)));
  return found.flat();
}

async function inZone(s: Spot, zone: string, types: readonly string[], r: Reach): Promise<Offer[]> {
  const items = await all(s, { path: `/zones/${zone}/machineTypes` }, r).catch((e: unknown) => {
    if (isGone(e)) return [];
    throw e;
  });
  return items
    .filter((t) => types.includes(text(t['name'])))
    .map((t) => ({ type: text(t['name']), zone, vcpu: Number(t['guestCpus']) }));
}

async function quotas(s: Spot, r: Reach): Promise<QuotaUse[]> {
  const [project, region] = await Promise.all([
    call(s, { service: 'compute', path: compute(s, '') }, r),
    call(s, { service: 'compute', path: compute(s, `/regions/${s.region}`) }, r),
  ]);
  const one = (holder: Dict, metric: string, name: string): QuotaUse[] =>
    list(holder['quotas'])
      .filter((q) => q['metric'] === metric)
      .map((q) => ({ name, limit: Number(q['limit']), used: Number(q['usage']) }));
  const all = one(project, 'CPUS_ALL_REGIONS', 'CPUS_ALL_REGIONS').map((q) => ({ ...q, everywhere: true as const }));
  return [...one(region, 'CPUS', `CPUS in ${s.region}`), ...all];
}

async function versions(s: Spot, r: Reach): Promise<string[]> {
  const path = `/v1/projects/${encodeURIComponent(s.account)}/locations/${s.region}/serverConfig`;
  const found = await call(s, { service: 'container', path }, r);
  const minors = strings(found['validMasterVersions']).map((v) => v.split('.').slice(0, 2).join('.'));
  return [...new Set(minors)];
}

const last = (url: unknown): string => text(url).slice(text(url).lastIndexOf('/') + 1);
/** `projects/p/…` of a self link. */
const pathOf = (o: Dict): string => /projects\/.*$/.exec(text(o['selfLink']))?.[0] ?? '';

function leftover(s: Spot, o: Dict, kind: string, inside: boolean): Leftover {
  const link = `https://console.cloud.google.com/home/dashboard?project=${s.account}`;
  return { cluster: s.cluster, kind, id: pathOf(o), inside, tags: labels(o['labels']), link };
}

/** Names that GKE's service controller gives to the parts of one load balancer. */
const FIREWALL = /^k8s-fw-(?<balancer>[a-z0-9-]+)$/;

/** Networks carry no labels: what lies in the cluster's network, and what a firewall in it belongs to. */
async function leftovers(s: Spot, r: Reach): Promise<Leftover[]> {
  const network = `${s.fleet}-${s.cluster}`;
  const mine = (o: Dict): boolean => last(o['network']) === network;
  const [firewalls, rules, groups, disks, addresses] = await Promise.all([
    all(s, { path: '/global/firewalls' }, r),
    all(s, { path: `/regions/${s.region}/forwardingRules` }, r),
    all(s, { path: '/aggregated/networkEndpointGroups' }, r),
    all(s, { path: '/aggregated/disks', filter: `labels.goog-k8s-cluster-name=${network}` }, r),
    all(s, { path: `/regions/${s.region}/addresses` }, r),
  ]);
  const walls = firewalls.filter(mine);
  const balancers = new Set(walls.map((w) => FIREWALL.exec(text(w['name']))?.groups?.['balancer']));
  return [
    ...rules
      .filter((o) => mine(o) || balancers.has(text(o['name'])))
      .map((o) => leftover(s, o, 'forwarding rule', true)),
    ...walls.map((o) => leftover(s, o, 'firewall', true)),
    ...groups.filter(mine).map((o) => leftover(s, o, 'network endpoint group', true)),
    ...disks.map((o) => leftover(s, o, `disk of ${text(o['sizeGb'])} GB`, false)),
    ...addresses
      .filter((o) => labels(o['labels'])['tradewind-cluster'] === s.cluster && text(o['status']) !== 'IN_USE')
      .map((o) => leftover(s, o, 'address', false)),
  ];
}

const PATIENCE = { everyMs: 2000, limitMs: 300_000 };
const IN_USE = /inUse|resourceInUse|resourceNotReady/i;

async function remove(s: Spot, l: Leftover, r: Reach): Promise<void> {
  const path = `/compute/v1/${l.id}`;
  await until(r, PATIENCE, async () => {
    try {
      await finished(s, await call(s, { service: 'compute', method: 'DELETE', path }, r), r);
      return true;
    } catch (e) {
      if (isGone(e)) return true;
      if (e instanceof CloudError && IN_USE.test(e.code)) return undefined;
      throw e;
    }
  });
}

/** Follows an operation of its zone, region or the globe to its end. */
async function finished(s: Spot, started: Dict, r: Reach): Promise<void> {
  let op = started;
  await until(r, PATIENCE, async () => {
    if (op['status'] !== 'DONE') {
      op = await call(s, { service: 'compute', path: `/compute/v1/${pathOf(started)}` }, r);
      if (op['status'] !== 'DONE') return undefined;
    }
    const [error] = list(dict(op['error'])['errors']);
    if (error !== undefined) throw new CloudError(text(error['code']), text(error['message']), 409);
    return true;
  });
}

/** Google Cloud: compute, container and Resource Manager by REST. */
export function gcpCloud(r: Reach): CloudPort {
  return {
    identity: (s) => identity(s, r),
    offers: (s, types) => offers(s, types, r),
    quotas: (s) => quotas(s, r),
    versions: (s) => versions(s, r),
    leftovers: (s) => leftovers(s, r),
    remove: (s, l) => remove(s, l, r),
  };
}
