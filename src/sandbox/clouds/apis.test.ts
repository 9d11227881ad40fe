import { createSign } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import packet from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeCredentials } from './credentials.ts';
import { type Bench, openBench } from './harness.ts';
import type { Obj, Who } from './model.ts';

const SEED = 11;
const creds = fakeCredentials(SEED);
const HOST = '127.0.0.1';
let bench: Bench;
let base: Record<'aws' | 'azure' | 'google', string>;

const who = (cloud: 'aws' | 'azure' | 'gcp'): Who => {
  const a = bench.clouds.accounts;
  const account = { aws: a.aws.account, azure: a.azure.subscription, gcp: a.google.project }[cloud];
  const region = { aws: 'sa-east-1', azure: '', gcp: 'australia-southeast1' }[cloud];
  const provider = ({ aws: 'aws', azure: 'azurerm', gcp: 'google' } as const)[cloud];
  return {
    provider,
    cloud,
    caller: 'test',
    by: 'terraform',
    account,
    region,
    tenant: a.azure.tenant,
    principal: a.aws.principal,
    tags: {},
    preventGroupDelete: false,
  };
};
const U = { $unknown: true };

/** Creates an object without terraform; its id. */
async function make(cloud: 'aws' | 'azure' | 'gcp', type: string, planned: Obj): Promise<string> {
  const { op, error } = bench.clouds.engine.submit({
    kind: 'create',
    who: who(cloud),
    type,
    planned: { id: U, ...planned },
  });
  expect(error).toBeUndefined();
  await bench.clouds.engine.settled(op ?? '');
  const done = bench.clouds.engine.world().ops.get(op ?? '');
  expect(done?.error).toBeUndefined();
  return done?.target.slice(type.length + 1) ?? '';
}

async function review(door: string, cluster: string, token: string) {
  const r = await fetch(`${door}/webhook/${cluster}`, {
    method: 'POST',
    body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }),
  });
  const body = (await r.json()) as {
    kind: string;
    apiVersion: string;
    status: { authenticated: boolean; error?: string; user?: { username: string; groups: string[] } };
  };
  expect([body.kind, body.apiVersion]).toEqual(['TokenReview', 'authentication.k8s.io/v1']);
  return body.status;
}

beforeAll(async () => {
  bench = await openBench({
    seed: SEED,
    cloudTime: 60_000,
    listen: { aws: `${HOST}:0`, azure: `${HOST}:0`, google: `${HOST}:0`, dns: `${HOST}:0` },
  });
  const { ports } = bench.clouds;
  base = {
    aws: `http://${HOST}:${ports.aws}`,
    azure: `http://${HOST}:${ports.azure}`,
    google: `http://${HOST}:${ports.google}`,
  };
});
afterAll(() => bench.close());

describe('AWS', () => {
  const signer = (secret = creds.env.AWS_SECRET_ACCESS_KEY ?? '') =>
    new SignatureV4({
      credentials: { accessKeyId: creds.env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: secret },
      region: 'sa-east-1',
      service: 'sts',
      sha256: Sha256,
    });

  async function identity(secret?: string) {
    const body = 'Action=GetCallerIdentity&Version=2011-06-15';
    const { host } = new URL(base.aws);
    const signed = await signer(secret).sign({
      method: 'POST',
      protocol: 'http:',
      hostname: host,
      path: '/',
      headers: { host, 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
    const { host: _, ...headers } = signed.headers;
    const r = await fetch(`${base.aws}/`, { method: 'POST', headers, body });
    return { status: r.status, text: await r.text() };
  }

  test('GetCallerIdentity with the right key, a wrong secret, none', async () => {
    const good = await identity();
    expect(good.status).toBe(200);
    expect(good.text).toContain('<Arn>arn:aws:iam::111122223333:user/tradewind</Arn>');
    const bad = await identity('x'.repeat(40));
    expect([bad.status, /<Code>(.*)<\/Code>/.exec(bad.text)?.[1]]).toEqual([403, 'SignatureDoesNotMatch']);
    const none = await fetch(`${base.aws}/?Action=GetCallerIdentity`);
    expect(await none.text()).toContain('MissingAuthenticationToken');
  });

  async function eksToken(name: string, o: { secret?: string; at?: Date } = {}) {
    const hostname = 'sts.sa-east-1.amazonaws.com';
    const signed = await signer(o.secret).presign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname,
        path: '/',
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: hostname, 'x-k8s-aws-id': name },
      },
      {
        expiresIn: 60,
        unsignableHeaders: new Set(),
        unhoistableHeaders: new Set(['x-k8s-aws-id']),
        ...(o.at ? { signingDate: o.at } : {}),
      },
    );
    const query = new URLSearchParams(signed.query as Record<string, string>);
    return `k8s-aws-v1.${Buffer.from(`https://${hostname}/?${query}`).toString('base64url')}`;
  }

  test('an EKS token opens the cluster whose name is signed, by its access entries', async () => {
    const role = await make('aws', 'aws_iam_role', { name: 'r', assume_role_policy: '{}', arn: U });
    const roleArn = `arn:aws:iam::111122223333:role/${role}`;
    const vpc = await make('aws', 'aws_vpc', { cidr_block: '10.10.0.0/16' });
    const subnet = await make('aws', 'aws_subnet', {
      vpc_id: vpc,
      cidr_block: '10.10.0.0/20',
      availability_zone: 'sa-east-1a',
    });
    await make('aws', 'aws_eks_cluster', {
      name: 'one',
      role_arn: roleArn,
      vpc_config: [{ subnet_ids: [subnet] }],
      endpoint: U,
    });
    expect((await review(base.aws, 'aws-one', await eksToken('one'))).error).toMatch(/no access entry/);
    const principal = 'arn:aws:iam::111122223333:user/tradewind';
    await make('aws', 'aws_eks_access_entry', { cluster_name: 'one', principal_arn: principal, user_name: U });
    expect((await review(base.aws, 'aws-one', await eksToken('one'))).user).toMatchObject({
      username: principal,
      groups: [],
    });
    await make('aws', 'aws_eks_access_policy_association', {
      cluster_name: 'one',
      principal_arn: principal,
      policy_arn: 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy',
      access_scope: [{ type: 'cluster' }],
    });
    expect((await review(base.aws, 'aws-one', await eksToken('one'))).user?.groups).toEqual(['system:masters']);
    const refused = [
      await eksToken('two'),
      await eksToken('one', { secret: 'y'.repeat(40) }),
      await eksToken('one', { at: new Date(Date.now() - 16 * 60_000) }),
      'k8s-aws-v1.x',
      '',
    ];
    for (const token of refused) expect((await review(base.aws, 'aws-one', token)).authenticated).toBe(false);
    expect((await review(base.aws, 'aws-none', await eksToken('one'))).error).toBe('no cluster aws-none');
  });
});

describe('Azure', () => {
  const { azure } = { azure: creds.env };
  const token = async (form: Record<string, string> = {}, tenant = azure.ARM_TENANT_ID) => {
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: azure.ARM_CLIENT_ID ?? '',
      client_secret: azure.ARM_CLIENT_SECRET ?? '',
      scope: '6dae42f8-4368-4678-94ff-3960e28e3630/.default',
      ...form,
    });
    const r = await fetch(`${base.azure}/${tenant}/oauth2/v2.0/token`, { method: 'POST', body });
    return {
      status: r.status,
      body: (await r.json()) as { access_token: string; expires_in: number; error_description: string },
    };
  };

  test('client credentials, and the words for wrong ones', async () => {
    expect((await token()).body.expires_in).toBe(3599);
    expect((await token({ client_secret: 'no' })).body.error_description).toMatch(/^AADSTS7000215/);
    expect((await token({ client_id: 'no' })).body.error_description).toMatch(/^AADSTS700016/);
    expect((await token({}, 'other')).body.error_description).toMatch(/^AADSTS90002/);
  });

  test('an AKS token opens a cluster on which its principal is admin', async () => {
    await make('azure', 'azurerm_resource_group', { name: 'rg', location: 'canadacentral' });
    const id = await make('azure', 'azurerm_kubernetes_cluster', {
      name: 'two',
      resource_group_name: 'rg',
      location: 'canadacentral',
      default_node_pool: [{ name: 'system', vm_size: 'Standard_B2s', node_count: 1 }],
      fqdn: U,
    });
    const t = (await token()).body.access_token;
    expect((await review(base.azure, 'azure-two', t)).user?.groups).toEqual([]);
    await make('azure', 'azurerm_role_assignment', {
      scope: id,
      role_definition_name: 'Azure Kubernetes Service RBAC Cluster Admin',
      principal_id: bench.clouds.accounts.azure.objectId,
    });
    expect((await review(base.azure, 'azure-two', t)).user?.groups).toEqual(['system:masters']);
    const other = (await token({ scope: 'https://management.azure.com/.default' })).body.access_token;
    expect((await review(base.azure, 'azure-two', other)).error).toMatch(/another application/);
    expect((await review(base.azure, 'azure-two', `${t}x`)).authenticated).toBe(false);
  });
});

describe('Google', () => {
  test('the service account key signs in; its token opens GKE only', async () => {
    const key = JSON.parse(creds.env.GOOGLE_CREDENTIALS ?? '{}') as { client_email: string; private_key: string };
    const now = Math.floor(Date.now() / 1000);
    const part = (v: object) => Buffer.from(JSON.stringify(v)).toString('base64url');
    const assertion = (exp: number, pem = key.private_key) => {
      const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iss: key.client_email, iat: now, exp })}`;
      return `${text}.${createSign('RSA-SHA256').update(text).sign(pem, 'base64url')}`;
    };
    const ask = async (jwt: string) => {
      const r = await fetch(`${base.google}/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: jwt }),
      });
      return (await r.json()) as { access_token: string; error_description?: string };
    };
    const good = await ask(assertion(now + 3600));
    await make('gcp', 'google_container_cluster', {
      name: 'three',
      location: 'australia-southeast1',
      remove_default_node_pool: true,
      endpoint: U,
    });
    expect((await review(base.google, 'gcp-three', good.access_token)).user?.groups).toEqual(['system:masters']);
    expect((await review(base.azure, 'azure-two', good.access_token)).authenticated).toBe(false);
    expect((await ask(assertion(now + 9999))).error_description).toMatch(/short-lived/);
    const foreign = JSON.parse(fakeCredentials(SEED + 1).env.GOOGLE_CREDENTIALS ?? '{}') as { private_key: string };
    expect((await ask(assertion(now + 3600, foreign.private_key))).error_description).toBe('Invalid JWT Signature.');
  });
});

describe('DNS', () => {
  const query = (name: string, type: packet.RecordType = 'A') =>
    packet.encode({ type: 'query', id: 7, flags: packet.RECURSION_DESIRED, questions: [{ type, name }] });
  const udp = (m: Buffer) =>
    new Promise<packet.DecodedPacket & { rcode: string }>((resolve, reject) => {
      const s = createSocket('udp4');
      s.once('error', reject);
      s.once('message', (d) => {
        s.close();
        resolve(packet.decode(d) as packet.DecodedPacket & { rcode: string });
      });
      s.send(m, bench.clouds.ports.dns ?? 0, HOST);
    });
  const flat = (list: packet.Answer[] | undefined) =>
    (list ?? []).map((a) => [a.name, a.type, 'data' in a ? a.data : '']);

  beforeAll(async () => {
    const zone = await make('aws', 'aws_route53_zone', { name: 'demo.tradewind.example', name_servers: U });
    const record = (name: string, type: string, records: string[]) =>
      make('aws', 'aws_route53_record', { zone_id: zone, name, type, ttl: 300, records, fqdn: U });
    await record('ns-sao.demo.tradewind.example', 'A', ['198.18.1.120']);
    await record('ns-mtl', 'A', ['198.18.2.120']);
    await record('guestbook.demo.tradewind.example', 'NS', [
      'ns-sao.demo.tradewind.example.',
      'ns-mtl.demo.tradewind.example.',
    ]);
    await record('www', 'CNAME', ['ns-sao.demo.tradewind.example.']);
    await record('a.b', 'A', ['198.18.1.7']);
  });

  test('a delegated host is a referral with glue, not an answer', async () => {
    for (const name of ['guestbook.demo.tradewind.example', 'x.GUESTBOOK.demo.tradewind.example']) {
      const r = await udp(query(name));
      expect([r.rcode, r.flag_aa, r.answers?.length]).toEqual(['NOERROR', false, 0]);
      expect(flat(r.authorities)).toEqual([
        ['guestbook.demo.tradewind.example', 'NS', 'ns-sao.demo.tradewind.example'],
        ['guestbook.demo.tradewind.example', 'NS', 'ns-mtl.demo.tradewind.example'],
      ]);
      expect(flat(r.additionals)).toEqual([
        ['ns-sao.demo.tradewind.example', 'A', '198.18.1.120'],
        ['ns-mtl.demo.tradewind.example', 'A', '198.18.2.120'],
      ]);
    }
  });

  test('answers, CNAME, NODATA, NXDOMAIN with SOA, apex', async () => {
    expect(flat((await udp(query('www.demo.tradewind.example'))).answers)).toEqual([
      ['www.demo.tradewind.example', 'CNAME', 'ns-sao.demo.tradewind.example'],
      ['ns-sao.demo.tradewind.example', 'A', '198.18.1.120'],
    ]);
    const noData = await udp(query('ns-sao.demo.tradewind.example', 'AAAA'));
    expect([noData.rcode, noData.flag_aa, noData.authorities?.[0]?.type]).toEqual(['NOERROR', true, 'SOA']);
    const empty = await udp(query('b.demo.tradewind.example'));
    expect([empty.rcode, empty.answers?.length]).toEqual(['NOERROR', 0]);
    const nx = await udp(query('nothing.demo.tradewind.example'));
    expect([nx.rcode, nx.flag_aa, nx.authorities?.[0]?.type]).toEqual(['NXDOMAIN', true, 'SOA']);
    expect((await udp(query('example.org'))).rcode).toBe('NXDOMAIN');
    expect((await udp(query('demo.tradewind.example', 'NS'))).answers).toHaveLength(4);
  });

  test('API endpoints of clusters and the clouds', async () => {
    const eks = [...bench.machines.clusters.values()].find((c) => c.id === 'aws-one');
    expect((await udp(query(eks?.dnsName ?? ''))).answers).toMatchObject([
      { type: 'A', data: expect.stringMatching(/^198\.18\./) as string },
    ]);
    expect(flat((await udp(query('sts.sa-east-1.amazonaws.com'))).answers)[0]?.[2]).toBe('198.19.0.10');
  });

  test('the header is looked at first', async () => {
    const two = query('a.example');
    two.writeUInt16BE(2, 4);
    expect((await udp(two)).rcode).toBe('FORMERR');
    const update = query('a.example');
    update[2] = 0x28;
    expect((await udp(update)).rcode).toBe('NOTIMP');
  });

  test('two questions over one TCP connection', async () => {
    const s = connect(bench.clouds.ports.dns ?? 0, HOST);
    const got: Buffer[] = [];
    const framed = ['ns-sao.demo.tradewind.example', 'a.b.demo.tradewind.example'].map((n) =>
      packet.streamEncode({ type: 'query', id: 1, questions: [{ type: 'A', name: n }] }),
    );
    s.write(Buffer.concat(framed));
    const size = () => got.reduce((n, b) => n + b.length, 0);
    await new Promise<void>((resolve, reject) => {
      s.on('error', reject);
      s.on('data', (d: Buffer) => {
        got.push(d);
        if (size() > 110) resolve();
      });
    });
    s.destroy();
    const all = Buffer.concat(got);
    const first = packet.streamDecode(all);
    const second = packet.streamDecode(all.subarray(2 + all.readUInt16BE(0)));
    expect([...flat(first.answers), ...flat(second.answers)].map((a) => a[2])).toEqual(['198.18.1.120', '198.18.1.7']);
  });
});
