import { CloudError, type CloudPort, type Identity, type Offer, type QuotaUse, type Spot } from '../../cloud.ts';
import type { Leftover } from '../../ports.ts';
import { aksToken } from '../credentials/aks.ts';
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
  type Reply,
  strings,
  text,
  until,
} from './http.ts';

const ARM = 'https://management.azure.com';
const baseOf = (r: Reach): string => (r.endpoints['azure.arm'] ?? ARM).replace(/\/$/, '');

/** One request to Azure Resource Manager with a token of the identity that terraform uses. */
async function arm(s: Spot, o: { method: 'GET' | 'DELETE'; url: string }, r: Reach): Promise<Reply> {
  // A token leaves for no other host, whatever a Location header says.
  if (new URL(o.url).origin !== new URL(baseOf(r)).origin)
    throw new CloudError('ForeignLocation', `Resource Manager points at ${new URL(o.url).host}`, 400);
  const tenant = s.tenant ?? '';
  const token = await bearerFor(r, tenant, () => aksToken({ name: s.cluster, tenant }, r, `${ARM}/.default`));
  return await ask({ method: o.method, url: o.url, headers: { authorization: `Bearer ${token}` } }, r);
}

const urlOf = (s: Spot, path: string, query: Record<string, string>, r: Reach): string =>
  `${baseOf(r)}/subscriptions/${encodeURIComponent(s.account)}${path}?${new URLSearchParams(query).toString()}`;

async function get(s: Spot, o: { path: string; query: Record<string, string> }, r: Reach): Promise<Dict> {
  return jsonOf(await arm(s, { method: 'GET', url: urlOf(s, o.path, o.query, r) }, r));
}

/** All pages of a list. */
async function all(s: Spot, o: { path: string; query: Record<string, string> }, r: Reach): Promise<Dict[]> {
  const found: Dict[] = [];
  for (let url = urlOf(s, o.path, o.query, r); url !== ''; ) {
    const page = jsonOf(await arm(s, { method: 'GET', url }, r));
    found.push(...list(page['value']));
    url = text(page['nextLink']);
  }
  return found;
}

async function identity(s: Spot, r: Reach): Promise<Identity> {
  const found = await get(s, { path: '', query: { 'api-version': '2022-12-01' } }, r);
  return { account: text(found['subscriptionId']), who: `tenant ${text(found['tenantId'])}` };
}

/** Resource SKUs of the location; a zone that is restricted for this subscription is not offered. */
async function offers(s: Spot, types: readonly string[], r: Reach): Promise<Offer[]> {
  const query = { 'api-version': '2021-07-01', $filter: `location eq '${s.region}'` };
  const skus = await all(s, { path: '/providers/Microsoft.Compute/skus', query }, r);
  return skus
    .filter((k) => k['resourceType'] === 'virtualMachines' && types.includes(text(k['name'])))
    .flatMap((k) => openZones(k).map((zone): Offer => ({ zone, ...sizeOf(k) })));
}

function sizeOf(k: Dict): Omit<Offer, 'zone'> {
  const vcpu = list(k['capabilities']).find((c) => c['name'] === 'vCPUs');
  return { type: text(k['name']), vcpu: Number(vcpu?.['value'] ?? 0), family: text(k['family']) };
}

function openZones(k: Dict): string[] {
  const named = list(k['locationInfo']).flatMap((l) => strings(l['zones']));
  // A region without zones offers the size all the same.
  const zones = named.length === 0 ? [''] : named;
  const restrictions = list(k['restrictions']);
  if (restrictions.some((x) => x['type'] === 'Location')) return [];
  const shut = restrictions.flatMap((x) => strings(dict(x['restrictionInfo'])['zones']));
  return zones.filter((z) => !shut.includes(z));
}

async function quotas(s: Spot, r: Reach): Promise<QuotaUse[]> {
  const path = `/providers/Microsoft.Compute/locations/${s.region}/usages`;
  const found = await all(s, { path, query: { 'api-version': '2023-07-01' } }, r);
  return found.flatMap((u): QuotaUse[] => {
    const name = dict(u['name']);
    const id = text(name['value']);
    const base = {
      name: text(name['localizedValue']) || id,
      limit: Number(u['limit']),
      used: Number(u['currentValue']),
    };
    if (id === 'cores') return [base];
    return /Family$/i.test(id) ? [{ ...base, family: id }] : [];
  });
}

async function versions(s: Spot, r: Reach): Promise<string[]> {
  const path = `/providers/Microsoft.ContainerService/locations/${s.region}/kubernetesVersions`;
  const found = await get(s, { path, query: { 'api-version': '2024-05-01' } }, r);
  return list(found['values']).map((v) => text(v['version']));
}

/** What is billed or in the way; networks and identities are terraform's own. */
const KINDS: Readonly<Record<string, string>> = {
  'microsoft.network/loadbalancers': 'load balancer',
  'microsoft.network/publicipaddresses': 'public address',
  'microsoft.network/networkinterfaces': 'network interface',
  'microsoft.network/networksecuritygroups': 'security group',
  'microsoft.compute/disks': 'disk',
};
const typeOf = (id: string): string =>
  (id.split('/providers/').at(-1) ?? '').split('/').slice(0, 2).join('/').toLowerCase();

/** The cluster's own group and the one that AKS made for it. */
async function groupsOf(s: Spot, r: Reach): Promise<string[]> {
  const own = `${s.fleet}-${s.cluster}`.toLowerCase();
  const found = await all(s, { path: '/resourcegroups', query: { 'api-version': '2021-04-01' } }, r);
  const ours = (g: Dict): boolean =>
    text(g['name']).toLowerCase() === own ||
    text(g['managedBy']).toLowerCase().includes(`/resourcegroups/${own}/providers/microsoft.containerservice/`);
  return found.filter(ours).map((g) => text(g['name']));
}

async function leftovers(s: Spot, r: Reach): Promise<Leftover[]> {
  const groups = await groupsOf(s, r);
  const found = await Promise.all(groups.map((g) => inGroup(s, g, r)));
  return found.flat().flatMap((x): Leftover[] => {
    const id = text(x['id']);
    const kind = KINDS[typeOf(id)];
    const link = `https://portal.azure.com/#@${s.tenant ?? ''}/resource${id}`;
    return kind === undefined ? [] : [{ cluster: s.cluster, kind, id, inside: true, tags: labels(x['tags']), link }];
  });
}

/** A group that went meanwhile holds nothing. */
async function inGroup(s: Spot, group: string, r: Reach): Promise<Dict[]> {
  try {
    const path = `/resourceGroups/${encodeURIComponent(group)}/resources`;
    return await all(s, { path, query: { 'api-version': '2021-04-01' } }, r);
  } catch (e) {
    if (isGone(e)) return [];
    throw e;
  }
}

const PATIENCE = { everyMs: 2000, limitMs: 300_000 };
const apiVersion = (id: string): string => (typeOf(id).startsWith('microsoft.compute/') ? '2023-10-02' : '2023-09-01');
const IN_USE = /CannotBeDeleted|InUse|AnotherOperationInProgress|RetryableError/i;

async function remove(s: Spot, l: Leftover, r: Reach): Promise<void> {
  const url = `${baseOf(r)}${l.id}?api-version=${apiVersion(l.id)}`;
  await until(r, PATIENCE, async () => {
    try {
      const reply = await arm(s, { method: 'DELETE', url }, r);
      if (reply.status >= 400) jsonOf(reply);
      const at = reply.headers['azure-asyncoperation'] ?? reply.headers['location'];
      if (reply.status === 202 && typeof at === 'string') await finished(s, at, r);
      return true;
    } catch (e) {
      if (isGone(e)) return true;
      if (e instanceof CloudError && IN_USE.test(e.code)) return undefined;
      throw e;
    }
  });
}

/** Follows an asynchronous operation to its end. */
async function finished(s: Spot, url: string, r: Reach): Promise<void> {
  await until(r, PATIENCE, async () => {
    const reply = await arm(s, { method: 'GET', url }, r);
    if (reply.status === 202) return undefined;
    const body = jsonOf(reply);
    const status = text(body['status']);
    if (/^(Failed|Canceled)$/i.test(status)) {
      const error = dict(body['error']);
      throw new CloudError(text(error['code']) || status, text(error['message']), 409);
    }
    return status === '' || /^Succeeded$/i.test(status) ? true : undefined;
  });
}

/** Azure: Resource Manager by REST. */
export function azureCloud(r: Reach): CloudPort {
  return {
    identity: (s) => identity(s, r),
    offers: (s, types) => offers(s, types, r),
    quotas: (s) => quotas(s, r),
    versions: (s) => versions(s, r),
    leftovers: (s) => leftovers(s, r),
    remove: (s, l) => remove(s, l, r),
  };
}
