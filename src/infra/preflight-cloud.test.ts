import { describe, expect, it } from 'vitest';
import type { Json } from '../kernel/index.ts';
import { type MemoryWorld, memoryCloud } from './adapters/clouds/memory.ts';
import { askClouds } from './ask-clouds.ts';
import { builtNodes, type StateResource } from './built.ts';
import { CloudError } from './cloud.ts';
import { refusedBy } from './preflight-cloud.ts';
import { threeClouds } from './testing/lab.ts';

const config = threeClouds();
const account = {
  aws: config.accounts.aws?.account ?? '',
  azure: config.accounts.azure?.subscription ?? '',
  gcp: config.accounts.gcp?.project ?? '',
};
const TYPES = {
  aws: { 't3.medium': 2, 't3.large': 2, 'm6i.xlarge': 4 },
  azure: { Standard_B2s: 2, Standard_D2s_v5: 2, Standard_D4s_v5: 4 },
  gcp: { 'e2-medium': 2, 'e2-standard-2': 2, 'e2-standard-4': 4 },
} as const;
type Cloud = keyof typeof TYPES;

function worldOf(cloud: Cloud): MemoryWorld {
  const cluster = config.clusters.find((c) => c.cloud === cloud);
  // the twin keeps zones of one region by their names; Azure's are bare numbers
  const zones = cluster?.zones ?? [];
  return {
    account: account[cloud],
    offers: zones.flatMap((zone) => Object.entries(TYPES[cloud]).map(([type, vcpu]) => ({ type, zone, vcpu }))),
    quotas: [{ name: 'vCPU', limit: 64, used: 18 }],
    versions: ['1.36', '1.35'],
    things: [],
  };
}
async function ask(
  change: Partial<Record<Cloud, Partial<MemoryWorld>>> = {},
  o: { standing?: string[]; config?: typeof config; built?: { type: string; max: number } } = {},
) {
  const worlds = { aws: worldOf('aws'), azure: worldOf('azure'), gcp: worldOf('gcp') };
  const clouds = async (c: Cloud) => {
    const world = { ...worlds[c], ...change[c] };
    const port = memoryCloud(world);
    return {
      ...port,
      offers: async (_: unknown, types: readonly string[]) => world.offers.filter((x) => types.includes(x.type)),
    };
  };
  const built = o.built === undefined ? {} : { built: async () => o.built };
  return await askClouds({ config: o.config ?? config, clouds, standing: new Set(o.standing ?? []), ...built });
}
const name = (cloud: Cloud): string => config.clusters.find((c) => c.cloud === cloud)?.name ?? '';

describe('what the clouds say before the first change', () => {
  it('nothing to complain: every check of every cluster is ok, with its numbers', async () => {
    const v = await ask();
    expect(v.map((x) => x.verdict)).toEqual(Array.from({ length: 12 }, () => 'ok'));
    expect(v.find((x) => x.id === 'quota')?.say).toMatch(/needs \d+ vCPU in .* \(18 used of 64\)/);
  });

  it('another account is TW2020 with both names; the other clouds go on', async () => {
    const v = await ask({ aws: { account: '999900001111' } });
    const problem = refusedBy(v).get(name('aws'));
    expect([problem?.code, problem?.exit]).toEqual(['TW2020', 3]);
    expect(problem?.value).toBe(
      `cluster ${name('aws')}: expected account ${account.aws}, credentials are 999900001111 (memory)`,
    );
    expect([...refusedBy(v).keys()]).toEqual([name('aws')]);
  });

  it('credentials that the cloud refuses are TW2201; none that we can read are unknown', async () => {
    const refused = await ask({ azure: { refuses: new CloudError('InvalidAuthenticationToken', 'no', 401) } });
    expect(refusedBy(refused).get(name('azure'))?.code).toBe('TW2201');
    const absent = await ask({ azure: { refuses: new CloudError('500', 'the service is busy', 500) } });
    expect(absent.filter((x) => x.cluster === name('azure')).map((x) => x.verdict)).toEqual(['unknown']);
    expect(refusedBy(absent).size).toBe(0);
  });

  it('a quota that is too small is TW2021: need, use, limit, what would fit, where to ask', async () => {
    const big = threeClouds({
      clusters: {
        sao: { cloud: 'aws', region: 'sa-east-1', size: 'l', nodes: { min: 1, max: 9 } },
        mtl: { cloud: 'azure', region: 'canadacentral' },
        syd: { cloud: 'gcp', region: 'australia-southeast1' },
      },
    });
    const v = await ask({ aws: { quotas: [{ name: 'Standard', limit: 32, used: 18 }] } }, { config: big });
    const problem = refusedBy(v).get(name('aws'));
    expect(problem?.code).toBe('TW2021');
    expect(problem?.value).toMatch(/^needs 40 vCPU in .* \(18 used of 32\)$/);
    const fixes = problem?.fix.map((f) => f.say).join('\n');
    expect(fixes).toContain('nodes.max: 2 fits');
    expect(fixes).toMatch(/servicequotas.*L-1216C47A/);
    expect(fixes).not.toContain('size:');
    const roomier = await ask({ aws: { quotas: [{ name: 'Standard', limit: 38, used: 18 }] } }, { config: big });
    expect(
      refusedBy(roomier)
        .get(name('aws'))
        ?.fix.map((f) => f.say)
        .join(),
    ).toContain('size: t3.medium fits');
  });

  it("a family that is not the cluster's does not count; without any that does the quota is unknown", async () => {
    const v = await ask({ gcp: { quotas: [{ name: 'GPUs', limit: 0, used: 0, family: 'gpu' }] } });
    expect(v.find((x) => x.id === 'quota' && x.cluster === name('gcp'))?.verdict).toBe('unknown');
  });

  it('a type that a zone lacks is TW2022 with the nearest one and the zones that have it', async () => {
    const { offers } = worldOf('gcp');
    const [zone] = offers.map((o) => o.zone);
    const type = 'e2-medium';
    const v = await ask({ gcp: { offers: offers.filter((o) => o.zone !== zone || o.type !== type) } });
    const problem = refusedBy(v).get(name('gcp'));
    if (config.clusters.find((c) => c.cloud === 'gcp')?.size === 's') {
      expect(problem?.code).toBe('TW2022');
      expect(problem?.value).toBe(`${type} in ${zone}`);
      expect(problem?.fix[0]?.say).toContain('e2-standard-2 is offered in all its zones');
    }
  });

  it('a type that no zone has is TW2022 with another one and its zones, or with the way to the list', async () => {
    const none = refusedBy(await ask({ gcp: { offers: [] } })).get(name('gcp'));
    expect(none?.why[0]).toMatch(/no zone of the region/);
    expect(none?.fix[0]?.command).toMatch(/^gcloud compute machine-types list --project \S+ --filter=zone:/);
    const zone = worldOf('gcp').offers[0]?.zone ?? '';
    const one = [{ type: 'n2-standard-2', zone, vcpu: 2 }];
    const other = refusedBy(await ask({ gcp: { offers: one } })).get(name('gcp'));
    expect(other?.fix.map((f) => f.say)).toEqual([
      `clusters.${name('gcp')}.size: n2-standard-2, with clusters.${name('gcp')}.zones: ${zone}.`,
    ]);
  });

  it('a version that is not on offer is TW2023 with those that are', async () => {
    const problem = refusedBy(await ask({ azure: { versions: ['1.34', '1.33'] } })).get(name('azure'));
    expect([problem?.code, problem?.why[0]]).toEqual(['TW2023', 'offered: 1.34, 1.33']);
  });

  it('a cluster that stands is asked for its account only', async () => {
    const v = await ask({ aws: { quotas: [{ name: 'q', limit: 0, used: 0 }] } }, { standing: [name('aws')] });
    expect(v.filter((x) => x.cluster === name('aws')).map((x) => [x.id, x.verdict])).toEqual([['identity', 'ok']]);
  });

  it.each([
    ['no more nodes than it was built for', { type: 't3.medium', max: 3 }, 20, undefined],
    ['two more nodes, and room for them', { type: 't3.medium', max: 1 }, 22, undefined],
    [
      'two more nodes, and room for one',
      { type: 't3.medium', max: 1 },
      20,
      'sao 2 more nodes × 2 vCPU; nodes.max: 2 fits',
    ],
    ['other machines beside the old ones', { type: 't3.large', max: 3 }, 20, 'sao 3+1 nodes × 2 vCPU'],
  ])('a cluster that stands may grow: %s', async (_, built, limit, said) => {
    const grown = threeClouds({
      clusters: { sao: { cloud: 'aws', region: 'sa-east-1', size: 's', nodes: { min: 1, max: 3 } } },
    });
    const quotas = [{ name: 'Standard', limit, used: 18 }];
    const v = await ask({ aws: { quotas } }, { config: grown, standing: ['sao'], built });
    const problem = refusedBy(v).get('sao');
    expect(problem?.code).toBe(said === undefined ? undefined : 'TW2021');
    const text = [...(problem?.why ?? []), ...(problem?.fix ?? []).map((f) => f.say)].join('; ');
    for (const part of said?.split('; ') ?? []) expect(text).toContain(part);
  });
});

describe('what a pool was built for', () => {
  const state = (type: string, attributes: Record<string, Json>): StateResource[] => [
    { mode: 'managed', type: 'aws_vpc', instances: [{ attributes: {} }] },
    { mode: 'managed', type, instances: [{ attributes }] },
  ];
  it('is read from the state of each cloud', () => {
    const aws = { instance_types: ['t3.large'], scaling_config: [{ max_size: 3, min_size: 1 }] };
    expect(builtNodes(state('aws_eks_node_group', aws))).toEqual({ type: 't3.large', max: 3 });
    const azure = { default_node_pool: [{ vm_size: 'Standard_B2s', max_count: 4 }] };
    expect(builtNodes(state('azurerm_kubernetes_cluster', azure))).toEqual({ type: 'Standard_B2s', max: 4 });
    const gcp = { node_config: [{ machine_type: 'e2-medium' }], autoscaling: [{ total_max_node_count: 5 }] };
    expect(builtNodes(state('google_container_node_pool', gcp))).toEqual({ type: 'e2-medium', max: 5 });
  });
  it('is unknown where no pool says it', () => {
    expect(builtNodes(state('aws_eks_cluster', {}))).toBeUndefined();
    expect(builtNodes(state('aws_eks_node_group', { instance_types: [], scaling_config: [] }))).toBeUndefined();
  });
});
