import { dictOf, type KubeApi, type KubeObject, listOf, type Ref, textOf } from '../../../fleet/index.ts';
import type { SwitchHands, SwitchRig } from '../../switch.contract.ts';
import { httpRouteSwitch, type RouteSwitch } from './httproute.ts';
import { type ServiceSwitch, serviceSwitch } from './service.ts';

export const NS = `tw-switch-${process.pid}`;
export const CLUSTER = 'sao';
const VERSION = 'tradewind.dev/version';
const FENCE = '/metadata/annotations/tradewind.dev~1fence';
const route = (name: string): Ref => ({ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: NS, name });
const service = (name: string): Ref => ({ group: '', kind: 'Service', namespace: NS, name });

let apps = 0;
const nextApp = (): string => `shop-${++apps}`;

export const routeOptions = (api: KubeApi, app: string): RouteSwitch => ({
  app,
  namespace: NS,
  host: `${app}.example.org`,
  service: app,
  port: 80,
  gateway: { namespace: NS, name: 'gateway' },
  api: () => api,
  lagMs: 1500,
  secret: () => 'secret-of-r1',
});
export const plainService = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: NS, labels: { app: name } },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
});
export const serviceOptions = (api: KubeApi, app: string): ServiceSwitch => ({
  app,
  namespace: NS,
  service: app,
  rendered: async () => plainService(app),
  api: () => api,
  lagMs: 2000,
  acceptLoss: false,
});

export async function makeNamespace(api: KubeApi): Promise<void> {
  const ns = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } };
  await api.apply(ns, { manager: 'tests', dryRun: false, force: true, expect: 'any' });
}

async function need(api: KubeApi, ref: Ref): Promise<KubeObject> {
  const o = await api.get(ref);
  if (o === undefined) throw new Error(`${ref.name} is not there`);
  return o;
}

/** Deletes an object and makes it again from what it was, as `kubectl replace --force` does. */
async function recreate(api: KubeApi, ref: Ref): Promise<void> {
  const { metadata, status: _, ...rest } = await need(api, ref);
  const { name, namespace = NS, labels = {}, annotations = {}, uid = '' } = metadata;
  await api.remove(ref, { uid, cascade: 'background' });
  const { clusterIP: _ip, clusterIPs: _ips, ...spec } = dictOf(rest['spec']);
  await api.create({ ...rest, metadata: { name, namespace, labels, annotations }, spec }, 'kubectl-replace');
}

const names = (rules: unknown): string[] =>
  listOf(rules)
    .flatMap((r) => listOf(r['backendRefs']))
    .filter((b) => b['weight'] !== 0)
    .map((b) => textOf(b['name']) ?? '');

function routeHands(api: KubeApi, app: string): SwitchHands {
  const rules = async (name: string): Promise<unknown> => dictOf((await need(api, route(name)))['spec'])['rules'];
  const ours = (v: string, weight: number): Record<string, unknown> => ({
    group: '',
    kind: 'Service',
    name: `${app}-${v}`,
    port: 80,
    weight,
  });
  const other = { group: '', kind: 'Service', name: 'mirror', port: 81, weight: 0 };
  const weigh = (v1: number, v2: number): Promise<KubeObject> =>
    api.patch(
      route(app),
      [{ op: 'replace', path: '/spec/rules/0/backendRefs', value: [ours('v1', v1), ours('v2', v2)] }],
      'argocd-controller',
    );
  return {
    addForeign: async () => {
      const path = (value: string): unknown[] => [{ path: { type: 'PathPrefix', value } }];
      await api.patch(
        route(app),
        [
          { op: 'add', path: '/metadata/annotations/example.org~1note', value: 'keep me' },
          { op: 'add', path: '/spec/rules/0/backendRefs/0', value: other },
          {
            op: 'add',
            path: '/spec/rules/-',
            value: { matches: path('/static'), backendRefs: [{ ...other, weight: 1 }] },
          },
          { op: 'add', path: '/spec/rules/-', value: { matches: path('/api'), backendRefs: [ours('v1', 7)] } },
        ],
        'kubectl-edit',
      );
    },
    foreign: async () => {
      const o = await need(api, route(app));
      const [first, second, third] = listOf(dictOf(o['spec'])['rules']);
      return [
        o.metadata.annotations?.['example.org/note'],
        listOf(first?.['backendRefs'])[0],
        second,
        third?.['matches'],
      ];
    },
    tamper: async () => void (await weigh(50, 50)),
    mend: async () => void (await weigh(100, 0)),
    loseNotes: async () => void (await api.patch(route(app), [{ op: 'remove', path: FENCE }], 'kubectl-edit')),
    recreate: () => recreate(api, route(app)),
    serves: async () => [...new Set(names(await rules(app)).filter((n) => n !== 'mirror'))].toSorted(),
    previews: async () => {
      const o = await api.get(route(`${app}-preview`));
      if (o === undefined) return undefined;
      const all = dictOf(o['spec'])['rules'];
      const open = listOf(all)
        .flatMap((r) => listOf(r['matches']))
        .filter((m) => !JSON.stringify(m).includes('secret-of-r1'));
      return open.length > 0 ? ['open to everybody'] : [...new Set(names(all))];
    },
  };
}

function serviceHands(api: KubeApi, app: string): SwitchHands {
  const version = async (name: string): Promise<string | undefined> => {
    const o = await api.get(service(name));
    return o === undefined ? undefined : (textOf(dictOf(dictOf(o['spec'])['selector'])[VERSION]) ?? 'all');
  };
  const select = (v: string): Promise<KubeObject> =>
    api.patch(service(app), [{ op: 'replace', path: '/spec/selector/tradewind.dev~1version', value: v }], 'helm');
  return {
    addForeign: async () => {
      await api.patch(
        service(app),
        [
          { op: 'add', path: '/metadata/annotations/example.org~1note', value: 'keep me' },
          { op: 'add', path: '/spec/selector/tier', value: 'web' },
          { op: 'add', path: '/spec/sessionAffinity', value: 'ClientIP' },
        ],
        'kubectl-edit',
      );
    },
    foreign: async () => {
      const o = await need(api, service(app));
      const spec = dictOf(o['spec']);
      return [o.metadata.annotations?.['example.org/note'], dictOf(spec['selector'])['tier'], spec['sessionAffinity']];
    },
    tamper: async () => void (await select('v9')),
    mend: async () => void (await select('v1')),
    loseNotes: async () => void (await api.patch(service(app), [{ op: 'remove', path: FENCE }], 'kubectl-edit')),
    recreate: () => recreate(api, service(app)),
    serves: async () => [(await version(app)) ?? ''],
    previews: async () => {
      const v = await version(`${app}-preview`);
      return v === undefined ? undefined : [v];
    },
  };
}

/** Two drivers over one API server, each with its own memory of what it read. */
export async function routeRig(api: KubeApi): Promise<SwitchRig> {
  const app = nextApp();
  const open = () => httpRouteSwitch(routeOptions(api, app));
  return { cluster: CLUSTER, a: open(), b: open(), hands: routeHands(api, app), close: async () => undefined };
}
export async function serviceRig(api: KubeApi): Promise<SwitchRig> {
  const app = nextApp();
  const open = () => serviceSwitch(serviceOptions(api, app));
  return { cluster: CLUSTER, a: open(), b: open(), hands: serviceHands(api, app), close: async () => undefined };
}
