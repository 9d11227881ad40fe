import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Config, checkConfig } from '../config/index.ts';
import { KubeTwin } from '../fleet/adapters/kube-twin.ts';
import type { FleetApp, KubeObject } from '../fleet/index.ts';
import { dictOf, listOf } from '../fleet/index.ts';
import { memoryStore, systemClock } from '../kernel/index.ts';
import { AGENT_POD } from '../state/index.ts';
import { failoverOf, stateDoor } from './state.ts';
import { planOf, pricedOf, type StateWiring } from './state-deploy.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-state-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const CLUSTERS = {
  sao: { cloud: 'aws', region: 'sa-east-1' },
  mtl: { cloud: 'azure', region: 'canadacentral' },
  syd: { cloud: 'gcp', region: 'australia-southeast1' },
  // Nearer to the others than Sydney: of four clusters it would have a copy.
  vir: { cloud: 'aws', region: 'us-east-1' },
};
const ACCOUNTS = {
  aws: { account: '111122223333' },
  azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '99999999-8888-4777-8666-555555555555' },
  gcp: { project: 'demo' },
};
function configOf(
  names: (keyof typeof CLUSTERS)[],
  state: object = { mode: 'single-writer' },
  more: object = {},
): Config {
  const clusters = Object.fromEntries(names.map((n) => [n, CLUSTERS[n]]));
  const apps = { shop: { manifests: ['./k8s'], state, ...more } };
  const coordination = { etcd: { members: ['sao', 'mtl', 'syd'] } };
  return checkConfig({ fleet: 'shop', accounts: ACCOUNTS, clusters, coordination, apps }, join(dir, 'tw.yaml'), '');
}
const THREE = ['sao', 'mtl', 'syd'] as const;
const FOUR = [...THREE, 'vir'] as const;
const wiring = (config: Config, kube: StateWiring['kube'] = () => undefined, secret = 'ab'): StateWiring => ({
  config,
  clock: systemClock,
  stateDir: dir,
  kube,
  outputs: async () => ({}),
  store: memoryStore(),
  secret,
  image: 'registry.example/tradewind:v1',
  pinned: new Map(),
});
const objectsIn = (app: FleetApp | undefined, cluster: string): readonly KubeObject[] =>
  app !== undefined && 'perCluster' in app.source ? (app.source.perCluster?.[cluster] ?? []) : [];
const find = (app: FleetApp | undefined, cluster: string, kind: string, name: string): KubeObject | undefined =>
  objectsIn(app, cluster).find((o) => o.kind === kind && o.metadata.name === name);
const usersIn = (app: FleetApp | undefined, cluster: string): Record<string, string> =>
  JSON.parse(dictOf(find(app, cluster, 'Secret', 'state-keys')?.['stringData'])['users.json'] as string) as Record<
    string,
    string
  >;

/** What a cluster has that was told who has a copy. */
async function told(
  voters: readonly string[],
  more: object = {},
  options: ConstructorParameters<typeof KubeTwin>[1] = {},
): Promise<KubeTwin> {
  const twin = new KubeTwin(undefined, options);
  await twin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'state-shop' } }, 'cloud');
  const metadata = { name: 'state-settings', namespace: 'state-shop' };
  const data = { 'settings.json': JSON.stringify({ voters, home: 'sao', ...more }) };
  await twin.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, 'tw');
  return twin;
}

describe('the data plane of an app', () => {
  it('has a fenced Redis as the sidecar of its agent where a copy is, and two gateways everywhere', async () => {
    const [app] = await stateDoor(wiring(configOf([...FOUR]))).systemApps({});
    const { voters } = planOf(configOf([...FOUR]), configOf([...FOUR]).apps[0] as never);
    expect(voters).toEqual(['mtl', 'sao', 'vir']);
    for (const c of FOUR) {
      expect(dictOf(find(app, c, 'Deployment', 'gateway')?.['spec'])['replicas']).toBe(2);
      expect(find(app, c, 'StatefulSet', 'redis') !== undefined, c).toBe(voters.includes(c));
    }
    const pod = dictOf(dictOf(dictOf(find(app, 'sao', 'StatefulSet', 'redis')?.['spec'])['template'])['spec']);
    expect(listOf(pod['initContainers'])).toMatchObject([{ name: 'redis', restartPolicy: 'Always' }]);
    expect(listOf(pod['containers'])).toMatchObject([{ name: 'agent' }]);
    const conf = dictOf(find(app, 'sao', 'Secret', 'state-keys')?.['stringData'])['redis.conf'];
    expect(conf).toContain('replicaof 127.0.0.1 1');
    expect(conf).toContain('maxmemory 256mb');
  });

  it('shares the passwords that cross clouds and no others; the same folder says the same again', async () => {
    const [one] = await stateDoor(wiring(configOf([...THREE]))).systemApps({});
    const [sao, syd] = [usersIn(one, 'sao'), usersIn(one, 'syd')];
    expect([sao['write'], sao['repl']]).toEqual([syd['write'], syd['repl']]);
    for (const user of ['read', 'agent', 'copy']) expect(sao[user]).not.toBe(syd[user]);
    const [again] = await stateDoor(wiring(configOf([...THREE]))).systemApps({});
    expect(usersIn(again, 'sao')).toEqual(sao);
    const [other] = await stateDoor(wiring(configOf([...THREE]), undefined, 'cd')).systemApps({});
    expect(usersIn(other, 'sao')).not.toEqual(sao);
  });

  it('a fleet of before there were senders keeps its passwords and gets the one it lacks', async () => {
    const [made] = await stateDoor(wiring(configOf([...THREE]))).systemApps({});
    const { sync, ...before } = usersIn(made, 'sao');
    const twin = await told(['mtl', 'sao', 'syd']);
    const metadata = { name: 'state-keys', namespace: 'state-shop' };
    const data = { 'users.json': Buffer.from(JSON.stringify(before)).toString('base64') };
    await twin.create({ apiVersion: 'v1', kind: 'Secret', metadata, data }, 'tw');
    const reads = (c: string): KubeTwin | undefined => (c === 'sao' ? twin : undefined);
    const [app] = await stateDoor(wiring(configOf([...THREE]), reads, 'cd')).systemApps({});
    const [sao, syd] = [usersIn(app, 'sao'), usersIn(app, 'syd')];
    expect(sao).toMatchObject(before);
    expect(syd).toMatchObject({ write: before['write'], repl: before['repl'] });
    expect(sao['sync']).toBe(syd['sync']);
    expect(sao['sync']).not.toBe(sync);
  });
});

describe('where all clusters write', () => {
  const active = { mode: 'active-active', ack: 'local' };

  it('every cluster has a Redis that boots closed and keeps a log on its disk; no store is asked', async () => {
    const config = { ...configOf([...FOUR], active), coordination: undefined } as unknown as Config;
    const [app] = await stateDoor(wiring(config)).systemApps({});
    for (const c of FOUR) {
      expect(find(app, c, 'StatefulSet', 'redis'), c).toBeDefined();
      const told = dictOf(find(app, c, 'ConfigMap', 'state-settings')?.['data'])['settings.json'] as string;
      expect(JSON.parse(told)).toMatchObject({
        mode: 'active-active',
        ack: 'local',
        voters: [...FOUR].toSorted(),
        holdMs: 10_000,
        store: { endpoints: [] },
      });
      const files = dictOf(find(app, c, 'Secret', 'state-keys')?.['stringData']);
      expect(files['redis.conf']).toContain('appendonly yes');
      expect(files['redis.conf']).not.toContain('replicaof');
      expect(files['store-ca.crt']).toBeUndefined();
    }
  });

  it('TW5005: data of the other mode is not taken over', async () => {
    const twin = await told(['mtl', 'sao', 'syd']);
    const [plan] = await stateDoor(wiring(configOf([...THREE], active), () => twin)).plans({});
    expect(plan?.faults).toMatchObject([{ code: 'TW5005', value: 'shop: single-writer → active-active' }]);
  });

  it('TW5006: nobody can be made home', async () => {
    const door = stateDoor(wiring(configOf([...THREE], active)));
    const { signal } = new AbortController();
    await expect(door.move({ app: 'shop', to: 'syd' }, {}, signal)).rejects.toMatchObject({
      problem: { code: 'TW5006' },
    });
  });
});

describe('copies stay where they are', () => {
  it('another cluster in the config moves no data', async () => {
    const twin = await told(['mtl', 'sao', 'syd']);
    const door = stateDoor(wiring(configOf([...FOUR]), (c) => (c === 'sao' ? twin : undefined)));
    expect(await door.plans({})).toMatchObject([{ voters: ['mtl', 'sao', 'syd'], home: 'sao', faults: [] }]);
    const [app] = await door.systemApps({});
    expect(find(app, 'vir', 'StatefulSet', 'redis')).toBeUndefined();
    expect(find(app, 'syd', 'StatefulSet', 'redis')).toBeDefined();
  });

  it('TW5150: a cluster with a copy stays a place of the app', async () => {
    const twin = await told(['mtl', 'sao', 'syd']);
    const without = configOf([...FOUR], { mode: 'single-writer' }, { placement: { clusters: ['sao', 'mtl', 'vir'] } });
    const door = stateDoor(wiring(without, (c) => (c === 'sao' ? twin : undefined)));
    const [plan] = await door.plans({});
    expect(plan?.faults).toMatchObject([{ code: 'TW5150', value: 'syd' }]);
    expect(plan?.faults[0]?.fix.map((f) => f.command)).toContain(
      'tw state add-voter <cluster> --instead-of syd --app shop',
    );
  });

  it('the store says who has a copy, whatever the clusters were told; a home that left is no wish any more', async () => {
    const twin = await told(['mtl', 'sao', 'syd']);
    const w = wiring(configOf([...FOUR]), () => twin);
    const copies = ['mtl', 'syd', 'vir'];
    const value = { epoch: 9, primary: 'mtl', from: { epoch: 4, offset: 1, run: 'r' }, copies, voters: copies, w: 1 };
    await w.store.txn({ if: [], put: [{ key: 'state/shop/epoch', value }] });
    const door = stateDoor(w);
    expect(await door.plans({})).toMatchObject([{ voters: copies, home: 'vir', faults: [] }]);
    const [app] = await door.systemApps({});
    expect(FOUR.filter((c) => find(app, c, 'StatefulSet', 'redis') !== undefined)).toEqual(['mtl', 'syd', 'vir']);
  });

  it('of a change that is half told nobody loses its Redis while the store cannot be asked', async () => {
    const [sao, mtl] = [await told(['mtl', 'sao']), await told(['mtl', 'sao'], { peers: ['mtl', 'sao', 'vir'] })];
    const w = wiring(configOf([...FOUR]), (c) => ({ sao, mtl })[c]);
    const door = stateDoor({ ...w, store: memoryStore(() => 'refused') });
    const [app] = await door.systemApps({});
    expect(FOUR.filter((c) => find(app, c, 'StatefulSet', 'redis') !== undefined)).toEqual(['sao', 'mtl', 'vir']);
    expect(await door.plans({})).toMatchObject([{ voters: ['mtl', 'sao'] }]);
  });

  it('nothing is renewed because others count or home first elsewhere; another wire is a reason', async () => {
    const stamps = async (voters: string[], more: object = {}) => {
      const twin = await told(voters, more);
      const [app] = await stateDoor({
        ...wiring(configOf([...FOUR]), () => twin),
        store: memoryStore(() => 'refused'),
      }).systemApps({});
      const spec = dictOf(find(app, 'sao', 'StatefulSet', 'redis')?.['spec']);
      return dictOf(dictOf(dictOf(spec['template'])['metadata'])['annotations'])['tradewind.dev/told'];
    };
    const peers = ['mtl', 'sao', 'vir'];
    const joining = await stamps(['mtl', 'sao'], { peers });
    expect(joining).toMatch(/^[0-9a-f]{16}$/);
    expect(await stamps(peers)).toBe(joining);
    expect(await stamps(peers, { home: 'mtl' })).toBe(joining);
    expect(await stamps(['mtl', 'sao'])).not.toBe(joining);
  });

  it('a wish for another first home is heard, and moves nothing either', async () => {
    const twin = await told(['mtl', 'sao', 'syd']);
    const config = configOf([...THREE], { mode: 'single-writer', home: 'syd' });
    const [plan] = await stateDoor(wiring(config, () => twin)).plans({});
    expect(plan).toMatchObject({ voters: ['mtl', 'sao', 'syd'], home: 'syd', faults: [] });
  });
});

describe('a failover as a release hears of it', () => {
  it('is what the agents say: of one that is silent nothing is known, and the others are enough', async () => {
    let says: object = { epoch: { epoch: 7 } };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: AGENT_POD, namespace: 'state-shop' } };
    const twins = new Map<string, KubeTwin>();
    for (const c of ['mtl', 'syd']) {
      const proxy = (): string => JSON.stringify({ cluster: c, fences: {}, rtts: {}, events: [], ...says });
      const twin = await told([...THREE], {}, { proxy });
      await twin.create({ ...pod, status: { podIP: '10.0.0.1' } } as KubeObject, 'cloud');
      twins.set(c, twin);
    }
    const w = wiring(configOf([...THREE]), (c) => twins.get(c));
    const failover = failoverOf(w, w.config.apps[0] as never, {});
    expect(await failover()).toBe(false);
    says = { epoch: { epoch: 7 }, ballot: { n: 9, by: 'mtl', why: 'sao is gone' } };
    expect(await failover()).toBe(true);
    says = { epoch: { epoch: 9 } };
    expect(await failover()).toBe(true);
    // Whoever looks for the first time sees a home that is there.
    expect(await failoverOf(w, w.config.apps[0] as never, {})()).toBe(false);
  });

  it('is never where there is no home', async () => {
    for (const mode of ['active-active', 'isolated']) {
      const w = wiring(configOf([...THREE], { mode }), () => {
        throw new Error('nobody is asked');
      });
      expect(await failoverOf(w, w.config.apps[0] as never, {})()).toBe(false);
    }
  });
});

it('what a plan prints rests on the lesser of what both ends measured: a busy machine only adds', () => {
  const config = configOf([...THREE]);
  const app = config.apps[0] as never;
  const plan = planOf(config, app);
  const rtts = { sao: { mtl: 120, syd: 410 }, mtl: { sao: 190, syd: 205 }, syd: { sao: 310 } };
  const { writes, estimated } = pricedOf(config, { app, plan, rtts, home: 'mtl' });
  expect(Object.fromEntries(writes.map((w) => [w.cluster, w.ms]))).toEqual({ sao: 240, mtl: 120, syd: 325 });
  expect(estimated).toBe(false);
});
