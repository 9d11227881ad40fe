import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { parseManifests } from '../../fleet/adapters/render.ts';
import { dictOf, type KubeApi, KubeError, type KubeObject } from '../../fleet/index.ts';
import { CONFIG, projectFiles, staysHere } from './bundle.ts';
import { type ServerPodInput, serverObjects } from './plan.ts';
import { askKeeper, openWay, textOf } from './way.ts';

const INPUT: ServerPodInput = {
  fleet: 'shop',
  cluster: 'eu',
  image: 'registry.example/tradewind-server:v1',
  identity: { annotations: { 'eks.amazonaws.com/role-arn': 'r' }, labels: { 'azure.workload.identity/use': 'true' } },
  storage: '4Gi',
  project: 'AAAA',
};
const find = (all: readonly KubeObject[], kind: string): KubeObject => {
  const found = all.find((o) => o.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};
const podOf = (x: ServerPodInput) => dictOf(dictOf(find(serverObjects(x), 'StatefulSet')['spec'])['template']);
const told = (x: ServerPodInput): unknown => dictOf(podOf(x)['metadata'])['annotations'];

describe('objects of the server', () => {
  it('one pod with a volume, without rights of its own in the cluster, with the identity of the clouds', () => {
    const all = serverObjects(INPUT);
    expect(all.map((o) => o.kind)).toEqual(['Namespace', 'ServiceAccount', 'Secret', 'Service', 'StatefulSet']);
    expect(find(all, 'ServiceAccount').metadata.annotations).toEqual(INPUT.identity.annotations);
    expect(podOf(INPUT)).toMatchObject({
      metadata: { labels: { 'azure.workload.identity/use': 'true' } },
      spec: { automountServiceAccountToken: false, serviceAccountName: 'server' },
    });
    expect(find(all, 'StatefulSet')['spec']).toMatchObject({ replicas: 1 });
  });

  it('has an address in the cluster only behind a proxy', () => {
    const spec = (x: ServerPodInput): unknown => find(serverObjects(x), 'Service')['spec'];
    expect(spec(INPUT)).toMatchObject({ clusterIP: 'None' });
    const behind = { ...INPUT, publicUrl: 'https://tw.example' };
    expect(spec(behind)).toMatchObject({ type: 'ClusterIP' });
    expect(JSON.stringify(podOf(behind))).toContain('"--public-url","https://tw.example"');
  });

  it('another project starts no other pod, other variables do', () => {
    expect(told({ ...INPUT, project: 'BBBB' })).toEqual(told(INPUT));
    expect(told({ ...INPUT, env: 'keys' })).not.toEqual(told(INPUT));
    expect(told({ ...INPUT, image: 'registry.example/tradewind-server:v2' })).not.toEqual(told(INPUT));
  });
});

describe('the project as data', () => {
  it('names what works on this machine alone, by its place in the config', () => {
    const input = {
      accounts: { aws: { account: '1', profile: 'work' } },
      clusters: { eu: { cloud: 'aws' }, old: { cloud: 'existing' } },
      apps: { web: { pull: [{ username: { env: 'U' }, password: { file: '/secret' } }] } },
      sandbox: { recipes: { file: 'x' } },
    };
    expect(staysHere(input).map((s) => s.path)).toEqual([
      'apps.web.pull.0.password',
      'clusters.old',
      'accounts.aws.profile',
    ]);
    expect(staysHere({ clusters: { eu: { cloud: 'aws' } }, apps: {} })).toEqual([]);
  });

  it('brings apps as they were rendered, word by word, and not what is for this machine', () => {
    const object = (data: object): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data,
    });
    const rendered = {
      web: [object({ a: 'yes', b: '0644', c: '1:30', d: '2026-11-29', e: '"---"\n---\n' }), object({})],
    };
    const input = {
      apps: { web: { manifests: ['../k8s'], version: 'v1' } },
      infra: { binary: '/opt/tf', parallel: 2 },
      sandbox: {},
    };
    const files = projectFiles({ input, rendered, locks: { 'aws.lock.hcl': 'x' } });
    expect(Object.keys(files)).toEqual(['apps/web.yaml', 'infra.lock/aws.lock.hcl', CONFIG]);
    expect(parseManifests(files['apps/web.yaml'] ?? '', 'web.yaml').map((r) => r.body)).toEqual(rendered.web);
    expect(JSON.parse(files[CONFIG] ?? '')).toEqual({
      apps: { web: { manifests: ['apps/web.yaml'], version: 'v1' } },
      infra: { parallel: 2 },
    });
  });
});

describe('the way into a cluster', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  const serving = async (): Promise<number> => {
    server = createServer((req, res) => {
      const wrong = req.url === '/keep';
      res.writeHead(wrong ? 409 : 200);
      if (req.method === 'POST' && !wrong) req.pipe(res);
      else res.end(`${req.method} ${req.url} ${req.headers.host}`);
    });
    await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
    const at = server.address();
    return typeof at === 'object' && at !== null ? at.port : 0;
  };
  const through = (to: () => Duplex): KubeApi => ({ forward: to }) as unknown as KubeApi;

  it('carries many requests, and nothing after it was closed', async () => {
    const port = await serving();
    const way = await openWay(through(() => connect(port, '127.0.0.1')));
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => await (await fetch(`${way.url}/${i}`)).text()),
    );
    expect(bodies).toEqual(bodies.map((_, i) => `GET /${i} ${new URL(way.url).host}`));
    await way.close();
    await expect(fetch(way.url)).rejects.toThrow('fetch failed');
  });

  it('the keeper is asked over it; what it refuses, and a way that breaks, are told with the cause', async () => {
    const port = await serving();
    const api = through(() => connect(port, '127.0.0.1'));
    expect(await textOf(await askKeeper(api, 'GET /state', { ms: 5000 }))).toBe('GET /state localhost');
    const body = Readable.from([Buffer.alloc(300_000, 'a'), Buffer.from('z')]);
    expect(await textOf(await askKeeper(api, 'POST /take', { body, ms: 5000 }))).toHaveLength(300_001);
    await expect(askKeeper(api, 'POST /keep', { ms: 5000 })).rejects.toThrow(/TW8044.*HTTP 409/);
    const broken = through(() => {
      const d = new Duplex({ read: () => undefined, write: (_c, _e, done) => done() });
      queueMicrotask(() => d.destroy(new KubeError(0, 'Unreachable', 'no such pod')));
      return d;
    });
    await expect(askKeeper(broken, 'GET /state', { ms: 5000 })).rejects.toThrow(/TW8044.*no such pod/);
  });
});
