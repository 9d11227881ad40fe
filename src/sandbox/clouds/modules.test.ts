import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accountsOf } from './credentials.ts';
import { type Bench, openBench, providerBinary, terraformBinary } from './harness.ts';

const SEED = 7;
const a = accountsOf(SEED);
const MODULES = join(import.meta.dirname, '../../../terraform/modules');
const FIXTURES = join(import.meta.dirname, 'fixtures');

const common = {
  fleet: 'guestbook-demo',
  kubernetes_version: '1.36',
  nodes_min: 1,
  nodes_max: 3,
  pod_cidr: '10.244.0.0/16',
  service_cidr: '10.250.0.0/20',
};
const aws = { fleet: common.fleet, account: a.aws.account };

/** Vars of every module and fixture, by folder. A module without vars here fails its test by name. */
const VARS: Record<string, Record<string, unknown>> = {
  'aws-eks': {
    ...aws,
    kubernetes_version: '1.36',
    nodes_min: 2,
    nodes_max: 3,
    service_cidr: '10.250.0.0/20',
    cluster: 'sao',
    region: 'sa-east-1',
    zones: ['sa-east-1a', 'sa-east-1b'],
    node_size: 't3.medium',
    node_cidr: '10.10.0.0/16',
  },
  'azure-aks': {
    ...common,
    cluster: 'mtl',
    subscription: a.azure.subscription,
    tenant: a.azure.tenant,
    region: 'canadacentral',
    zones: ['1', '2'],
    node_size: 'Standard_B2s',
    node_cidr: '10.20.0.0/16',
  },
  'gcp-gke': {
    ...common,
    cluster: 'syd',
    project: a.google.project,
    region: 'australia-southeast1',
    zones: ['australia-southeast1-a', 'australia-southeast1-b'],
    node_size: 'e2-medium',
    node_cidr: '10.30.0.0/16',
  },
  'dns-route53': {
    ...aws,
    domain: 'demo.tradewind.example',
    hosts: ['guestbook.demo.tradewind.example'],
    nameservers: { sao: '198.18.1.120', mtl: '198.18.2.120' },
  },
  'identity-aws': {
    ...aws,
    region: 'us-east-1',
    issuers: { sao: 'https://oidc.eks.sa-east-1.amazonaws.com/id/A' },
    zone_id: 'Z1',
  },
  auto: {},
  'tiny-aws': {},
  'tiny-azure': {},
  'tiny-gcp': {},
  federation: {
    issuers: {
      aks: 'https://canadacentral.oic.prod-aks.azure.com/t/i/',
      gke: 'https://container.googleapis.com/v1/projects/p/locations/l/clusters/c',
    },
    zone_id: 'Z1',
  },
  'dns-azure': {
    method: 'Performance',
    targets: { eks: { value: 'a.elb', location: 'brazilsouth' }, gke: { value: 'g', location: 'australiaeast' } },
  },
  'dns-gcp': {
    policy: 'weighted',
    targets: { gke: { ip: '198.18.3.101', location: 'australia-southeast1', weight: 1 } },
  },
  'route53-policies': {
    domain: 'example.com',
    host: 'app',
    policy: 'latency',
    targets: { eks: { value: 'a.elb.amazonaws.com', type: 'CNAME', region: 'sa-east-1' } },
  },
};

/** Clusters and nodes that a module brings to the machines. */
const MACHINES: Record<string, [string, number]> = {
  'aws-eks': ['aws-guestbook-demo-sao', 2],
  'azure-aks': ['azure-guestbook-demo-mtl', 1],
  'gcp-gke': ['gcp-guestbook-demo-syd', 1],
  auto: ['aws-auto', 1],
  'tiny-aws': ['aws-tiny', 1],
  'tiny-azure': ['azure-tiny', 1],
  'tiny-gcp': ['gcp-tiny', 1],
};

const folders = [MODULES, FIXTURES].flatMap((base) =>
  existsSync(base) ? readdirSync(base).map((name) => ({ name, path: join(base, name) })) : [],
);
const ready = terraformBinary() !== undefined && providerBinary() !== undefined;

describe.skipIf(!ready)('modules on the simulated clouds (needs terraform and TW_PROVIDER_BIN)', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench({ seed: SEED });
  });
  afterAll(() => bench.close());

  test.each(folders)(
    '$name: init, plan, apply, second plan empty, destroy, world empty',
    { timeout: 120_000 },
    async ({ name, path }) => {
      const vars = VARS[name];
      expect(vars, `vars for module ${name}`).toBeDefined();
      const root = bench.root(name, path, vars);
      const ok = async (...args: string[]) => {
        const r = await root.run(...args);
        expect(r.code, `${args.join(' ')}\n${r.out}\n${r.err}`).toBe(0);
        return r;
      };
      await ok('init', '-no-color');
      await ok('plan', '-no-color', '-out=plan');
      await ok('apply', '-no-color', 'plan');
      const second = await ok('plan', '-json', '-detailed-exitcode');
      expect(second.out, 'what was read differs from what was applied').not.toContain('"type":"resource_drift"');
      const [cluster, nodes] = MACHINES[name] ?? ['', 0];
      expect(bench.machines.clusters.has(cluster)).toBe(cluster !== '');
      expect([...bench.machines.nodes.keys()].filter((k) => k.startsWith(`${cluster}/`))).toHaveLength(nodes);
      await ok('destroy', '-no-color', '-auto-approve');
      expect([...bench.clouds.engine.world().resources.keys()]).toEqual([]);
      expect([bench.machines.clusters.size, bench.machines.nodes.size, bench.machines.vips.size]).toEqual([0, 0, 0]);
    },
  );
});
