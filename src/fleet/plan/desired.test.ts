import { describe, expect, test } from 'vitest';
import { TwError } from '../../kernel/index.ts';
import { CLUSTERS, configMap, deployment, service, webApp } from '../fixtures.ts';
import type { FleetApp, KubeObject } from '../model.ts';
import { desire, hashOf } from './desired.ts';
import { containersOf, dictOf } from './objects.ts';
import { pullSecret, splitImage } from './shape.ts';
import { waveOf } from './waves.ts';

const [SAO] = CLUSTERS;
const set = (app: FleetApp, more: Partial<Parameters<typeof desire>[0]> = {}) =>
  desire({
    fleet: 'demo',
    app,
    rendered:
      'objects' in app.source ? app.source.objects.map((body) => ({ body, origin: { file: 'f.yaml', line: 1 } })) : [],
    cluster: SAO,
    pull: [],
    part: 'applyset-x-v1',
    key: 'k',
    ...more,
  });
const body = (s: ReturnType<typeof set>, kind: string, name: string): KubeObject =>
  s.items.find((i) => i.ref.kind === kind && i.ref.name === name)?.body ?? ({} as KubeObject);
function code(work: () => unknown): string {
  try {
    work();
  } catch (e) {
    if (e instanceof TwError) return `${e.code} ${e.problem.why.join(' | ')}`;
    throw e;
  }
  return 'no fault';
}

describe('the desired set', () => {
  test('tag, pod labels, pull secret, namespace, labels of every object; selectors untouched', () => {
    const pull = [{ registry: 'registry.tradewind.example', username: 'u', password: 'secret-word' }];
    const s = set(webApp({ version: 'v7' }), { pull });
    const web = body(s, 'Deployment', 'web');
    expect(containersOf(web)[0]?.['image']).toBe('registry.tradewind.example/guestbook:v7');
    expect(containersOf(body(s, 'Deployment', 'redis'))[0]?.['image']).toBe('docker.io/library/redis:7.4');
    expect(web).toMatchObject({
      metadata: {
        namespace: 'guestbook',
        labels: { 'tradewind.dev/fleet': 'demo', 'applyset.kubernetes.io/part-of': 'applyset-x-v1' },
      },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web', 'tradewind.dev/app': 'guestbook', 'tradewind.dev/version': 'v7' } },
          spec: { imagePullSecrets: [{ name: 'tw-guestbook-pull' }] },
        },
      },
    });
    expect(body(s, 'Namespace', 'guestbook').metadata.namespace).toBeUndefined();
    const secret = body(s, 'Secret', 'tw-guestbook-pull');
    const auths = JSON.parse(atob(String(dictOf(secret['data'])['.dockerconfigjson'])));
    expect(auths.auths['registry.tradewind.example']).toMatchObject({ username: 'u', password: 'secret-word' });
    expect(JSON.stringify(s.items.map((i) => i.hash))).not.toContain('secret-word');
  });

  test('a redis that does not carry the app’s image is not restarted by a new version', () => {
    const a = body(set(webApp({ version: 'v1' })), 'Deployment', 'redis');
    const b = body(set(webApp({ version: 'v2' })), 'Deployment', 'redis');
    expect(a).toEqual(b);
  });

  test('what the server fills in is not sent; stringData is folded', () => {
    const objects = [
      {
        ...service('s', { clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 31000 }] }),
        status: { loadBalancer: {} },
      },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'k' }, stringData: { a: 'ü' } },
    ];
    const s = set(webApp({ source: { objects } }));
    expect(body(s, 'Service', 's')).toMatchObject({ spec: { ports: [{ port: 80 }] } });
    expect(JSON.stringify(body(s, 'Service', 's'))).not.toMatch(/nodePort|clusterIP|status/);
    expect(body(s, 'Secret', 'k')['data']).toEqual({ a: Buffer.from('ü').toString('base64') });
  });

  test('an autoscaler takes replicas over; its bounds are divided', () => {
    const hpa = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 2,
        maxReplicas: 12,
      },
    };
    const app = webApp({ source: { objects: [deployment('web', 'x/guestbook:1'), hpa] } });
    const s = desire(
      {
        fleet: 'demo',
        app,
        rendered: [deployment('web', 'x/guestbook:1'), hpa].map((b) => ({ body: b, origin: { file: 'f' } })),
        cluster: SAO,
        pull: [],
        part: 'p',
        key: 'k',
        division: { intent: 'i', count: 3 },
      },
      0.25,
    );
    expect(dictOf(body(s, 'Deployment', 'web')['spec'])['replicas']).toBeUndefined();
    expect(body(s, 'HorizontalPodAutoscaler', 'web')['spec']).toMatchObject({ minReplicas: 1, maxReplicas: 3 });
  });

  test('bad input of people', () => {
    const twice = webApp({ source: { objects: [configMap('a'), configMap('a')] } });
    expect(code(() => set(twice))).toMatch(/^TW3003/);
    const system = webApp({
      source: { objects: [{ ...configMap('a'), metadata: { name: 'a', namespace: 'kube-system' } }] },
    });
    expect(code(() => set(system))).toMatch(/^TW3007/);
    expect(code(() => set(webApp({ overrides: [{ on: {}, image: { nginx: 'x' } }] })))).toMatch(
      /^TW3004 no container is called nginx/,
    );
  });

  test('waves: kinds in order, an explicit wave around them, a Namespace first', () => {
    const order = ['Namespace', 'ServiceAccount', 'Service', 'Deployment', 'Job', 'Ingress'];
    const group: Record<string, string> = { Deployment: 'apps/v1', Job: 'batch/v1', Ingress: 'networking.k8s.io/v1' };
    const waves = order.map((kind) => waveOf({ apiVersion: group[kind] ?? 'v1', kind, metadata: { name: 'x' } }));
    expect(waves).toEqual(waves.toSorted((a, b) => a - b));
    const late = { ...configMap('a'), metadata: { name: 'a', annotations: { 'tradewind.dev/wave': '1' } } };
    const early = {
      ...deployment('a', 'x'),
      metadata: { name: 'a', annotations: { 'argocd.argoproj.io/sync-wave': '-1' } },
    };
    expect(waveOf(late)).toBeGreaterThan(waveOf({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'x' } }));
    expect(waveOf(early)).toBeLessThan(waveOf(configMap('a')));
  });

  test('hashes: a Secret’s depends on the key of the fleet and hides the value', () => {
    const secret = pullSecret('a', 'a', [{ registry: 'r', username: 'u', password: 'p' }]);
    expect(hashOf(secret, 'k1')).not.toBe(hashOf(secret, 'k2'));
    expect(hashOf(configMap('a'), 'k1')).toBe(hashOf(configMap('a'), 'k2'));
  });
});

test('images', () => {
  expect(splitImage('host:5000/team/web')).toEqual({ name: 'host:5000/team/web' });
  expect(splitImage('host:5000/team/web:v1@sha256:ab')).toEqual({
    name: 'host:5000/team/web',
    tag: 'v1',
    digest: 'sha256:ab',
  });
});
