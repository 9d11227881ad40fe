import { describe, expect, test } from 'vitest';
import { KubeTwin } from '../../../fleet/adapters/kube-twin.ts';
import { KubeError, type KubeObject } from '../../../fleet/index.ts';
import type { Switch } from '../../ports.ts';
import { CLUSTER, makeNamespace, NS, plainService, routeOptions, serviceOptions } from './fixtures.ts';
import { httpRouteSwitch } from './httproute.ts';
import { serviceSwitch } from './service.ts';

const APP = 'shop';
const HOST = `${APP}.example.org`;
const API = 'gateway.networking.k8s.io';
const ROUTE = { group: API, kind: 'HTTPRoute', namespace: NS, name: APP };
const yes = (...types: string[]): unknown => ({ conditions: types.map((type) => ({ type, status: 'True' })) });
const gateway: KubeObject = {
  apiVersion: `${API}/v1`,
  kind: 'Gateway',
  metadata: { name: 'gateway', namespace: NS },
  spec: { gatewayClassName: 'traefik' },
  status: yes('Accepted', 'Programmed'),
};
const gatewayClass: KubeObject = {
  apiVersion: `${API}/v1`,
  kind: 'GatewayClass',
  metadata: { name: 'traefik' },
  spec: { controllerName: 'x' },
  status: yes('Accepted'),
};
const route = (name: string, spec: Record<string, unknown>): KubeObject => ({
  apiVersion: `${API}/v1`,
  kind: 'HTTPRoute',
  metadata: { name, namespace: NS },
  spec: { parentRefs: [{ name: 'gateway' }], hostnames: [HOST], ...spec },
});
const to = (name: string, path?: string): Record<string, unknown> => ({
  rules: [
    {
      ...(path === undefined ? {} : { matches: [{ path: { type: 'PathPrefix', value: path } }] }),
      backendRefs: [{ name, port: 80 }],
    },
  ],
});

async function good(): Promise<{ api: KubeTwin; sw: Switch; why(): Promise<string[]> }> {
  const api = new KubeTwin();
  await makeNamespace(api);
  for (const o of [gateway, gatewayClass, plainService(`${APP}-v1`)]) api.put(o, 'tw');
  const sw = httpRouteSwitch(routeOptions(api, APP));
  await sw.create(CLUSTER, 'v1');
  await sw.preview(CLUSTER, 'v2');
  const why = async (): Promise<string[]> =>
    (await sw.refuse(CLUSTER)).map((r) => {
      expect(r).toMatchObject({ cluster: CLUSTER, code: expect.stringMatching(/^TW70(03|21)$/) as string });
      return r.say;
    });
  return { api, sw, why };
}

describe('httproute refuses', () => {
  test('nothing, when all is well, before and after the switch is made', async () => {
    const { api, why } = await good();
    expect(await why()).toEqual([]);
    api.vanish(ROUTE);
    expect(await why()).toEqual([]);
  });

  test('a cluster without the Gateway API', async () => {
    const api = new KubeTwin('twin', {
      before: (call) => {
        if (call.ref?.group === API) throw new KubeError(404, 'NoKindMatch', 'the server serves no Gateway');
      },
    });
    const [reason] = await httpRouteSwitch(routeOptions(api, APP)).refuse(CLUSTER);
    expect(reason?.say).toContain('definitions are not installed');
  });

  test('a Gateway or class that is absent or does not serve, with the condition', async () => {
    const { api, why } = await good();
    api.setStatus(
      { group: API, kind: 'Gateway', namespace: NS, name: 'gateway' },
      {
        conditions: [
          { type: 'Accepted', status: 'True' },
          { type: 'Programmed', status: 'False', reason: 'AddressNotAssigned' },
        ],
      },
    );
    expect(await why()).toEqual([
      expect.stringMatching(/Gateway .*gateway on sao: Programmed is False \(AddressNotAssigned\); fix/),
    ]);
    api.vanish({ group: API, kind: 'GatewayClass', name: 'traefik' });
    expect((await why())[0]).toMatch(/GatewayClass traefik on sao: is not there; fix/);
    api.vanish({ group: API, kind: 'Gateway', namespace: NS, name: 'gateway' });
    expect(await why()).toEqual([expect.stringMatching(/Gateway .*gateway on sao: is not there; fix: run "tw up"/)]);
  });

  test('another program that owns the rules; a person’s edit that agrees is none', async () => {
    const { api, why } = await good();
    api.edit(ROUTE, (o) =>
      Object.assign(o['spec'] as object, { rules: structuredClone((o['spec'] as { rules: unknown }).rules) }),
    );
    const edit = (by: string, weight: number): unknown =>
      api.edit(
        ROUTE,
        (o) => {
          const rules = (o['spec'] as { rules: { backendRefs: { weight: number }[] }[] }).rules;
          for (const r of rules[0]?.backendRefs ?? []) r.weight = weight;
        },
        by,
      );
    edit('kubectl-edit', 7);
    expect(await why()).toEqual([]);
    edit('argocd-controller', 9);
    expect(await why()).toEqual([
      expect.stringMatching(/HTTPRoute .*shop on sao: spec.rules is owned by argocd-controller since 20.*; fix: take/),
    ]);
  });

  test('a second route of the host for the same requests, or to a version around the switch', async () => {
    const { api, why } = await good();
    api.put(route('static', to('files', '/static')), 'kubectl');
    api.put(route('elsewhere', { ...to('files'), hostnames: ['other.example.org'] }), 'kubectl');
    api.put(route('other-door', { ...to('files'), parentRefs: [{ name: 'inner' }] }), 'kubectl');
    expect(await why()).toEqual([]);
    api.put(route('rival', to('files')), 'kubectl');
    api.put(route('around', to(`${APP}-v1`, '/old')), 'kubectl');
    const reasons = await why();
    expect(reasons).toHaveLength(2);
    expect(reasons.join('\n')).toMatch(/rival on sao: spec.hostnames: takes shop.example.org\/ as well: two switches/);
    expect(reasons.join('\n')).toMatch(/around on sao: spec.hostnames: reaches a version around the switch/);
  });

  test('a live version without its backend Service, and a route of that name that is not ours', async () => {
    const { api, why } = await good();
    api.vanish({ group: '', kind: 'Service', namespace: NS, name: `${APP}-v1` });
    expect(await why()).toEqual([
      expect.stringMatching(/Service .*shop-v1 on sao: the backend of the live version is not there/),
    ]);
    api.vanish(ROUTE);
    api.put(route(APP, to('files')), 'kubectl-create');
    expect((await why())[0]).toMatch(/shop on sao: is not Tradewind’s; fix: rename or delete it/);
  });
});

describe('service refuses', () => {
  const made = async (change: (o: KubeObject) => void, acceptLoss = false) => {
    const api = new KubeTwin();
    await makeNamespace(api);
    const plain = plainService(APP);
    change(plain);
    api.put(plain, 'tradewind');
    const sw = serviceSwitch({ ...serviceOptions(api, APP), acceptLoss });
    await sw.create(CLUSTER, 'v1');
    await sw.read(CLUSTER);
    return { api, sw, why: async () => (await sw.refuse(CLUSTER)).map((r) => r.say) };
  };
  const balancer =
    (notes: Record<string, string>, more: Record<string, unknown> = {}) =>
    (o: KubeObject) => {
      o.metadata.annotations = notes;
      Object.assign(o['spec'] as object, { type: 'LoadBalancer', ...more });
    };
  const IP = { 'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type': 'ip' };

  test('nothing, for a ClusterIP and for a load balancer that goes through the nodes', async () => {
    expect(await (await made(() => undefined)).why()).toEqual([]);
    const lb = await made(balancer({ 'cloud.google.com/neg': '{}' }));
    expect(await lb.why()).toEqual([]);
    expect(lb.sw.lagMs(CLUSTER)).toBe(2000);
  });

  test.each([
    [IP, {}],
    [{ 'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb-ip' }, {}],
    [{ 'cloud.google.com/neg': '{"exposed_ports":{"80":{}}}' }, {}],
    [{}, { loadBalancerClass: 'eks.amazonaws.com/nlb' }],
  ])('a load balancer that sends to pods: %j %j', async (notes, more) => {
    const lb = await made(balancer(notes as Record<string, string>, more));
    expect(await lb.why()).toEqual([
      expect.stringMatching(/Service .*shop on sao: type LoadBalancer sends to pods directly/),
    ]);
    expect(lb.sw.lagMs(CLUSTER)).toBe(150_000);
  });

  test('unless the loss is accepted; the lag stays said', async () => {
    const lb = await made(balancer(IP), true);
    expect(await lb.why()).toEqual([]);
    expect(lb.sw.lagMs(CLUSTER)).toBe(150_000);
  });

  test('another Service over pods of all versions, and a foreign owner of the selector', async () => {
    const { api, why } = await made(() => undefined);
    const labels = { app: APP, tier: 'web', 'tradewind.dev/version': 'v1' };
    api.put({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: NS, labels }, spec: {} }, 'kubelet');
    const of = (name: string, selector: Record<string, string>): unknown =>
      api.put({ ...plainService(name), spec: { selector } }, 'kubectl');
    of('narrow', { app: APP, 'tradewind.dev/version': 'v1' });
    of('others', { app: 'db' });
    expect(await why()).toEqual([]);
    of('metrics', { tier: 'web' });
    expect(await why()).toEqual([
      expect.stringMatching(/Service .*metrics on sao: spec.selector: selects pods of every version/),
    ]);
    api.edit(
      { group: '', kind: 'Service', namespace: NS, name: APP },
      (o) => {
        Object.assign((o['spec'] as { selector: object }).selector, { 'tradewind.dev/version': 'v2' });
      },
      'helm',
    );
    expect((await why()).join('\n')).toMatch(
      /expected selector tradewind.dev\/version=v1, found tradewind.dev\/version=v2; last changed by helm at 20[\s\S]*is owned by helm/,
    );
  });
});
