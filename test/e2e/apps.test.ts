import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openJournal } from '../../src/kernel/index.ts';
import { type Doc, type Ran, Rig, type Told } from './rig.ts';

/** Faults of what people deploy, on two real clusters without traffic. */
const dir = mkdtempSync(join(tmpdir(), 'tw-apps-'));
const rig = new Rig({ TW_CLOUD_TIME: '600', TW_CONFIG: join(dir, 'tradewind.config.ts') });
const manifests = join(dir, 'web');

const WEB = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: web, image: docker.io/library/redis:7.4 }]
`;
const settings = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { a: "1" }\n`;
const PRIVATE = WEB.replaceAll('web', 'private').replace(
  'docker.io/library/redis:7.4',
  'registry.tradewind.example/guestbook:v1',
);

const web = { manifests: ['web'], namespace: 'web' };
const write = (apps: object): void =>
  writeFileSync(
    join(dir, 'tradewind.config.ts'),
    `export default ${JSON.stringify({
      fleet: 'apps',
      accounts: {
        aws: { account: '111122223333' },
        azure: {
          subscription: '11111111-2222-4333-8444-555555555555',
          tenant: '99999999-8888-4777-8666-555555555555',
        },
      },
      clusters: {
        sao: { cloud: 'aws', region: 'sa-east-1', network: { nodes: '10.10.0.0/16' } },
        mtl: { cloud: 'azure', region: 'canadacentral', network: { nodes: '10.20.0.0/16' } },
      },
      apps,
    })};\n`,
  );
const keep = (...names: string[]): void => {
  rmSync(manifests, { recursive: true, force: true });
  mkdirSync(manifests);
  writeFileSync(join(manifests, 'web.yaml'), WEB);
  for (const n of names) writeFileSync(join(manifests, `${n}.yaml`), settings(n));
};

interface UpData {
  plan: { id: string; changes: { fleet: number; total: number } };
}
const up = (...more: string[]): Promise<Doc & Ran> => rig.json('up', ...more);
const all = (d: Doc): Told[] => [...(d.problem === undefined ? [] : [d.problem]), ...(d.warnings ?? [])];
const configMaps = async (cluster: string): Promise<string[]> => {
  const got = await rig.kubectl(cluster, '-n', 'web', 'get', 'configmaps', '-o', 'name');
  return got.stdout.split('\n').filter((n) => /\/c\d$/.test(n));
};

beforeAll(async () => {
  keep('c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7');
  write({ web });
  const done = await up('--sandbox', '--yes');
  expect(done.code, done.stderr).toBe(0);
}, 300_000);
afterAll(async () => {
  await rig.end();
  rmSync(dir, { recursive: true, force: true });
});

describe('a manifest', () => {
  it('with an error is named with file and line before anything is done', async () => {
    writeFileSync(join(manifests, 'torn.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n data: {}\n');
    const done = await up('--yes');
    expect([done.problem?.code, done.code], done.stderr).toEqual(['TW3001', 2]);
    expect(done.problem?.where[0]).toMatchObject({ file: join(manifests, 'torn.yaml'), line: 5 });
    rmSync(join(manifests, 'torn.yaml'));
  });

  it('removed: a few objects go', async () => {
    keep('c1', 'c2', 'c3', 'c4', 'c5', 'c6');
    const done = await up('--yes');
    expect(done.code, done.stderr).toBe(0);
    for (const cluster of ['sao', 'mtl']) expect(await configMaps(cluster)).toHaveLength(6);
  });

  it('many removed: TW3030 withholds the deletions until the plan is confirmed by its id', async () => {
    keep('c1');
    const held = await up('--yes');
    expect(held.code, held.stderr).toBe(4);
    const problem = all(held).find((p) => p.code === 'TW3030');
    expect(problem?.where).toContainEqual({ cluster: 'sao', resource: 'ConfigMap web/c2' });
    expect(await configMaps('sao')).toHaveLength(6);
    const plan = await rig.json('plan');
    const { id } = plan.data as unknown as { id: string };
    expect(all(plan).find((p) => p.code === 'TW3030')?.fix[0]?.command).toBe(`tw up --plan ${id}`);
    const other = await up('--plan', 'p-000000000000');
    expect([other.code, other.problem?.code]).toEqual([4, 'TW2104']);
    const done = await up('--plan', id);
    expect(done.code, done.stderr).toBe(0);
    for (const cluster of ['sao', 'mtl']) expect(await configMaps(cluster)).toEqual(['configmap/c1']);
    const again = await up('--yes');
    expect([again.code, (again.data as unknown as UpData).plan.changes.total]).toEqual([0, 0]);
  });
});

describe('a cluster behind a known name', () => {
  it('that is another one than before is not written to', async () => {
    const journal = openJournal(join(rig.state, 'journal.db'));
    const known = journal.read({ kind: 'fleet.identity' }).findLast((f) => f.cluster === 'mtl');
    expect(known).toBeDefined();
    journal.append({ kind: 'fleet.identity', cluster: 'mtl', data: { uid: 'another' } });
    const done = await up('--yes');
    expect([done.code, done.problem?.code, done.problem?.where], done.stderr).toEqual([
      4,
      'TW3011',
      [{ cluster: 'mtl' }],
    ]);
    journal.append({ kind: 'fleet.identity', cluster: 'mtl', data: known?.data ?? null });
    journal.close();
    expect((await up('--yes')).code).toBe(0);
  });
});

describe('an image', () => {
  it('that does not exist, and one behind a wrong pull secret: named with cluster and pod, the others go on', async () => {
    mkdirSync(join(dir, 'private'));
    writeFileSync(join(dir, 'private', 'private.yaml'), PRIVATE);
    const missing = {
      on: { clusters: ['mtl'] },
      target: { kind: 'Deployment' },
      image: { web: 'docker.io/library/nope:1' },
    };
    const secret = {
      registry: 'registry.tradewind.example',
      username: { value: 'sandbox' },
      password: { value: 'wrong' },
    };
    write({
      web: { ...web, version: 'v2', overrides: [missing] },
      private: { manifests: ['private'], namespace: 'private', pull: [secret], placement: { clusters: ['sao'] } },
    });
    const began = Date.now();
    const done = await up('--yes');
    expect(Date.now() - began, 'hopeless pods are not waited for to the limit').toBeLessThan(200_000);
    expect(done.code, done.stderr).toBe(4);
    const problems = all(done).filter((p) => p.code === 'TW3060');
    const of = (cluster: string): Told | undefined => problems.find((p) => p.where[0]?.cluster === cluster);
    expect(problems).toHaveLength(2);
    expect(of('mtl')?.why.join('\n')).toMatch(/nope:1/);
    expect(of('mtl')?.why.join('\n')).toMatch(/pod web-\S+: web: (ErrImagePull|ImagePullBackOff)/);
    expect(of('sao')?.why.join('\n')).toMatch(/401/);
    expect(of('sao')?.why.join('\n')).toMatch(/pod private-\S+/);
    const status = await rig.json('status');
    const apps = (status.data as unknown as { apps: { name: string; clusters: { name: string; ready: boolean }[] }[] })
      .apps;
    const ready = apps.flatMap((a) => a.clusters.map((c) => `${a.name} ${c.name} ${c.ready}`));
    expect(ready).toContain('web sao true');
  });

  it('mended: the next up is done', async () => {
    rmSync(join(dir, 'private'), { recursive: true });
    write({ web: { ...web, version: 'v3' } });
    const plan = await rig.json('plan');
    const { id } = plan.data as unknown as { id: string };
    const done = await up('--plan', id);
    expect(done.code, done.stderr).toBe(0);
    const gone = await rig.kubectl('sao', 'get', 'deployments', '-A', '-o', 'name');
    expect(gone.stdout).not.toContain('private');
  });
});
