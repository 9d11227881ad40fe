import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TwError } from '../../kernel/index.ts';
import { CLUSTERS, configMap, deployment, service, webApp } from '../fixtures.ts';
import type { DesiredSet, FleetApp, KubeObject, UnitOf } from '../model.ts';
import { desire } from './desired.ts';
import { versionedName } from './names.ts';
import { dictOf, keyOf, listOf, podTemplateOf } from './objects.ts';

const IMAGE = 'registry.tradewind.example/guestbook:dev';
const uses = { envFrom: [{ configMapRef: { name: 'settings' } }, { secretRef: { name: 'key' } }] };
const podSpec = (more: Record<string, unknown> = {}, container: Record<string, unknown> = {}) => ({
  template: {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: IMAGE, ...container }], ...more },
  },
});
const web = (more?: Record<string, unknown>, container?: Record<string, unknown>): KubeObject =>
  deployment('web', IMAGE, podSpec(more, container));
const hpa = (target: string): KubeObject => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: target },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target },
    minReplicas: 2,
    maxReplicas: 6,
  },
});
const secret = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  data: { a: 'YQ==' },
});
const object = (apiVersion: string, kind: string, name: string, more: Record<string, unknown>): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name },
  ...more,
});

function unit(version?: string, more: Partial<UnitOf> = {}): UnitOf {
  return {
    app: 'guestbook',
    service: 'web',
    driver: 'httproute',
    live: {},
    ...(version === undefined ? {} : { version }),
    ...more,
  };
}
function set(objects: readonly KubeObject[], u: UnitOf, more: Partial<FleetApp> = {}): DesiredSet {
  const name = u.version === undefined ? 'guestbook' : versionedName('guestbook', u.version);
  const app = webApp({ name, version: u.version ?? 'v1', source: { objects }, unit: u, ...more });
  return desire({
    fleet: 'demo',
    app,
    rendered: objects.map((body) => ({ body, origin: { file: 'f.yaml', line: 1 } })),
    cluster: CLUSTERS[0],
    pull: [{ registry: 'r.example', username: 'u', password: 'p' }],
    part: `part-${name}`,
    key: 'k',
  });
}
const names = (s: DesiredSet): string[] => s.items.map((i) => `${i.ref.kind}/${i.ref.name}`).toSorted();
const body = (s: DesiredSet, kind: string, name: string): KubeObject =>
  s.items.find((i) => i.ref.kind === kind && i.ref.name === name)?.body ?? ({} as KubeObject);
const pod = (o: KubeObject) => dictOf(podTemplateOf(o)?.['spec']);
function reasons(objects: readonly KubeObject[], u = unit()): readonly string[] {
  try {
    set(objects, u);
  } catch (e) {
    if (e instanceof TwError && e.code === 'TW7003') return e.problem.why;
    throw e;
  }
  return [];
}

const WHOLE: readonly KubeObject[] = [
  web({}, uses),
  deployment('redis', 'docker.io/library/redis:7.4'),
  service('web', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
  service('redis'),
  configMap('settings'),
  secret('key'),
  hpa('web'),
  object('v1', 'ServiceAccount', 'web', {}),
];

describe('what exists once per version', () => {
  test('the Deployment behind the Service, its autoscaler, what only it names, and the Service', () => {
    expect(names(set(WHOLE, unit('v2')))).toEqual([
      'ConfigMap/settings-v2',
      'Deployment/web-v2',
      'HorizontalPodAutoscaler/web-v2',
      'Secret/key-v2',
      'Service/web-v2',
    ]);
    expect(names(set(WHOLE, unit()))).toEqual([
      'Deployment/redis',
      'Namespace/guestbook',
      'Secret/tw-guestbook-pull',
      'Service/redis',
      'ServiceAccount/web',
    ]);
  });

  test('selectors, labels and references are those of the version; the image too', () => {
    const s = set(WHOLE, unit('v2'));
    const labels = { app: 'web', 'tradewind.dev/version': 'v2' };
    expect(body(s, 'Deployment', 'web-v2')).toMatchObject({
      metadata: { labels: { 'tradewind.dev/app': 'guestbook', 'tradewind.dev/version': 'v2' } },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: { ...labels, 'tradewind.dev/app': 'guestbook' } },
          spec: {
            imagePullSecrets: [{ name: 'tw-guestbook-pull' }],
            containers: [
              {
                image: 'registry.tradewind.example/guestbook:v2',
                envFrom: [{ configMapRef: { name: 'settings-v2' } }, { secretRef: { name: 'key-v2' } }],
              },
            ],
          },
        },
      },
    });
    expect(body(s, 'HorizontalPodAutoscaler', 'web-v2')['spec']).toMatchObject({ scaleTargetRef: { name: 'web-v2' } });
    expect(body(s, 'Service', 'web-v2')['spec']).toEqual({
      selector: labels,
      ports: [{ port: 80, targetPort: 8080 }],
    });
  });

  test('a Service for a cloud becomes a plain one; other annotations stay', () => {
    const lb = service('web', { type: 'LoadBalancer' });
    lb.metadata.annotations = { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internal', note: 'x' };
    expect(body(set([web(), lb], unit('v2')), 'Service', 'web-v2').metadata.annotations).toEqual({ note: 'x' });
  });

  test('where the Service is the switch, no unit brings it', () => {
    const by = { driver: 'service' } as const;
    expect(names(set(WHOLE, unit('v2', by)))).not.toContain('Service/web-v2');
    const shared = set(WHOLE, unit(undefined, by));
    expect(names(shared)).not.toContain('Service/web');
    expect(shared.replaced).toContain('/Service/guestbook/web');
  });

  test('what another pod, a role or an account names too stays shared', () => {
    const other = deployment('worker', 'x/worker:1', {
      template: {
        metadata: { labels: { app: 'worker' } },
        spec: { containers: [{ name: 'w', image: 'x/w', ...uses }] },
      },
    });
    expect(names(set([...WHOLE, other], unit('v2')))).not.toContain('ConfigMap/settings-v2');
    const role = object('rbac.authorization.k8s.io/v1', 'Role', 'r', { rules: [{ resourceNames: ['settings'] }] });
    const account = object('v1', 'ServiceAccount', 'a', { imagePullSecrets: [{ name: 'key' }] });
    expect(names(set([...WHOLE, role, account], unit('v2')))).toEqual([
      'Deployment/web-v2',
      'HorizontalPodAutoscaler/web-v2',
      'Service/web-v2',
    ]);
  });

  test('references in volumes, projected volumes and env are rewritten', () => {
    const volumes = [
      { name: 'a', configMap: { name: 'settings' } },
      { name: 'b', projected: { sources: [{ secret: { name: 'key' } }, { configMap: { name: 'foreign' } }] } },
      { name: 'c', secret: { secretName: 'key' } },
    ];
    const env = [{ name: 'K', valueFrom: { secretKeyRef: { name: 'key', key: 'a' } } }];
    const objects = [web({ volumes }, { env }), service('web'), configMap('settings'), secret('key')];
    const spec = pod(body(set(objects, unit('v2')), 'Deployment', 'web-v2'));
    expect(spec['volumes']).toEqual([
      { name: 'a', configMap: { name: 'settings-v2' } },
      { name: 'b', projected: { sources: [{ secret: { name: 'key-v2' } }, { configMap: { name: 'foreign' } }] } },
      { name: 'c', secret: { secretName: 'key-v2' } },
    ]);
    expect(listOf(spec['containers'])[0]?.['env']).toEqual([
      { name: 'K', valueFrom: { secretKeyRef: { name: 'key-v2', key: 'a' } } },
    ]);
  });

  test('spreading and anti-affinity among its own pods are narrowed, towards others they are not', () => {
    const term = (app: string) => ({ topologyKey: 'zone', labelSelector: { matchLabels: { app } } });
    const more = {
      topologySpreadConstraints: [{ maxSkew: 1, ...term('web') }],
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [term('web'), term('redis')],
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term('web') }],
        },
      },
    };
    const spec = pod(body(set([web(more), service('web')], unit('v2')), 'Deployment', 'web-v2'));
    const own = { matchLabels: { app: 'web', 'tradewind.dev/version': 'v2' } };
    expect(spec['topologySpreadConstraints']).toMatchObject([{ labelSelector: own }]);
    expect(spec['affinity']).toMatchObject({
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: own },
          { labelSelector: { matchLabels: { app: 'redis' } } },
        ],
        preferredDuringSchedulingIgnoredDuringExecution: [{ podAffinityTerm: { labelSelector: own } }],
      },
    });
    expect(JSON.stringify(spec['affinity']).match(/tradewind/g)).toHaveLength(2);
  });

  test('overrides name the objects as they are written, and ${app.version} is the version of the unit', () => {
    const overrides = [
      {
        on: {},
        target: { kind: 'Deployment', name: 'web' },
        env: { APP_VERSION: '${app.version}', APP: '${app.name}' },
      },
    ];
    const s = set(WHOLE, unit('v2'), { overrides });
    expect(listOf(pod(body(s, 'Deployment', 'web-v2'))['containers'])[0]?.['env']).toEqual([
      { name: 'APP_VERSION', value: 'v2' },
      { name: 'APP', value: 'guestbook' },
    ]);
    expect(names(set(WHOLE, unit(), { overrides }))).toContain('Deployment/redis');
  });

  test('shared pods carry no version, so a release does not restart them', () => {
    const objects = [deployment('web', 'x/other:1'), deployment('redis', 'x/redis:1'), service('web')];
    expect(JSON.stringify(body(set(objects, unit()), 'Deployment', 'redis'))).not.toContain('tradewind.dev/version');
    expect(set(objects, unit(), { version: 'v1' }).hash).toBe(set(objects, unit(), { version: 'v2' }).hash);
  });

  test('pinned replicas raise an autoscaler, or the Deployment that has none, and never lower', () => {
    const scaled = (n: number) =>
      body(set(WHOLE, unit('v2', { atLeast: n })), 'HorizontalPodAutoscaler', 'web-v2')['spec'];
    expect(scaled(5)).toMatchObject({ minReplicas: 5, maxReplicas: 6 });
    expect(scaled(9)).toMatchObject({ minReplicas: 9, maxReplicas: 9 });
    expect(scaled(1)).toMatchObject({ minReplicas: 2 });
    const plain = (n: number) =>
      body(set([web(), service('web')], unit('v2', { atLeast: n })), 'Deployment', 'web-v2')['spec'];
    expect(plain(5)).toMatchObject({ replicas: 5 });
    expect(plain(0)).toMatchObject({ replicas: 2 });
  });
});

describe('what cannot run in two versions', () => {
  const route = (name: string, backend: string) =>
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', name, {
      spec: { rules: [{ backendRefs: [{ name: backend }] }] },
    });
  const claim = (mode: string) => object('v1', 'PersistentVolumeClaim', 'data', { spec: { accessModes: [mode] } });
  const mounts = web({ volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] });
  const stateful = { ...deployment('db', 'x/db:1', podSpec()), kind: 'StatefulSet' };

  test.each([
    ['no Service', [web()], 'there is no Service guestbook/web'],
    ['no Deployment', [service('web'), configMap('a')], 'selects no Deployment'],
    ['a StatefulSet', [web(), service('web'), stateful], 'selects StatefulSet guestbook/db too'],
    [
      'a second Service',
      [web(), service('web'), service('all', { selector: { app: 'web' } })],
      'Service guestbook/all',
    ],
    ['the name of the switch', [web(), service('web'), route('guestbook', 'x')], 'has the name of the switch'],
    ['another route to it', [web(), service('web'), route('old', 'web')], 'sends users to Service guestbook/web'],
    ['a volume of one node', [mounts, service('web'), claim('ReadWriteOnce')], 'mounts PersistentVolumeClaim'],
    [
      'another scaler',
      [
        web(),
        service('web'),
        object('keda.sh/v1alpha1', 'ScaledObject', 's', { spec: { scaleTargetRef: { name: 'web' } } }),
      ],
      'ScaledObject guestbook/s steers',
    ],
  ])('%s', (_name, objects, why) => {
    expect(reasons(objects).join('\n')).toContain(why);
    expect(reasons(objects, unit('v2'))).toEqual(reasons(objects));
  });

  test('all reasons come at once; a volume for many nodes is fine', () => {
    expect(reasons([web(), service('web'), stateful, route('guestbook', 'web')])).toHaveLength(3);
    expect(reasons([mounts, service('web'), claim('ReadWriteMany')])).toEqual([]);
  });

  test('a preview Service of the other driver', () => {
    const objects = [web(), service('web'), service('web-preview', { selector: { app: 'x' } })];
    expect(reasons(objects, unit(undefined, { driver: 'service' }))).toHaveLength(1);
    expect(reasons(objects)).toEqual([]);
  });
});

/** Apps of several Deployments behind one Service, each with some of: autoscaler, ConfigMap, Secret; and bystanders. */
const anyApp = fc
  .array(fc.record({ web: fc.boolean(), hpa: fc.boolean(), config: fc.nat(2), secret: fc.nat(2) }), { maxLength: 5 })
  .map((parts) => {
    const objects = parts.flatMap((p, n) => {
      const from = { envFrom: [{ configMapRef: { name: `c${p.config}` } }, { secretRef: { name: `s${p.secret}` } }] };
      const containers = [{ name: 'c', image: p.web ? IMAGE : 'x/other:1', ...from }];
      const labels = p.web ? { app: 'web', n: String(n) } : { app: `o${n}` };
      const d = deployment(`d${n}`, '', {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      });
      return [d, ...(p.hpa ? [hpa(`d${n}`)] : [])];
    });
    const configs = [0, 1, 2].flatMap((n) => [configMap(`c${n}`), secret(`s${n}`)]);
    return [...objects, ...configs, web(), service('web')];
  });

test('shared and version units are the whole app, no object is in two, versions never touch each other', () => {
  fc.assert(
    fc.property(anyApp, fc.constantFrom('httproute', 'service'), (objects, driver) => {
      const keys = (s: DesiredSet): string[] => s.items.map((i) => keyOf(i.ref));
      const whole = desire({
        fleet: 'demo',
        app: webApp({ source: { objects } }),
        rendered: objects.map((b) => ({ body: b, origin: { file: 'f' } })),
        cluster: CLUSTERS[0],
        pull: [{ registry: 'r.example', username: 'u', password: 'p' }],
        part: 'p',
        key: 'k',
      });
      const shared = set(objects, unit(undefined, { driver }));
      const [one, two] = ['v1', 'v2'].map((v) => set(objects, unit(v, { driver })));
      const replaced = new Set(shared.replaced);
      expect([...keys(shared), ...replaced].toSorted()).toEqual(keys(whole).toSorted());
      const service = driver === 'service' ? 1 : 0;
      expect(one?.items).toHaveLength(replaced.size - service);
      const all = [shared, one, two].flatMap((s) => (s === undefined ? [] : keys(s)));
      expect(new Set(all).size).toBe(all.length);
      const named = new Set([...keys(shared), ...keys(one as DesiredSet)]);
      for (const { body: o } of one?.items ?? [])
        for (const name of JSON.stringify(o).match(/"[cs]\d(-v1)?"/g) ?? [])
          expect([...named].some((k) => k.endsWith(`/${name.slice(1, -1)}`))).toBe(true);
    }),
    { numRuns: 200 },
  );
});
