import type { Context, Hono } from 'hono';
import type { CloudError, Resource } from '../model.ts';
import { MACHINE_TYPES, patchOf, VERSIONS, zonesOf } from '../offers.ts';
import { str, stringMap } from '../values.ts';
import { type ApiDeps, bearer, eraseLater, spoiled, vcpu, visible, withheld } from './api.ts';

const no = (c: Context, status: 400 | 401 | 404 | 409 | 429, code: string, message: string): Response =>
  c.json({ error: { code, message } }, status);

/** Azure Resource Manager: what preflight reads and the sweep finds and deletes. Bearer tokens of the sandbox's Entra. */
export function armRoutes(app: Hono, d: ApiDeps): void {
  app.use('/subscriptions/*', async (c, next) => {
    const who = bearer(d, c, 'azure');
    if (who === undefined || !/^https:\/\/management\.(azure|core\.windows)\.(com|net)\/?$/.test(who.audience))
      return no(c, 401, 'InvalidAuthenticationToken', 'The access token is invalid.');
    const { subscription } = d.accounts.azure;
    const asked = new URL(c.req.url).pathname.split('/')[2] ?? '';
    if (asked !== subscription || spoiled(d, 'azure') === 'account')
      return no(c, 404, 'SubscriptionNotFound', `The subscription '${asked}' could not be found.`);
    if (c.req.query('api-version') === undefined)
      return no(
        c,
        400,
        'MissingApiVersionParameter',
        'The api-version query parameter (?api-version=) is required for all requests.',
      );
    await next();
    return undefined;
  });
  app.get('/subscriptions/:id', (c) => c.json(subscriptionOf(d)));
  app.get('/subscriptions/:id/resourcegroups', (c) =>
    c.json({ value: visible(d, ['azurerm_resource_group']).map(group) }),
  );
  app.get('/subscriptions/:id/resourceGroups/:group/resources', (c) => resourcesIn(d, c));
  app.get('/subscriptions/:id/providers/Microsoft.Compute/skus', (c) => c.json({ value: skus(d, c) }));
  app.get('/subscriptions/:id/providers/Microsoft.Compute/locations/:location/usages', (c) =>
    c.json({ value: usages(d, c.req.param('location')) }),
  );
  app.get('/subscriptions/:id/providers/Microsoft.ContainerService/locations/:location/kubernetesVersions', (c) =>
    c.json({
      values: VERSIONS.map((version) => ({ version, patchVersions: { [patchOf(version)]: { upgrades: [] } } })),
    }),
  );
  app.get('/subscriptions/:id/providers/Microsoft.Network/locations/:location/operations/:op', (c) => operation(d, c));
  app.delete('/subscriptions/*', (c) => remove(d, c));
}

function subscriptionOf(d: ApiDeps) {
  const { subscription, tenant } = d.accounts.azure;
  return {
    id: `/subscriptions/${subscription}`,
    subscriptionId: subscription,
    tenantId: tenant,
    displayName: 'Sandbox',
    state: 'Enabled',
  };
}

const group = (r: Resource) => ({
  id: r.id,
  name: str(r.attrs.name),
  type: 'Microsoft.Resources/resourceGroups',
  location: r.region,
  ...(str(r.attrs.managed_by) ? { managedBy: str(r.attrs.managed_by) } : {}),
  tags: stringMap(r.attrs.tags),
  properties: { provisioningState: 'Succeeded' },
});

/** The top-level ARM resource of an object: a frontend is part of its load balancer, a machine of its scale set. */
function armId(id: string): string {
  const at = id.toLowerCase().indexOf('/providers/');
  const parts = id.slice(at + '/providers/'.length).split('/');
  return `${id.slice(0, at)}/providers/${parts.slice(0, 3).join('/')}`;
}
const inGroup = (r: Resource): boolean =>
  r.cloud === 'azure' &&
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\//.test(r.id) &&
  !r.id.includes('/Microsoft.Authorization/');

function resourcesIn(d: ApiDeps, c: Context): Response {
  const name = (c.req.param('group') ?? '').toLowerCase();
  const groups = visible(d, ['azurerm_resource_group']);
  if (!groups.some((g) => str(g.attrs.name).toLowerCase() === name))
    return no(c, 404, 'ResourceGroupNotFound', `Resource group '${c.req.param('group')}' could not be found.`);
  const inside = [...d.engine.world().resources.values()].filter(
    (r) => inGroup(r) && r.id.split('/')[4]?.toLowerCase() === name,
  );
  const value = [...new Map(inside.map((r) => [armId(r.id), r])).entries()].map(([id, r]) => ({
    id,
    name: id.split('/').at(-1),
    type: id.split('/').slice(6, 8).join('/'),
    location: r.region,
    tags: stringMap(r.attrs.tags),
  }));
  return c.json({ value });
}

/** Resource SKUs of one location; chaos appears as a restriction, as for a subscription that may not use a size. */
function skus(d: ApiDeps, c: Context) {
  const location = /location eq '([^']+)'/.exec(c.req.query('$filter') ?? '')?.[1] ?? '';
  const zones = zonesOf('azure', location);
  return Object.entries(MACHINE_TYPES.azure).map(([name, t]) => {
    const held = zones.filter((zone) => withheld(d, { cloud: 'azure', region: location, type: name, zone }));
    const scope =
      held.length === zones.length ? { type: 'Location', values: [location] } : { type: 'Zone', values: [location] };
    const info = held.length === zones.length ? { locations: [location] } : { locations: [location], zones: held };
    return {
      resourceType: 'virtualMachines',
      name,
      tier: 'Standard',
      family: familyOf(name),
      locations: [location],
      locationInfo: [{ location, zones }],
      capabilities: [
        { name: 'vCPUs', value: String(t.cpu) },
        { name: 'MemoryGB', value: String(t.memoryBytes / 2 ** 30) },
      ],
      restrictions:
        held.length === 0 ? [] : [{ ...scope, restrictionInfo: info, reasonCode: 'NotAvailableForSubscription' }],
    };
  });
}

/** `Standard_D2s_v5` -> `standardDSv5Family`, as the usage API names families. */
function familyOf(name: string): string {
  const m = /^Standard_([A-Z]+)\d+([a-z]*)(?:_(v\d+))?$/.exec(name);
  return `standard${m?.[1] ?? ''}${(m?.[2] ?? '').toUpperCase()}${m?.[3] ?? ''}Family`;
}

function usages(d: ApiDeps, location: string) {
  const { limit, used } = vcpu(d, 'azure', location);
  const one = (value: string, localizedValue: string, currentValue: number) => ({
    unit: 'Count',
    currentValue,
    limit,
    name: { value, localizedValue },
  });
  const machines = visible(d, ['azure_vm'], location);
  const families = [...new Set(Object.keys(MACHINE_TYPES.azure).map(familyOf))].map((f) =>
    one(
      f,
      `${f} vCPUs`,
      machines
        .filter((m) => familyOf(str(m.hidden.instanceType)) === f)
        .reduce((n, m) => n + Number(m.hidden.cpu ?? 0), 0),
    ),
  );
  return [one('cores', 'Total Regional vCPUs', used), ...families];
}

/** Deletions answer 202 and are polled. */
function remove(d: ApiDeps, c: Context): Response {
  const path = decodeURIComponent(new URL(c.req.url).pathname);
  const mine = [...d.engine.world().resources.values()].filter(
    (r) => inGroup(r) && armId(r.id).toLowerCase() === path.toLowerCase() && r.type !== 'azure_vm',
  );
  if (mine.length === 0) return c.body(null, 204);
  const started = mine.map((r) => eraseLater(d, r));
  const error = started.find((s) => s.error)?.error;
  if (error) return refused(c, error);
  const op = started.at(-1)?.op ?? '';
  const location = mine[0]?.region ?? '';
  const url = `${new URL(c.req.url).origin}/subscriptions/${d.accounts.azure.subscription}/providers/Microsoft.Network/locations/${location}/operations/${op}?api-version=2023-09-01`;
  return c.body(null, 202, { 'azure-asyncoperation': url, 'retry-after': '1' });
}
const refused = (c: Context, e: CloudError): Response => no(c, e.status === 429 ? 429 : 400, e.code, e.message);

function operation(d: ApiDeps, c: Context): Response {
  const op = d.engine.world().ops.get(c.req.param('op') ?? '');
  if (op?.phase === 'running') return c.json({ status: 'InProgress' });
  return c.json(
    op?.error
      ? { status: 'Failed', error: { code: op.error.code, message: op.error.message } }
      : { status: 'Succeeded' },
  );
}
