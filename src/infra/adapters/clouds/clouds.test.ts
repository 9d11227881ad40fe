/** The three adapters against the simulated clouds' APIs (real wire formats, verified signatures), and the twin. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../kernel/index.ts';
import { fakeCredentials } from '../../../sandbox/clouds/credentials.ts';
import { type Bench, openBench, WEB_WISH } from '../../../sandbox/clouds/harness.ts';
import type { Obj, Who } from '../../../sandbox/clouds/model.ts';
import { type CloudUnderTest, cloudContract } from '../../cloud.contract.ts';
import { CloudError, type Spot } from '../../cloud.ts';
import type { Place } from '../../model.ts';
import { cloudLeftovers, openClouds, spotOf } from './index.ts';
import { memoryCloud } from './memory.ts';
import { elements, parseXml, textAt } from './xml.ts';

const U = { $unknown: true };
const PROVIDER = { aws: 'aws', azure: 'azurerm', gcp: 'google' } as const;

const place = (b: Bench, seed = b.seed): Place => {
  const { ports } = b.clouds;
  const at = (port: number | undefined): string => `http://127.0.0.1:${port}`;
  const aws = at(ports.aws);
  const google = at(ports.google);
  return {
    name: 'sandbox',
    env: fakeCredentials(seed).env,
    endpoints: {
      'aws.sts': aws,
      'aws.ec2': aws,
      'aws.eks': aws,
      'aws.elasticloadbalancing': aws,
      'aws.servicequotas': aws,
      'azure.login': at(ports.azure),
      'azure.arm': at(ports.azure),
      'google.token': `${google}/token`,
      'google.compute': google,
      'google.container': google,
      'google.projects': google,
    },
    rootsDir: '/nowhere',
    lockDir: '/nowhere',
  };
};
const quick = { ...systemClock, sleep: async () => await systemClock.sleep(20) };

function makerOf(b: Bench, spot: Spot) {
  const { cloud } = spot;
  const who: Who = {
    provider: PROVIDER[cloud],
    cloud,
    caller: 'test',
    by: 'terraform',
    account: spot.account,
    region: cloud === 'azure' ? '' : spot.region,
    tenant: spot.tenant ?? '',
    principal: b.clouds.accounts.aws.principal,
    tags: { 'tradewind-fleet': spot.fleet, 'tradewind-cluster': spot.cluster },
    preventGroupDelete: false,
  };
  const wait = async (r: { op?: string; error?: unknown }): Promise<string> => {
    expect(r.error).toBeUndefined();
    await b.clouds.engine.settled(r.op ?? '');
    const op = b.clouds.engine.world().ops.get(r.op ?? '');
    expect(op?.error).toBeUndefined();
    return op?.target ?? '';
  };
  const make = async (type: string, planned: Obj): Promise<string> =>
    (await wait(b.clouds.engine.submit({ kind: 'create', who, type, planned: { id: U, ...planned } }))).slice(
      type.length + 1,
    );
  const leave = async (type: string): Promise<void> => {
    const id = `${cloud}-demo-one`;
    await wait(b.clouds.engine.submit({ kind: 'balance', cluster: id, uid: 'u1', wish: WEB_WISH }));
    b.clouds.engine.submit({ kind: 'volume', cluster: id, wish: { name: 'pvc-1', gib: 8, zone: `${spot.region}-a` } });
    if (cloud === 'azure') return;
    const cluster = [...b.clouds.engine.world().resources.values()].find((r) => r.type === type);
    await wait(
      b.clouds.engine.submit({ kind: 'delete', who, type, id: cluster?.id ?? '', prior: cluster?.attrs ?? {} }),
    );
  };
  return { make, leave };
}

const SPOT: Record<Spot['cloud'], Spot> = {
  aws: { fleet: 'demo', cluster: 'one', cloud: 'aws', region: 'sa-east-1', account: '111122223333' },
  azure: {
    fleet: 'demo',
    cluster: 'one',
    cloud: 'azure',
    region: 'canadacentral',
    account: '11111111-2222-4333-8444-555555555555',
    tenant: '66666666-7777-4888-9999-000000000000',
  },
  gcp: { fleet: 'demo', cluster: 'one', cloud: 'gcp', region: 'australia-southeast1', account: 'tradewind-demo' },
};

const BUILD: Record<Spot['cloud'], (b: Bench) => Promise<void>> = {
  aws: async (b) => {
    const { make, leave } = makerOf(b, SPOT.aws);
    const tags = { 'tradewind-fleet': 'demo', 'tradewind-cluster': 'one' };
    const role = await make('aws_iam_role', { name: 'r', arn: U });
    const vpc = await make('aws_vpc', { cidr_block: '10.10.0.0/16', tags_all: tags });
    const subnet = await make('aws_subnet', {
      vpc_id: vpc,
      cidr_block: '10.10.128.0/20',
      availability_zone: 'sa-east-1a',
      map_public_ip_on_launch: true,
    });
    await make('aws_eks_cluster', {
      name: 'demo-one',
      role_arn: `arn:aws:iam::${SPOT.aws.account}:role/${role}`,
      vpc_config: [{ subnet_ids: [subnet] }],
    });
    await leave('aws_eks_cluster');
    await make('aws_eks_cluster', {
      name: 'other',
      role_arn: `arn:aws:iam::${SPOT.aws.account}:role/${role}`,
      vpc_config: [{ subnet_ids: [subnet] }],
      compute_config: [{ enabled: true, node_pools: ['general-purpose'] }],
    });
  },
  azure: async (b) => {
    const { make, leave } = makerOf(b, SPOT.azure);
    await make('azurerm_resource_group', { name: 'demo-one', location: 'canadacentral' });
    await make('azurerm_kubernetes_cluster', {
      name: 'demo-one',
      resource_group_name: 'demo-one',
      location: 'canadacentral',
      default_node_pool: [{ name: 'system', vm_size: 'Standard_B2s', node_count: 1 }],
      fqdn: U,
    });
    await leave('azurerm_kubernetes_cluster');
  },
  gcp: async (b) => {
    const { make, leave } = makerOf(b, SPOT.gcp);
    await make('google_compute_network', { name: 'demo-one' });
    const cluster = { location: 'australia-southeast1', network: 'demo-one', initial_node_count: 1 };
    await make('google_container_cluster', { name: 'demo-one', ...cluster });
    await leave('google_container_cluster');
    await make('google_container_cluster', { name: 'other', ...cluster });
  },
};
const TYPE = { aws: 't3.medium', azure: 'Standard_B2s', gcp: 'e2-medium' } as const;

for (const cloud of ['aws', 'azure', 'gcp'] as const) {
  cloudContract(`${cloud} over HTTP`, async (): Promise<CloudUnderTest> => {
    const any = '127.0.0.1:0';
    const b = await openBench({ seed: 21, cloudTime: 60_000, listen: { aws: any, azure: any, google: any } });
    await BUILD[cloud](b);
    return {
      port: await openClouds(place(b), quick, {})(cloud),
      spot: SPOT[cloud],
      type: TYPE[cloud],
      vcpu: 2,
      refused: await openClouds(place(b, 22), quick, {})(cloud),
      close: async () => await b.close(),
    };
  });

  cloudContract(`${cloud} in memory`, async (): Promise<CloudUnderTest> => {
    const spot = SPOT[cloud];
    const zones = ['a', 'b', 'c'].map((z) => `${spot.region}-${z}`);
    const thing = { cluster: 'one', tags: {} };
    const world = {
      account: spot.account,
      offers: zones.map((zone) => ({ type: TYPE[cloud], zone, vcpu: 2 })),
      quotas: [{ name: 'vCPU', limit: 64, used: 2 }],
      versions: ['1.36', '1.35'],
      things: [
        { ...thing, kind: 'load balancer', id: 'lb-1', inside: true },
        { ...thing, kind: 'volume', id: 'vol-1', inside: cloud === 'azure' },
      ],
    };
    const refuses = new CloudError('InvalidClientTokenId', 'no', 403);
    return {
      port: memoryCloud(world),
      spot,
      type: TYPE[cloud],
      vcpu: 2,
      refused: memoryCloud({ ...world, refuses }),
      close: async () => undefined,
    };
  });
}

describe('the sweep over all clouds', () => {
  const port = memoryCloud({
    account: '1',
    offers: [],
    quotas: [],
    versions: [],
    things: [{ cluster: 'sao', kind: 'load balancer', id: 'x', inside: true, tags: {} }],
  });
  const vars = { fleet: 'demo', cluster: 'sao', region: 'sa-east-1', account: '1', profile: null };
  const root = { id: 'cluster:sao', cluster: 'sao', module: 'aws-eks', vars, needs: [] } as const;

  it('looks where the root on disk says, and remembers it when the root is gone', async () => {
    let known: typeof root | undefined = root;
    const sweep = cloudLeftovers(async () => port, { load: async () => known });
    expect(await sweep.leftovers('demo', 'sao')).toHaveLength(1);
    known = undefined;
    expect(await sweep.leftovers('demo', 'sao')).toHaveLength(1);
    await expect(sweep.leftovers('demo', 'mtl')).rejects.toThrow(/TW2203/);
  });

  it('takes the account from whatever a module calls it', () => {
    expect(spotOf(root)).toEqual({ ...SPOT.aws, cluster: 'sao', account: '1' });
    expect(spotOf({ module: 'dns-route53', vars })).toBeUndefined();
  });
});

describe('answers of the query services', () => {
  it('are read with entities, empty elements and repeated names', () => {
    const x = parseXml(
      '<?xml version="1.0"?><R a="b"><!-- c --><s><i><n>a &amp; &#x62;</n><e/></i><i><n>c</n></i></s></R>',
    );
    expect(elements(x, 'R', 's', 'i').map((i) => textAt(i, 'n'))).toEqual(['a & b', 'c']);
    expect(textAt(x, 'R', 's', 'i', 'e')).toBe('');
    expect(elements(x, 'R', 'none')).toEqual([]);
  });

  it('that are cut or no XML at all give no elements', () => {
    expect(textAt(parseXml('<R><s>abc'), 'R', 's')).toBe('abc');
    expect(elements(parseXml('502 Bad Gateway'), 'R')).toEqual([]);
  });
});
