import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, openBench } from './harness.ts';
import type { CloudName, Obj, Who } from './model.ts';

const U = { $unknown: true };
let bench: Bench;

function who(cloud: CloudName): Who {
  const a = bench.clouds.accounts;
  const provider = ({ aws: 'aws', azure: 'azurerm', gcp: 'google' } as const)[cloud];
  const account = { aws: a.aws.account, azure: a.azure.subscription, gcp: a.google.project }[cloud];
  const region = { aws: 'sa-east-1', azure: '', gcp: 'australia-southeast1' }[cloud];
  return {
    provider,
    cloud,
    caller: 'test',
    by: 'terraform',
    account,
    region,
    tenant: '',
    principal: '',
    tags: {},
    preventGroupDelete: false,
  };
}
async function make(cloud: CloudName, type: string, planned: Obj): Promise<string> {
  const { op, error } = bench.clouds.engine.submit({
    kind: 'create',
    who: who(cloud),
    type,
    planned: { id: U, ...planned },
  });
  expect(error).toBeUndefined();
  await bench.clouds.engine.settled(op ?? '');
  return (
    bench.clouds.engine
      .world()
      .ops.get(op ?? '')
      ?.target.slice(type.length + 1) ?? ''
  );
}
async function drop(cloud: CloudName, type: string, id: string): Promise<string | undefined> {
  const { op } = bench.clouds.engine.submit({ kind: 'delete', who: who(cloud), type, id, prior: {} });
  await bench.clouds.engine.settled(op ?? '');
  return bench.clouds.engine.world().ops.get(op ?? '')?.error?.code;
}
function http(method: string, path: string, body?: unknown): Promise<{ status: number; body: Obj }> {
  return new Promise((resolve, reject) => {
    const req = request(
      { socketPath: join(bench.dir, 'clouds.sock'), method, path, headers: { 'content-type': 'application/json' } },
      (res) => {
        let text = '';
        res.on('data', (d: Buffer) => (text += d));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) as Obj }));
      },
    );
    req.on('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
const service = (o: Obj = {}) => ({
  namespace: 'default',
  name: 'web',
  annotations: null,
  ports: [
    { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 },
    { name: 'dns', protocol: 'UDP', port: 53, nodePort: 30053 },
  ],
  nodes: [{ name: 'n1', ip: '10.10.0.11' }],
  localTraffic: true,
  healthCheckNodePort: 31000,
  loadBalancerIP: '',
  sourceRanges: null,
  ...o,
});
const keys = (type: string) => [...bench.clouds.engine.world().resources.values()].filter((r) => r.type === type);

beforeAll(async () => {
  bench = await openBench({ seed: 5, cloudTime: 6000 });
});
afterAll(() => bench.close());

describe('AWS', () => {
  let vpc: string;
  let subnet: string;
  beforeAll(async () => {
    const role = await make('aws', 'aws_iam_role', { name: 'r', arn: U });
    vpc = await make('aws', 'aws_vpc', { cidr_block: '10.10.0.0/16' });
    subnet = await make('aws', 'aws_subnet', {
      vpc_id: vpc,
      cidr_block: '10.10.128.0/20',
      availability_zone: 'sa-east-1a',
      map_public_ip_on_launch: true,
    });
    await make('aws', 'aws_eks_cluster', {
      name: 'one',
      role_arn: `arn:aws:iam::${bench.clouds.accounts.aws.account}:role/${role}`,
      vpc_config: [{ subnet_ids: [subnet] }],
    });
  });

  test('a host name, an address of the region, a check of the health port; the fixed address wins', async () => {
    const r = await http('PUT', '/cc/aws-one/loadbalancers/u1', service());
    expect(r.status).toBe(200);
    const [ingress] = r.body.ingress as { hostname: string }[];
    expect(ingress?.hostname).toMatch(/^k8s-default-web-[0-9a-f]{10}-[0-9a-f]{16}\.elb\.sa-east-1\.amazonaws\.com$/);
    const [vip] = [...bench.machines.vips.values()];
    expect(vip).toMatchObject({
      ip: expect.stringMatching(/^198\.18\.1\.(1\d\d|2[0-4]\d|25[0-4])$/) as string,
      region: 'sa-east-1',
      ports: [
        { proto: 'tcp', port: 80, targets: [{ ip: '10.10.0.11', port: 30080 }] },
        { proto: 'udp', port: 53, targets: [{ ip: '10.10.0.11', port: 30053 }] },
      ],
      check: { port: 31000, path: '/healthz' },
    });
    expect(await http('GET', '/cc/aws-one/loadbalancers/u1')).toEqual(r);
    const eip = await make('aws', 'aws_eip', { domain: 'vpc', public_ip: U });
    const ip = bench.clouds.engine.world().resources.get(`aws_eip/${eip}`)?.attrs.public_ip;
    await http(
      'PUT',
      '/cc/aws-one/loadbalancers/u2',
      service({ name: 'ns', annotations: { 'service.beta.kubernetes.io/aws-load-balancer-eip-allocations': eip } }),
    );
    expect(bench.machines.vips.has(ip as string)).toBe(true);
    const missing = await http(
      'PUT',
      '/cc/aws-one/loadbalancers/u3',
      service({
        name: 'no',
        annotations: { 'service.beta.kubernetes.io/aws-load-balancer-eip-allocations': 'eipalloc-no' },
      }),
    );
    expect([missing.status, missing.body.code]).toEqual([400, 'AllocationIdNotFound']);
    expect((await http('DELETE', '/cc/aws-one/loadbalancers/u2')).status).toBe(200);
    expect(await drop('aws', 'aws_eip', eip)).toBeUndefined();
  });

  test('new nodes change the targets, the address stays', async () => {
    const [before] = [...bench.machines.vips.values()];
    const nodes = [
      { name: 'n1', ip: '10.10.0.11' },
      { name: 'n2', ip: '10.10.0.12' },
    ];
    const r = await http('PUT', '/cc/aws-one/loadbalancers/u1', service({ nodes, localTraffic: false }));
    expect(r.status).toBe(200);
    const [after] = [...bench.machines.vips.values()];
    expect(after?.ip).toBe(before?.ip);
    expect(after?.ports[0]?.targets).toHaveLength(2);
    expect(after?.check).toBeUndefined();
  });

  test('interfaces linger; what chaos leaks blocks the VPC, as in life', async () => {
    bench.clouds.engine.setChaos([{ id: 'l', what: 'leak', where: { cloud: 'aws' }, args: {}, from: 0 }]);
    expect((await http('DELETE', '/cc/aws-one/loadbalancers/u1')).status).toBe(200);
    bench.clouds.engine.setChaos([]);
    expect((await http('GET', '/cc/aws-one/loadbalancers/u1')).status).toBe(404);
    expect((await http('DELETE', '/cc/aws-one/loadbalancers/u1')).status).toBe(404);
    expect(bench.machines.vips.size).toBe(0);
    expect(keys('aws_eni').filter((r) => r.orphan)).toHaveLength(1);
    await drop('aws', 'aws_eks_cluster', 'one');
    expect(await drop('aws', 'aws_subnet', subnet)).toBe('DependencyViolation');
    expect(await drop('aws', 'aws_vpc', vpc)).toBe('DependencyViolation');
  });
});

describe('Azure and Google', () => {
  test('an address in the node resource group, by name of a public IP; all goes with the cluster', async () => {
    await make('azure', 'azurerm_resource_group', { name: 'rg', location: 'canadacentral' });
    const id = await make('azure', 'azurerm_kubernetes_cluster', {
      name: 'two',
      resource_group_name: 'rg',
      location: 'canadacentral',
      default_node_pool: [{ name: 'system', vm_size: 'Standard_B2s', node_count: 1 }],
    });
    await make('azure', 'azurerm_public_ip', {
      name: 'ns',
      resource_group_name: 'MC_rg_two_canadacentral',
      location: 'canadacentral',
      ip_address: U,
    });
    const fixed = await http(
      'PUT',
      '/cc/azure-two/loadbalancers/u1',
      service({ annotations: { 'service.beta.kubernetes.io/azure-pip-name': 'ns' } }),
    );
    const free = await http('PUT', '/cc/azure-two/loadbalancers/u2', service({ name: 'other' }));
    const [a, b] = [fixed, free].map((r) => (r.body.ingress as { ip: string }[])[0]?.ip ?? '');
    expect(a).toBe(keys('azurerm_public_ip').find((r) => r.attrs.name === 'ns')?.attrs.ip_address);
    expect(b).toMatch(/^198\.18\.2\./);
    expect(await drop('azure', 'azurerm_kubernetes_cluster', id)).toBeUndefined();
    expect(keys('azure_frontend')).toEqual([]);
    expect([...bench.machines.vips.keys()].filter((ip) => ip.startsWith('198.18.2.'))).toEqual([]);
  });

  test('a forwarding rule; its group keeps the network for a while after the cluster', async () => {
    const network = await make('gcp', 'google_compute_network', { name: 'n' });
    const id = await make('gcp', 'google_container_cluster', {
      name: 'three',
      location: 'australia-southeast1',
      network,
      remove_default_node_pool: true,
    });
    await make('gcp', 'google_compute_address', { name: 'ns', address: U });
    const r = await http(
      'PUT',
      '/cc/gcp-three/loadbalancers/u1',
      service({ annotations: { 'networking.gke.io/load-balancer-ip-addresses': 'ns' } }),
    );
    expect((r.body.ingress as { ip: string }[])[0]?.ip).toMatch(/^198\.18\.3\./);
    await drop('gcp', 'google_container_cluster', id);
    expect(keys('gcp_forwarding_rule')[0]?.orphan).toBe(true);
    expect(await drop('gcp', 'google_compute_network', network)).toBe('resourceInUseByAnotherResource');
  });

  test('instances by provider id', async () => {
    await make('azure', 'azurerm_kubernetes_cluster', {
      name: 'four',
      resource_group_name: 'rg',
      location: 'canadacentral',
      default_node_pool: [{ name: 'system', vm_size: 'Standard_B2s', node_count: 1 }],
    });
    const [node] = [...bench.machines.nodes.values()].filter((n) => n.providerId.includes('four'));
    const ask = (id: string) => http('GET', `/cc/azure-four/instances?providerId=${encodeURIComponent(id)}`);
    expect((await ask(node?.providerId ?? '')).body).toMatchObject({
      exists: true,
      instanceType: 'Standard_B2s',
      region: 'canadacentral',
      addresses: [{ type: 'InternalIP', address: node?.ip }, { type: 'Hostname' }],
    });
    expect((await ask('azure:///nothing')).body.exists).toBe(false);
  });
});
