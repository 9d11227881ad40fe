import { request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, openBench } from './harness.ts';
import { decide } from './machine/decide.ts';
import { applyChanges, emptyWorld } from './machine/draft.ts';
import { instancesOf } from './machine/pools.ts';
import { boundsOf, machinesFor, sized, spare } from './machine/scaling.ts';
import type { Chaos, CloudName, Demand, Input, Obj, Outcome, Who, World } from './model.ts';
import { num, str } from './values.ts';

const U = { $unknown: true };
const GiB = 2 ** 30;
const pod = (cpuMilli: number, gib = 0.5): Demand => ({ cpuMilli, memoryBytes: gib * GiB });
const OWNER = {
  aws: 'aws_eks_node_group',
  azure: 'azurerm_kubernetes_cluster',
  gcp: 'google_container_node_pool',
} as const;
const REGION = { aws: 'sa-east-1', azure: 'canadacentral', gcp: 'australia-southeast1' };

const who = (cloud: CloudName): Who => ({
  provider: ({ aws: 'aws', azure: 'azurerm', gcp: 'google' } as const)[cloud],
  cloud,
  caller: 'tf',
  by: 'terraform',
  account: 'a1',
  region: cloud === 'azure' ? '' : REGION[cloud],
  tenant: '',
  principal: '',
  tags: {},
  preventGroupDelete: false,
});

/** What terraform makes of each module's cluster, as far as nodes are concerned. */
const PLANS: Record<CloudName, (b: { min: number; max: number }) => [string, Obj][]> = {
  aws: ({ min, max }) => [
    ['aws_iam_role', { name: 'r', arn: U }],
    ['aws_eks_cluster', { name: 'one', role_arn: 'arn:aws:iam::a1:role/r', vpc_config: [{ subnet_ids: [] }] }],
    [
      'aws_eks_node_group',
      {
        cluster_name: 'one',
        node_group_name: 'default',
        node_role_arn: 'arn:aws:iam::a1:role/r',
        instance_types: ['t3.medium'],
        subnet_ids: [],
        scaling_config: [{ min_size: min, max_size: max, desired_size: min }],
      },
    ],
  ],
  azure: ({ min, max }) => [
    ['azurerm_resource_group', { name: 'g', location: REGION.azure }],
    [
      'azurerm_kubernetes_cluster',
      {
        name: 'one',
        location: REGION.azure,
        resource_group_name: 'g',
        default_node_pool: [
          {
            name: 'system',
            vm_size: 'Standard_B2s',
            zones: ['1', '2'],
            auto_scaling_enabled: true,
            min_count: min,
            max_count: max,
            node_count: U,
          },
        ],
      },
    ],
  ],
  gcp: ({ min, max }) => [
    [
      'google_container_cluster',
      { name: 'one', location: REGION.gcp, network: 'default', remove_default_node_pool: true },
    ],
    [
      'google_container_node_pool',
      {
        name: 'default',
        cluster: `projects/a1/locations/${REGION.gcp}/clusters/one`,
        location: REGION.gcp,
        node_locations: ['a', 'b'].map((z) => `${REGION.gcp}-${z}`),
        node_config: [{ machine_type: 'e2-medium' }],
        autoscaling: [{ total_min_node_count: min, total_max_node_count: max }],
        node_count: U,
      },
    ],
  ],
};

/** A world with one cluster whose machines come at once, and its pool. */
function worldOf(cloud: CloudName, bounds: { min: number; max: number }) {
  let world: World = emptyWorld({ seed: 3, cloudTime: 60, regions: { [REGION[cloud]]: 1 } });
  let now = 0;
  const step = (input: Input, chaos: Chaos[] = []): Outcome => {
    const out = decide(world, input, chaos, now);
    world = applyChanges(world, out.changes);
    for (const e of out.effects) {
      if (e.do === 'boot')
        step({ kind: 'booted', op: e.op, access: { endpointIp: '198.18.1.10', ca: 'Q0E=', version: 'v1.36.3' } });
      if (e.do === 'addNode') step({ kind: 'stepped', op: e.op, key: e.key, ip: '10.0.0.1' });
      if (e.do === 'removeNode') step({ kind: 'stepped', op: e.op });
    }
    return out;
  };
  const later = (): void => {
    now += 3_600_000;
    step({ kind: 'tick' });
  };
  for (const [type, planned] of PLANS[cloud](bounds)) {
    expect(step({ kind: 'create', who: who(cloud), type, planned: { id: U, ...planned } }).error).toBeUndefined();
    later();
  }
  const owner = () => {
    const found = [...world.resources.values()].find((r) => r.type === OWNER[cloud]);
    if (!found) throw new Error('no pool');
    return found;
  };
  const machines = () => instancesOf(world, owner().key);
  const names = () => machines().map((m) => str(m.hidden.node));
  const id = `${cloud}-one`;
  return {
    step,
    later,
    owner,
    machines,
    names,
    world: () => world,
    grow: (pods: Demand[], ready = names(), chaos: Chaos[] = []) =>
      step({ kind: 'grow', cluster: id, unschedulable: pods, ready }, chaos),
    shrink: (nodes: string[], chaos: Chaos[] = []) => step({ kind: 'shrink', cluster: id, nodes }, chaos),
    mayGo: (nodes: string[]) => spare(world, id, nodes).map((m) => str(m.hidden.node)),
  };
}
const SHOWN: Record<CloudName, (a: Obj) => number | undefined> = {
  aws: (a) => num(a, 'scaling_config.desired_size'),
  azure: (a) => num(a, 'default_node_pool.node_count'),
  gcp: (a) => num(a, 'node_count'),
};
const CLOUDS = ['aws', 'azure', 'gcp'] as const;

describe.each(CLOUDS)('%s', (cloud) => {
  test('a pod without room brings one machine of the pool, by the controller; the size that terraform reads follows', () => {
    const w = worldOf(cloud, { min: 1, max: 3 });
    const [first] = w.machines();
    const { op } = w.grow([pod(1500)]);
    expect(w.world().ops.get(op ?? '')).toMatchObject({ by: 'controller', verb: 'update', target: w.owner().key });
    expect(w.machines()).toHaveLength(2);
    const [, second] = w.machines();
    expect(second).toMatchObject({ by: 'controller', hidden: { instanceType: first?.hidden.instanceType ?? '' } });
    w.later();
    expect(w.owner().phase).toBe('ready');
    // Google shows nodes per zone: two in two zones.
    expect(SHOWN[cloud](w.owner().attrs)).toBe(cloud === 'gcp' ? 1 : 2);
    w.grow([pod(1500), pod(1500), pod(1500)]);
    w.later();
    expect(w.machines()).toHaveLength(3);
    expect(w.grow([pod(1500)])).toMatchObject({ changes: [], effects: [] });
  });

  test('an empty one goes and leaves nothing; the minimum stays; a new one has a new name', () => {
    const w = worldOf(cloud, { min: 1, max: 3 });
    w.grow([pod(1500)]);
    w.later();
    const [a = '', b = ''] = w.names();
    expect(w.mayGo([a, b])).toEqual([b]);
    w.shrink([a, b]);
    w.later();
    expect(w.names()).toEqual([a]);
    expect(SHOWN[cloud](w.owner().attrs)).toBe(1);
    expect([...w.world().resources.values()].filter((r) => r.phase === 'deleting')).toEqual([]);
    expect(w.mayGo([a])).toEqual([]);
    expect(w.shrink([a])).toMatchObject({ changes: [], effects: [] });
    w.grow([pod(1500)]);
    w.later();
    expect(w.names()).toHaveLength(2);
    expect(w.names()).not.toContain(b);
  });

  test('an update of terraform that does not speak of the size keeps it', () => {
    const w = worldOf(cloud, { min: 1, max: 3 });
    w.grow([pod(1500)]);
    w.later();
    const names = w.names();
    const { attrs, id, type } = w.owner();
    w.step({ kind: 'update', who: who(cloud), type, id, planned: { ...attrs, tags: { a: 'b' } }, prior: attrs });
    w.later();
    expect(w.names()).toEqual(names);
  });

  test('machines on their way are counted, lost ones only for a while', () => {
    const w = worldOf(cloud, { min: 1, max: 3 });
    const ready = w.names();
    w.grow([pod(1500)]);
    w.step({ kind: 'tick' });
    expect(w.grow([pod(1500)], ready).op).toBeUndefined();
    w.later();
    expect(w.grow([pod(1500)], ready).op).toBeDefined();
  });

  test('throttled, out of quota, failing on command: in words, and nothing changes', () => {
    const w = worldOf(cloud, { min: 1, max: 3 });
    const chaos = (what: Chaos['what'], args: Obj = {}): Chaos[] => [
      { id: 'c', what, where: { cloud }, args, from: 0 },
    ];
    expect(w.grow([pod(1500)], w.names(), chaos('throttle')).error?.code).toMatch(/hrottl|TooMany|rateLimit/);
    for (const c of [chaos('quota', { what: 'vcpu', limit: 3 }), chaos('fail', { code: 'Boom' })]) {
      const { op, error } = w.grow([pod(1500)], w.names(), c);
      w.later();
      expect(error ?? w.world().ops.get(op ?? '')?.error).toMatchObject({
        code: expect.stringMatching(/AsgInstance|Quota|forbidden|Boom/) as string,
      });
      expect(w.machines()).toHaveLength(1);
      expect(SHOWN[cloud](w.owner().attrs)).toBe(1);
    }
  });

  test('whatever is asked, never below the minimum and never above the maximum', () => {
    const ask = fc.oneof(
      fc.record({
        grow: fc.array(fc.record({ cpuMilli: fc.nat(3000), memoryBytes: fc.nat(6 * GiB) }), { maxLength: 9 }),
      }),
      fc.record({ shrink: fc.array(fc.nat(9), { maxLength: 9 }) }),
      fc.constant({ wait: true }),
    );
    const bounds = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(3)).map(([min, more]) => ({ min, max: min + more }));
    fc.assert(
      fc.property(bounds, fc.array(ask, { maxLength: 12 }), (b, asks) => {
        const w = worldOf(cloud, b);
        for (const a of asks) {
          if ('grow' in a) w.grow(a.grow);
          else if ('shrink' in a) w.shrink(w.names().filter((_, i) => a.shrink.includes(i)));
          else w.later();
          expect(w.machines().length).toBeGreaterThanOrEqual(b.min);
          expect(w.machines().length).toBeLessThanOrEqual(b.max);
          expect(new Set(w.names()).size).toBe(w.machines().length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('machines for pods: none for what does not fit, after those that come, never more than allowed', () => {
  const machine = { cpu: 2, memoryBytes: 4 * GiB };
  const count = (pods: Demand[], coming = 0, most = 9) => machinesFor(pods, machine, { coming, most });
  expect(count([pod(2500)])).toBe(0);
  expect(count([pod(100, 5)])).toBe(0);
  expect(count([pod(900), pod(1100), pod(900)])).toBe(2);
  expect(count([pod(900), pod(1100)], 1)).toBe(0);
  expect(count([pod(1500), pod(1500), pod(1500)], 1)).toBe(2);
  expect(count([pod(1500), pod(1500), pod(1500)], 0, 2)).toBe(2);
  expect(count([pod(10, 3), pod(10, 3)])).toBe(2);
});

test('a pool without bounds is not scaled; the size lands where each cloud shows it', () => {
  expect(boundsOf('google_container_node_pool', { node_count: 2 })).toBeUndefined();
  expect(boundsOf('azurerm_kubernetes_cluster_node_pool', { min_count: 1, max_count: 2 })).toBeUndefined();
  expect(
    boundsOf('google_container_node_pool', {
      node_locations: ['a', 'b'],
      autoscaling: [{ min_node_count: 1, max_node_count: 3 }],
    }),
  ).toEqual({ min: 2, max: 6 });
  const attrs = { scaling_config: [{ min_size: 1, max_size: 4, desired_size: 1 }], other: 1 };
  expect(sized('aws_eks_node_group', attrs, 3)).toEqual({
    scaling_config: [{ min_size: 1, max_size: 4, desired_size: 3 }],
    other: 1,
  });
});

describe('over the socket', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench({ seed: 5, cloudTime: 60_000 });
    const a = bench.clouds.accounts;
    for (const [type, planned] of PLANS.gcp({ min: 1, max: 2 })) {
      const cluster = `projects/${a.google.project}/locations/${REGION.gcp}/clusters/one`;
      const input = { ...planned, id: U, ...(type === OWNER.gcp ? { cluster } : {}) };
      const { op, error } = bench.clouds.engine.submit({
        kind: 'create',
        who: { ...who('gcp'), account: a.google.project },
        type,
        planned: input,
      });
      expect(error).toBeUndefined();
      await bench.clouds.engine.settled(op ?? '');
    }
  });
  afterAll(() => bench.close());

  const post = (cluster: string, body: unknown): Promise<{ status: number; body: Obj }> =>
    new Promise((resolve, reject) => {
      const path = `/cc/${cluster}/scale`;
      const headers = { 'content-type': 'application/json' };
      const req = request({ socketPath: join(bench.dir, 'clouds.sock'), method: 'POST', path, headers }, (res) => {
        let text = '';
        res.on('data', (d: Buffer) => (text += d));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) as Obj }));
      });
      req.on('error', reject);
      req.end(JSON.stringify(body));
    });

  test('more, the maximum, which may go, gone; an unknown cluster', async () => {
    const ready = [...bench.machines.nodes.values()].map((n) => n.name);
    const more = await post('gcp-one', { unschedulable: [{ ...pod(1500), like: ready }], ready, empty: null });
    expect(more).toMatchObject({ status: 200, body: { removed: [], mayGo: [] } });
    const [added = ''] = more.body.added as string[];
    expect([...bench.machines.nodes.values()].map((n) => n.name).toSorted()).toEqual([...ready, added].toSorted());
    const all = [...ready, added];
    const most = await post('gcp-one', { unschedulable: [pod(1500)], ready: all });
    expect(most).toEqual({ status: 200, body: { added: [], removed: [], mayGo: [] } });
    expect((await post('gcp-one', { empty: all })).body).toEqual({ added: [], removed: [], mayGo: [added] });
    expect((await post('gcp-one', { drained: all })).body).toEqual({ added: [], removed: [added], mayGo: [] });
    expect([...bench.machines.nodes.values()].map((n) => n.name)).toEqual(ready);
    expect(await post('gcp-two', { drained: [] })).toMatchObject({ status: 404, body: { code: 'ClusterNotFound' } });
  });

  test('a refusal keeps the words of the cloud', async () => {
    bench.clouds.engine.setChaos([{ id: 'q', what: 'quota', where: {}, args: { what: 'vcpu', limit: 2 }, from: 0 }]);
    const r = await post('gcp-one', { unschedulable: [pod(1500)], ready: [] });
    // The machine that runs is not known as ready here, so it is waited for.
    expect(r.body.added).toEqual([]);
    const ready = [...bench.machines.nodes.values()].map((n) => n.name);
    expect(await post('gcp-one', { unschedulable: [pod(1500)], ready })).toMatchObject({
      status: 500,
      body: { code: 'forbidden', message: expect.stringContaining('Insufficient regional quota') as string },
    });
    bench.clouds.engine.setChaos([]);
  });
});
