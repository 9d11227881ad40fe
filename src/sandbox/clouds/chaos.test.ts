import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, openBench, providerBinary, type Root, terraformBinary } from './harness.ts';
import type { Chaos, CloudName, Obj } from './model.ts';

const ready = terraformBinary() !== undefined && providerBinary() !== undefined;
const CLOUDS: CloudName[] = ['aws', 'azure', 'gcp'];
const CLUSTER = {
  aws: 'aws_eks_cluster',
  azure: 'azurerm_kubernetes_cluster',
  gcp: 'google_container_cluster',
} as const;
const POOL = {
  aws: 'aws_eks_node_group',
  azure: 'azurerm_kubernetes_cluster',
  gcp: 'google_container_node_pool',
} as const;

let bench: Bench;
let roots = 0;
beforeEach(async () => {
  bench = await openBench({ cloudTime: 1500 });
});
afterEach(() => bench.close());

async function initialised(cloud: CloudName): Promise<Root> {
  const root = bench.root(`${cloud}-${++roots}`, join(import.meta.dirname, 'fixtures', `tiny-${cloud}`), {});
  expect((await root.run('init')).code).toBe(0);
  return root;
}
const chaos = (what: Chaos['what'], where: Chaos['where'], args: Obj = {}) =>
  bench.clouds.engine.setChaos([{ id: 'c', what, where, args, from: 0 }]);
/** Error text as one line: terraform folds and frames it. */
const said = (r: { out: string; err: string }): string => r.err.replace(/[│╷╵]/g, ' ').replace(/\s+/g, ' ');
const apply = (root: Root, ...args: string[]) => root.run('apply', '-auto-approve', '-no-color', ...args);
const inState = async (root: Root, type: string): Promise<string> => {
  const { out } = await root.run('show', '-no-color');
  const line = out.split('\n').find((l) => l.startsWith(`# ${type}.this:`));
  return line === undefined ? 'absent' : line.includes('tainted') ? 'tainted' : 'kept';
};
const world = (type: string) => [...bench.clouds.engine.world().resources.values()].filter((r) => r.type === type);
const until = async (what: () => boolean): Promise<void> => {
  const end = Date.now() + 15_000;
  while (!what()) {
    if (Date.now() > end) throw new Error('never');
    await new Promise((r) => setTimeout(r, 20));
  }
};

/** What terraform says: the documented words of each cloud. */
const WORDS: Record<string, Record<CloudName, RegExp>> = {
  quota: {
    aws: /unexpected state 'CREATE_FAILED'.*VcpuLimitExceeded - You have requested more vCPU capacity than your current vCPU limit of 1/,
    azure:
      /performing CreateOrUpdate: unexpected status 400 \(400 Bad Request\) with error: ErrCode_InsufficientVCPUQuota/,
    gcp: /googleapi: Error 403: Insufficient regional quota to satisfy request: resource "CPUS": request requires '2\.0' and is short '1\.0'/,
  },
  typeMissing: {
    aws: /AsgInstanceLaunchFailures: Your requested instance type \(t3\.medium\) is not supported in your requested Availability Zone \(sa-east-1a\)/,
    azure: /BadRequest: The VM size of Standard_D2s_v5 is not allowed in your subscription in location 'canadacentral'/,
    gcp: /Error 400: Machine type with name 'e2-medium' does not exist in zone 'australia-southeast1-a'/,
  },
  throttle: {
    aws: /creating EKS Cluster \(tiny\): operation error EKS: CreateCluster, https response error StatusCode: 400, RequestID: \S+, ThrottlingException: Rate exceeded/,
    azure: /unexpected status 429 \(429 Too Many Requests\) with error: TooManyRequests/,
    gcp: /Error 403: Quota exceeded for quota metric 'Queries' .*rateLimitExceeded/,
  },
  slow: {
    aws: /waiting for EKS Cluster \(tiny\) create: timeout while waiting for state to become 'ACTIVE' \(last state: 'CREATING', timeout: 30m0s\)/,
    azure: /polling after CreateOrUpdate: context deadline exceeded/,
    gcp: /Error waiting for creating cluster: timeout while waiting/,
  },
  fail: {
    aws: /waiting for EKS Cluster \(tiny\) create: unexpected state 'CREATE_FAILED', wanted target 'ACTIVE'\. last error: InternalError: boom/,
    azure:
      /polling failed: the Azure API returned the following error: Status: "InternalError" Code: "" Message: "boom"/,
    gcp: /Error waiting for creating cluster: boom/,
  },
};

describe.skipIf(!ready)('chaos in terraform (needs terraform and TW_PROVIDER_BIN)', { timeout: 60_000 }, () => {
  const CASES: { kind: Chaos['what']; args: Obj; type: Record<CloudName, string>; after: Record<CloudName, string> }[] =
    [
      { kind: 'quota', args: { limit: 1 }, type: POOL, after: { aws: 'tainted', azure: 'absent', gcp: 'absent' } },
      { kind: 'typeMissing', args: {}, type: POOL, after: { aws: 'tainted', azure: 'absent', gcp: 'absent' } },
      { kind: 'throttle', args: {}, type: CLUSTER, after: { aws: 'absent', azure: 'absent', gcp: 'absent' } },
      { kind: 'slow', args: { factor: 50 }, type: CLUSTER, after: { aws: 'tainted', azure: 'absent', gcp: 'tainted' } },
      {
        kind: 'fail',
        args: { message: 'boom' },
        type: CLUSTER,
        after: { aws: 'absent', azure: 'absent', gcp: 'absent' },
      },
    ];
  for (const { kind, args, type, after } of CASES) {
    test.each(CLOUDS)(`${kind} in %s`, async (cloud) => {
      const root = await initialised(cloud);
      chaos(kind, { cloud, type: type[cloud] }, args);
      const r = await apply(root);
      expect(r.code).toBe(1);
      expect(said(r)).toMatch(WORDS[kind]?.[cloud] ?? /$^/);
      expect(await inState(root, type[cloud])).toBe(after[cloud]);
      expect(world(CLUSTER[cloud]).every((c) => c.region !== '')).toBe(true);
    });
  }

  test.each(CLOUDS)('fail with a half-made object in %s: tainted, replaced by the next apply', async (cloud) => {
    const root = await initialised(cloud);
    chaos('fail', { cloud, type: CLUSTER[cloud] }, { keep: true });
    expect((await apply(root)).code).toBe(1);
    expect(await inState(root, CLUSTER[cloud])).toBe('tainted');
    bench.clouds.engine.setChaos([]);
    const again = await apply(root);
    expect(again.code, again.err).toBe(0);
    expect(await inState(root, CLUSTER[cloud])).toBe('kept');
  });

  test.each([
    ['aws', 'wrong', /InvalidClientTokenId: The security token included in the request is invalid/],
    ['aws', 'expired', /ExpiredToken: The security token included in the request is expired/],
    ['aws', 'account', /AWS account ID not allowed/],
    ['azure', 'wrong', /AADSTS7000215/],
    ['azure', 'expired', /AADSTS7000222/],
    ['azure', 'account', /SubscriptionNotFound/],
    ['gcp', 'wrong', /Invalid JWT Signature/],
    ['gcp', 'expired', /Invalid JWT: Token must be a short-lived token/],
    ['gcp', 'account', /Error 403: Permission denied/],
  ] as const)('credentials of %s: %s', async (cloud, how, words) => {
    const root = await initialised(cloud);
    chaos('credentials', { cloud }, { how });
    const r = await root.run('plan', '-no-color');
    expect(r.code).toBe(1);
    expect(said(r)).toMatch(words);
  });

  test('absent and foreign keys', async () => {
    const root = await initialised('aws');
    expect(said(await root.runWith({ AWS_ACCESS_KEY_ID: '' }, 'plan'))).toMatch(/No valid credential sources found/);
    expect(said(await root.runWith({ AWS_SECRET_ACCESS_KEY: 'x' }, 'plan'))).toMatch(/InvalidClientTokenId/);
  });

  test.each([
    ['aws', 'tainted', false],
    ['azure', 'absent', true],
    ['gcp', 'kept', false],
  ] as const)(
    'one SIGINT in %s: terraform keeps the cluster as %s, the cloud finishes it',
    async (cloud, state, orphan) => {
      const root = await initialised(cloud);
      const run = root.start('apply', '-auto-approve', '-no-color');
      await until(() => world(CLUSTER[cloud])[0]?.phase === 'creating');
      run.interrupt();
      await run.done;
      expect(await inState(root, CLUSTER[cloud])).toBe(state);
      await until(() => world(CLUSTER[cloud])[0]?.phase === 'ready');
      expect(world(CLUSTER[cloud])[0]?.orphan).toBe(orphan);
      expect(bench.machines.clusters.has(`${cloud}-tiny`)).toBe(true);
      if (orphan) expect(said(await apply(root))).toMatch(/needs to be imported into the State/);
    },
  );

  test('ignoreStop: terraform waits, the cluster is whole in the state', async () => {
    const root = await initialised('azure');
    chaos('ignoreStop', { cloud: 'azure' });
    const run = root.start('apply', '-auto-approve', '-no-color');
    await until(() => world(CLUSTER.azure)[0]?.phase === 'creating');
    run.interrupt();
    await run.done;
    expect(await inState(root, CLUSTER.azure)).toBe('kept');
  });

  test("terraform and its provider killed: the cluster comes all the same and is nobody's", async () => {
    const root = await initialised('aws');
    const run = root.start('apply', '-auto-approve', '-no-color');
    await until(() => world(CLUSTER.aws)[0]?.phase === 'creating');
    run.kill();
    await run.done;
    await until(() => world(CLUSTER.aws)[0]?.phase === 'ready');
    expect(world(CLUSTER.aws)[0]?.orphan).toBe(true);
  });

  test.each(CLOUDS)('drift in %s: a changed attribute and a vanished object are planned back', async (cloud) => {
    const root = await initialised(cloud);
    expect((await apply(root)).code).toBe(0);
    const attribute = cloud === 'gcp' ? 'resource_labels' : 'tags';
    bench.clouds.engine.setChaos([
      {
        id: 'd',
        what: 'drift',
        where: { type: CLUSTER[cloud] },
        args: { attribute, value: { owner: 'other' } },
        from: 0,
      },
    ]);
    const changed = await root.run('plan', '-no-color', '-detailed-exitcode');
    expect([changed.code, changed.out.includes('1 to change')]).toEqual([2, true]);
    bench.clouds.engine.setChaos([
      { id: 'd', what: 'drift', where: { type: CLUSTER[cloud] }, args: { gone: true }, from: 0 },
    ]);
    const gone = await root.run('plan', '-no-color', '-detailed-exitcode');
    expect(gone.out).toMatch(/will be created/);
    expect(gone.code).toBe(2);
  });

  test.each(CLOUDS)('more nodes and fewer in %s', async (cloud) => {
    const root = await initialised(cloud);
    const nodes = () => bench.machines.nodes.size;
    expect((await apply(root, '-var=nodes=1')).code).toBe(0);
    expect(nodes()).toBe(1);
    const more = await apply(root, '-var=nodes=3');
    expect([more.code, nodes()], more.err).toEqual([0, 3]);
    expect((await apply(root, '-var=nodes=2')).code).toBe(0);
    expect(nodes()).toBe(2);
    expect((await root.run('plan', '-detailed-exitcode', '-var=nodes=2')).code).toBe(0);
  });

  test('a control plane that does not come fails the create, with its reason', async () => {
    const root = await initialised('aws');
    bench.machines.failBoot('TW9040 control-plane exited with 1');
    expect(said(await apply(root))).toMatch(/CREATE_FAILED.*TW9040 control-plane exited with 1/);
  });

  test('the clouds are down', async () => {
    const root = await initialised('aws');
    const r = await root.runWith({ TW_CLOUDS_SOCKET: '/nowhere/clouds.sock' }, 'plan', '-no-color');
    expect(said(r)).toMatch(/TW9012 the sandbox's clouds do not answer/);
  });
});
