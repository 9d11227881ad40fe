import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Config, checkConfig } from '../config/index.ts';
import { manualClock, memoryJournal, systemClock } from '../kernel/index.ts';
import { ETCD, EtcdRig } from '../kernel/store-etcd/testing/rig.ts';
import { claim, registerOf } from '../release/index.ts';
import { coordinationDoor, fleetStore } from './coordination.ts';
import { keepLeft } from './coordination-recover.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-coordination-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const CLUSTERS = {
  sao: { cloud: 'aws', region: 'sa-east-1' },
  mtl: { cloud: 'azure', region: 'canadacentral' },
  syd: { cloud: 'gcp', region: 'australia-southeast1' },
  office: {
    cloud: 'existing',
    region: 'office',
    location: { lat: 52, lon: 13 },
    context: 'office',
    kubeconfig: '/config',
  },
};
const ACCOUNTS = {
  aws: { account: '111122223333' },
  azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '99999999-8888-4777-8666-555555555555' },
  gcp: { project: 'demo' },
};
function configOf(coordination: unknown, names: (keyof typeof CLUSTERS)[] = ['sao', 'mtl', 'syd']): Config {
  const clusters = Object.fromEntries(names.map((n) => [n, CLUSTERS[n]]));
  return checkConfig({ fleet: 'shop', accounts: ACCOUNTS, clusters, coordination }, join(dir, 'tradewind.yaml'), '');
}
const wiring = (config: Config, folder: string) => ({
  config,
  clock: systemClock,
  stateDir: join(dir, folder),
  kube: () => undefined,
  outputs: async () => ({}),
});

describe('where a fleet agrees', () => {
  it('is its own file without a word in the config, and one member per cloud with {}', () => {
    expect(configOf(undefined).coordination).toBeUndefined();
    expect(configOf({ etcd: {} }).coordination).toEqual({ kind: 'members', members: ['sao', 'mtl', 'syd'] });
    expect(coordinationDoor(wiring(configOf(undefined), 'a'))).toBeUndefined();
  });

  it('a fourth place that is there already gets no member: four bear no more losses than three', () => {
    const four = configOf({ etcd: {} }, ['sao', 'mtl', 'syd', 'office']);
    expect(four.coordination).toEqual({ kind: 'members', members: ['sao', 'mtl', 'syd'] });
  });

  it('is no even number of members, no unknown cluster, no half of a certificate', () => {
    expect(() => configOf({ etcd: {} }, ['sao', 'mtl'])).toThrow(/2 members \(sao, mtl\) bear no more losses than 1/);
    expect(() => configOf({ etcd: { members: ['sao', 'mlt', 'syd'] } })).toThrow(/TW1003/);
    expect(() => configOf({ etcd: { endpoints: ['https://x.example:2379'], cert: { file: 'x' } } })).toThrow(/belong/);
  });

  it('says what is missing where nothing was deployed yet, or a file is not there', async () => {
    const store = fleetStore(wiring(configOf({ etcd: {} }), 'a'));
    await expect(store.get('k')).rejects.toThrow(/TW5112.*nothing is known of this cluster/);
    await store.close();
    const external = { etcd: { endpoints: ['https://x.example:2379'], ca: { file: 'none.pem' } } };
    await expect(fleetStore(wiring(configOf(external), 'a')).get('k')).rejects.toThrow(/TW1004.*none\.pem/);
  });
});

describe.skipIf(!existsSync(ETCD))('two folders and one etcd', () => {
  let rig: EtcdRig;
  beforeAll(async () => {
    rig = await EtcdRig.start(1);
  }, 60_000);
  afterAll(() => rig.stop());

  it('share one truth: of two claims of one app one wins, and the other hears by whom', async () => {
    const config = configOf({ etcd: { endpoints: rig.options('/').endpoints.map((e) => e.url) } });
    const stores = ['a', 'b'].map((folder) => fleetStore(wiring(config, folder)));
    const plan = { app: 'web', id: 'p', green: 'v2', blue: {}, members: ['sao'], lagging: [], terms: {} } as never;
    const claims = await Promise.allSettled(
      stores.map((store, i) =>
        claim(registerOf('web', store, memoryJournal()), {
          plan,
          by: `folder ${i}`,
          seenEpoch: 0,
          clock: manualClock(1),
        }),
      ),
    );
    expect(claims.map((c) => c.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const lost = claims.find((c) => c.status === 'rejected');
    expect(String(lost?.reason)).toMatch(/TW7001/);
    await Promise.all(stores.map((s) => s.close()));
  }, 30_000);
});

describe.skipIf(!existsSync(ETCD))('what is left of a store', () => {
  it('is kept as etcd’s own file before it is made anew, also where nobody leads', async () => {
    const rig = await EtcdRig.start(3);
    const clock = manualClock(Date.UTC(2026, 0, 2, 3, 4, 5));
    const folder = join(dir, 'recovered');
    const { signal } = new AbortController();
    const keep = () => keepLeft({ folder, clock }, { from: 'm1', options: rig.options('/', ['m1']) }, signal);
    try {
      for (const lost of ['m2', 'm3']) rig.signal(lost, 'SIGKILL');
      const file = await keep();
      expect(file).toBe(join(folder, 'etcd-m1-20260102T030405Z.db'));
      expect([statSync(folder).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
      const bytes = readFileSync(file);
      // A database of bbolt and the digest of it.
      expect(bytes.length % 512).toBe(32);
      const sum = createHash('sha256').update(bytes.subarray(0, -32)).digest('hex');
      expect(bytes.subarray(-32).toString('hex')).toBe(sum);
      // Without it nothing is done.
      await expect(keep()).rejects.toMatchObject({ problem: { code: 'TW5116', value: 'm1' } });
      rig.signal('m1', 'SIGKILL');
      clock.advance(1000);
      await expect(keep()).rejects.toMatchObject({
        problem: {
          code: 'TW5116',
          why: [/no snapshot/, 'nothing was changed'].map((w) =>
            typeof w === 'string' ? w : expect.stringMatching(w),
          ),
        },
      });
    } finally {
      await rig.stop();
    }
  }, 60_000);
});
