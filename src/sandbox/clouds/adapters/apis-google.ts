import type { Context, Hono } from 'hono';
import type { CloudError, Resource } from '../model.ts';
import { MACHINE_TYPES, patchOf, VERSIONS, zonesOf } from '../offers.ts';
import { num, str, stringMap } from '../values.ts';
import { type ApiDeps, bearer, eraseLater, spoiled, vcpu, visible, withheld } from './api.ts';

type Status = 400 | 401 | 403 | 404;
const REASON: Record<Status, string> = { 400: 'invalid', 401: 'authError', 403: 'forbidden', 404: 'notFound' };
const no = (c: Context, status: Status, message: string, reason = REASON[status]): Response =>
  c.json({ error: { code: status, message, errors: [{ message, domain: 'global', reason }] } }, status);

/** Compute, container and Resource Manager: what preflight reads and the sweep finds and deletes. */
export function googleRoutes(app: Hono, d: ApiDeps): void {
  for (const path of [
    '/compute/v1/projects/:project/*',
    '/compute/v1/projects/:project',
    '/v1/projects/:project/*',
    '/v1/projects/:project',
  ])
    app.use(path, async (c, next) => {
      if (bearer(d, c, 'gcp') === undefined)
        return no(
          c,
          401,
          'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
        );
      const project = c.req.param('project');
      if (project !== d.accounts.google.project || spoiled(d, 'gcp') === 'account')
        return no(c, 403, `Required 'compute.projects.get' permission for 'projects/${project}'`);
      await next();
      return undefined;
    });
  app.get('/v1/projects/:project', (c) => {
    const { project, number } = d.accounts.google;
    return c.json({ projectId: project, projectNumber: number, name: project, lifecycleState: 'ACTIVE' });
  });
  app.get('/v1/projects/:project/locations/:location/serverConfig', (c) =>
    c.json({
      defaultClusterVersion: gke(VERSIONS[0] ?? ''),
      validMasterVersions: VERSIONS.map(gke),
      validNodeVersions: VERSIONS.map(gke),
    }),
  );
  const compute = '/compute/v1/projects/:project';
  app.get(compute, (c) => {
    const regions = Object.keys(d.engine.world().setting.regions);
    const used = regions.reduce((n, r) => n + vcpu(d, 'gcp', r).used, 0);
    const quotas = [{ metric: 'CPUS_ALL_REGIONS', limit: 4096, usage: used }];
    return c.json({ kind: 'compute#project', name: d.accounts.google.project, quotas });
  });
  app.get(`${compute}/regions/:region`, (c) => {
    const { region } = c.req.param();
    const { limit, used } = vcpu(d, 'gcp', region);
    return c.json({
      kind: 'compute#region',
      name: region,
      status: 'UP',
      quotas: [{ metric: 'CPUS', limit, usage: used }],
    });
  });
  app.get(`${compute}/zones/:zone/machineTypes`, (c) => c.json({ items: types(d, c.req.param('zone')) }));
  app.get(`${compute}/global/firewalls`, (c) => c.json(items(d, c, 'gcp_firewall')));
  app.get(`${compute}/regions/:region/forwardingRules`, (c) => c.json(items(d, c, 'gcp_forwarding_rule')));
  app.get(`${compute}/aggregated/networkEndpointGroups`, (c) => c.json(aggregated(d, c, 'gcp_neg')));
  app.get(`${compute}/aggregated/disks`, (c) => c.json(aggregated(d, c, 'gcp_disk')));
  app.get(`${compute}/regions/:region/addresses`, (c) => c.json(items(d, c, 'google_compute_address')));
  app.get(`${compute}/*`, (c) => operation(d, c));
  app.delete(`${compute}/*`, (c) => remove(d, c));
}

const gke = (minor: string): string => `${patchOf(minor)}-gke.1000000`;
const link = (c: Context, id: string): string => `${new URL(c.req.url).origin}/compute/v1/${id}`;

function types(d: ApiDeps, zone: string) {
  const region = zone.replace(/-[a-z]$/, '');
  if (!zonesOf('gcp', region).includes(zone)) return [];
  return Object.entries(MACHINE_TYPES.gcp)
    .filter(([name]) => !withheld(d, { cloud: 'gcp', region, type: name, zone }))
    .map(([name, t]) => ({ name, guestCpus: t.cpu, memoryMb: t.memoryBytes / 2 ** 20, zone }));
}

function shown(c: Context, r: Resource) {
  const network = str(r.attrs.network);
  const size = num(r.attrs, 'size');
  const address = str(r.attrs.address) || str(r.hidden.ip);
  return {
    id: r.key,
    name: r.id.split('/').at(-1),
    selfLink: link(c, r.id),
    ...(network ? { network: link(c, networkPath(r, network)) } : {}),
    ...(address && r.type !== 'gcp_firewall'
      ? { [r.type === 'gcp_forwarding_rule' ? 'IPAddress' : 'address']: address }
      : {}),
    ...(r.type === 'gcp_firewall' ? { direction: 'INGRESS' } : {}),
    ...(size === undefined ? {} : { sizeGb: String(size) }),
    labels: { ...stringMap(r.attrs.labels), ...stringMap(r.attrs.effective_labels) },
  };
}
const networkPath = (r: Resource, network: string): string =>
  `projects/${r.account}/global/networks/${network.split('/').at(-1)}`;

/** Only the filters that the sweep uses: `name=…` and `labels.key=…`; any other is refused by finding nothing. */
function matches(c: Context, r: Resource): boolean {
  const filter = c.req.query('filter');
  if (filter === undefined || filter === '') return true;
  const [, key = '', value = ''] = /^([\w.-]+)\s*=\s*"?([^"]*)"?$/.exec(filter) ?? [];
  const one = shown(c, r);
  if (key === 'name') return one.name === value;
  return key.startsWith('labels.') && one.labels[key.slice('labels.'.length)] === value;
}

function found(d: ApiDeps, c: Context, type: string): Resource[] {
  const region = c.req.param('region');
  return visible(d, [type], region).filter((r) => matches(c, r));
}
const items = (d: ApiDeps, c: Context, type: string) => ({ items: found(d, c, type).map((r) => shown(c, r)) });

/** Grouped by zone, the last part of every key the kind of object. */
function aggregated(d: ApiDeps, c: Context, type: string) {
  const kind = type === 'gcp_neg' ? 'networkEndpointGroups' : 'disks';
  const groups = Object.groupBy(found(d, c, type), (r) => r.id.split('/').slice(2, 4).join('/'));
  return {
    items: Object.fromEntries(
      Object.entries(groups).map(([scope, list]) => [scope, { [kind]: (list ?? []).map((r) => shown(c, r)) }]),
    ),
  };
}

const pathOf = (c: Context): string => decodeURIComponent(new URL(c.req.url).pathname).replace('/compute/v1/', '');

/** Deletions answer with an operation of their scope, which is polled. */
function remove(d: ApiDeps, c: Context): Response {
  const id = pathOf(c);
  const r = [...d.engine.world().resources.values()].find((x) => x.id === id && x.cloud === 'gcp');
  if (!r) return no(c, 404, `The resource '${id}' was not found`);
  const { op, error } = eraseLater(d, r);
  if (error) return refused(c, error);
  const scope = id
    .split('/')
    .slice(0, id.includes('/global/') ? 3 : 4)
    .join('/');
  return c.json({
    kind: 'compute#operation',
    name: op,
    operationType: 'delete',
    status: 'RUNNING',
    targetLink: link(c, id),
    selfLink: link(c, `${scope}/operations/${op}`),
  });
}
const refused = (c: Context, e: CloudError): Response =>
  no(c, e.status === 403 ? 403 : e.status === 404 ? 404 : 400, e.message, e.code);

function operation(d: ApiDeps, c: Context): Response {
  const id = /\/operations\/([\w-]+)$/.exec(pathOf(c))?.[1];
  const op = id === undefined ? undefined : d.engine.world().ops.get(id);
  if (op === undefined) return no(c, 404, `The resource '${pathOf(c)}' was not found`);
  const error = op.error
    ? { error: { errors: [{ code: op.error.code.toUpperCase(), message: op.error.message }] } }
    : {};
  return c.json({
    kind: 'compute#operation',
    name: op.id,
    status: op.phase === 'running' ? 'RUNNING' : 'DONE',
    ...error,
  });
}
