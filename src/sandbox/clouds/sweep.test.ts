import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeCredentials } from './credentials.ts';
import { type Bench, openBench, WEB_WISH } from './harness.ts';
import type { Chaos, Obj, Who } from './model.ts';

const SEED = 31;
const U = { $unknown: true };
const env = fakeCredentials(SEED).env;
let bench: Bench;
let door: string;

const who: Who = {
  provider: 'aws',
  cloud: 'aws',
  caller: 'test',
  by: 'terraform',
  account: '111122223333',
  region: 'sa-east-1',
  tenant: '',
  principal: '',
  tags: {},
  preventGroupDelete: false,
};
async function wait(r: { op?: string; error?: unknown }): Promise<string> {
  expect(r.error).toBeUndefined();
  await bench.clouds.engine.settled(r.op ?? '');
  return bench.clouds.engine.world().ops.get(r.op ?? '')?.target ?? '';
}
const make = async (type: string, planned: Obj): Promise<string> =>
  (await wait(bench.clouds.engine.submit({ kind: 'create', who, type, planned: { id: U, ...planned } }))).slice(
    type.length + 1,
  );
const ids = (type: string): string[] =>
  [...bench.clouds.engine.world().resources.values()].filter((r) => r.type === type).map((r) => r.id);

interface Signed {
  service: string;
  body: string;
  region?: string;
  headers?: Record<string, string>;
  secret?: string;
}
/** One signed POST; status and text. */
async function call(o: Signed): Promise<{ status: number; text: string }> {
  const { host } = new URL(door);
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: o.secret ?? env.AWS_SECRET_ACCESS_KEY ?? '',
    },
    region: o.region ?? 'sa-east-1',
    service: o.service,
    sha256: Sha256,
  });
  const signed = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname: host,
    path: '/',
    headers: { host, 'content-type': 'application/x-www-form-urlencoded', ...o.headers },
    body: o.body,
  });
  const { host: _, ...headers } = signed.headers;
  const r = await fetch(`${door}/`, { method: 'POST', headers, body: o.body });
  return { status: r.status, text: await r.text() };
}
const ec2 = async (query: string, o: Partial<Signed> = {}) =>
  await call({ service: 'ec2', body: `${query}&Version=2016-11-15`, ...o });
const code = (text: string): string | undefined => /<Code>(.*?)<\/Code>/.exec(text)?.[1];

beforeAll(async () => {
  const clusters = [
    { name: 'sao', cloud: 'aws', region: 'sa-east-1' },
    { name: 'mtl', cloud: 'azure', region: 'canadacentral' },
  ] as const;
  bench = await openBench({ seed: SEED, cloudTime: 60_000, listen: { aws: '127.0.0.1:0' }, clusters });
  door = `http://127.0.0.1:${bench.clouds.ports.aws}`;
  const role = await make('aws_iam_role', { name: 'r', arn: U });
  const vpc = await make('aws_vpc', { cidr_block: '10.10.0.0/16' });
  const subnet = await make('aws_subnet', {
    vpc_id: vpc,
    cidr_block: '10.10.128.0/20',
    availability_zone: 'sa-east-1a',
    map_public_ip_on_launch: true,
  });
  await make('aws_eks_cluster', {
    name: 'one',
    role_arn: `arn:aws:iam::111122223333:role/${role}`,
    vpc_config: [{ subnet_ids: [subnet] }],
  });
  await wait(bench.clouds.engine.submit({ kind: 'balance', cluster: 'aws-one', uid: 'u', wish: WEB_WISH }));
});
afterAll(() => bench.close());

describe('deleting by the API', () => {
  test('what is in use is refused at once; a load balancer takes its interfaces, its group stays', async () => {
    const [eni = ''] = ids('aws_eni');
    const [group = ''] = ids('aws_security_group');
    const [lb = ''] = ids('aws_lb');
    const held = await ec2(`Action=DeleteNetworkInterface&NetworkInterfaceId=${eni}`);
    expect([held.status, code(held.text)]).toEqual([400, 'InvalidParameterValue']);
    const named = await ec2(`Action=DeleteSecurityGroup&GroupId=${group}`);
    expect(code(named.text)).toBe('DependencyViolation');
    const [vip = ''] = [...bench.machines.vips.keys()];
    const gone = await call({
      service: 'elasticloadbalancing',
      body: `Action=DeleteLoadBalancer&Version=2015-12-01&LoadBalancerArn=${encodeURIComponent(lb)}`,
    });
    expect(gone.status).toBe(200);
    expect(ids('aws_lb')).toEqual([]);
    expect(bench.machines.vips.has(vip)).toBe(false);
    for (let i = 0; i < 100 && ids('aws_eni').length > 0; i++) await new Promise((r) => setTimeout(r, 20));
    expect(ids('aws_eni')).toEqual([]);
    expect(ids('aws_security_group')).toEqual([group]);
    expect((await ec2(`Action=DeleteSecurityGroup&GroupId=${group}`)).status).toBe(200);
    expect(code((await ec2(`Action=DeleteSecurityGroup&GroupId=${group}`)).text)).toBe('InvalidGroup.NotFound');
  });

  test('a volume outlives its cluster', async () => {
    const { engine } = bench.clouds;
    const wish = { name: 'pvc-1', gib: 8, zone: 'sa-east-1a' };
    expect(engine.submit({ kind: 'volume', cluster: 'aws-none', wish }).error?.code).toBe('ClusterNotFound');
    engine.submit({ kind: 'volume', cluster: 'aws-one', wish });
    const cluster = [...engine.world().resources.values()].find((r) => r.type === 'aws_eks_cluster');
    await wait(
      engine.submit({
        kind: 'delete',
        who,
        type: 'aws_eks_cluster',
        id: cluster?.id ?? '',
        prior: cluster?.attrs ?? {},
      }),
    );
    const [volume = ''] = ids('aws_ebs_volume');
    const shown = await ec2(
      'Action=DescribeVolumes&Filter.1.Name=tag%3Akubernetes.io%2Fcluster%2Fone&Filter.1.Value.1=owned',
    );
    expect(shown.text).toContain(`<volumeId>${volume}</volumeId><size>8</size>`);
    expect((await ec2(`Action=DeleteVolume&VolumeId=${volume}`)).status).toBe(200);
    expect(ids('aws_ebs_volume')).toEqual([]);
  });
});

describe('the words of the services', () => {
  test('a wrong signature, an unknown action and an unknown filter, each in the form of its service', async () => {
    const bad = await ec2('Action=DescribeVpcs', { secret: 'x'.repeat(40) });
    expect(bad.text).toMatch(/^<\?xml .*<Response><Errors><Error><Code>SignatureDoesNotMatch/s);
    expect(code((await ec2('Action=TerminateInstances')).text)).toBe('InvalidAction');
    expect(code((await ec2('Action=DescribeVpcs&Filter.1.Name=cidr&Filter.1.Value.1=x')).text)).toBe(
      'InvalidParameterValue',
    );
    const quota = await call({
      service: 'servicequotas',
      headers: { 'x-amz-target': 'ServiceQuotasV20190624.GetServiceQuota' },
      body: '{"ServiceCode":"ec2","QuotaCode":"L-0"}',
    });
    expect([quota.status, (JSON.parse(quota.text) as Obj).__type]).toEqual([400, 'NoSuchResourceException']);
  });

  test('chaos of a cluster that is not built yet counts in its region, and only there', async () => {
    const limit = async (region: string): Promise<number> => {
      const r = await call({
        service: 'servicequotas',
        region,
        headers: { 'x-amz-target': 'ServiceQuotasV20190624.GetServiceQuota' },
        body: '{"ServiceCode":"ec2","QuotaCode":"L-1216C47A"}',
      });
      return (JSON.parse(r.text) as { Quota: { Value: number } }).Quota.Value;
    };
    const chaos = (cluster: string): Chaos[] => [
      { id: 'q', what: 'quota', where: { cluster }, args: { limit: 6 }, from: 0 },
    ];
    bench.clouds.engine.setChaos(chaos('sao'));
    expect([await limit('sa-east-1'), await limit('us-east-1')]).toEqual([6, 64]);
    bench.clouds.engine.setChaos(chaos('mtl'));
    expect(await limit('sa-east-1')).toBe(64);
    const missing: Obj = { machineType: 't3.medium', zone: 'sa-east-1b' };
    bench.clouds.engine.setChaos([{ id: 't', what: 'typeMissing', where: { cloud: 'aws' }, args: missing, from: 0 }]);
    const offers = await ec2(
      'Action=DescribeInstanceTypeOfferings&LocationType=availability-zone&Filter.1.Name=instance-type&Filter.1.Value.1=t3.medium',
    );
    expect([...offers.text.matchAll(/<location>(.*?)</g)].map((m) => m[1])).toEqual(['sa-east-1a', 'sa-east-1c']);
    bench.clouds.engine.setChaos([]);
  });
});
