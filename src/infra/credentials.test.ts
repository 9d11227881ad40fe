import { execFile } from 'node:child_process';
import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { manualClock } from '../kernel/index.ts';
import { credentialArgs, credentialsFor, kubeCredential } from './adapters/credentials/index.ts';
import { writeKubeconfig } from './adapters/kubeconfig.ts';
import { kubeconfigText } from './kubeconfig.ts';
import type { AuthTarget, ClusterOutput, Outputs } from './model.ts';
import { labPlace } from './testing/lab.ts';

const EKS: AuthTarget = { kind: 'eks', name: 'shop-sao', region: 'sa-east-1', account: '111122223333', profile: null };
const AKS: AuthTarget = { kind: 'aks', name: 'shop-mtl', tenant: 'tenant-1', subscription: 'sub-1' };
const GKE: AuthTarget = { kind: 'gke', name: 'shop-syd', project: 'p', location: 'australia-southeast1' };
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const googleKey = JSON.stringify({
  type: 'service_account',
  client_email: 'tw@p.iam.gserviceaccount.com',
  private_key_id: 'kid1',
  private_key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
});
const IDENTITIES = {
  AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret-of-aws',
  ARM_CLIENT_ID: 'client-1',
  ARM_CLIENT_SECRET: 'secret-of-azure',
  GOOGLE_CREDENTIALS: googleKey,
};

let dir = '';
let server: Server;
let base = '';
const asked: {
  url: string;
  form: URLSearchParams;
  authorization?: string | undefined;
  proxyLogin?: string | undefined;
}[] = [];
let answer: { status: number; body: unknown } = { status: 200, body: {} };

const text = async (req: IncomingMessage): Promise<string> => {
  let body = '';
  for await (const part of req) body += String(part);
  return body;
};
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-cred-'));
  server = createServer((req, res) => {
    void text(req).then((body) => {
      asked.push({ url: req.url ?? '', form: new URLSearchParams(body), authorization: req.headers.authorization });
      res.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    });
  });
  // also a CONNECT proxy, as the sandbox's door is
  server.on('connect', (req, client, head) => {
    asked.push({
      url: `CONNECT ${req.url}`,
      form: new URLSearchParams(),
      proxyLogin: req.headers['proxy-authorization'],
    });
    const upstream = connect(Number(new URL(base).port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  asked.length = 0;
  answer = { status: 200, body: { access_token: 'a-token', expires_in: 3600 } };
});

const START = Date.parse('2026-03-01T12:00:00Z');
const place = (n: string, change = {}) =>
  labPlace(join(dir, n), {
    env: IDENTITIES,
    endpoints: { 'azure.login': base, 'google.token': `${base}/token` },
    ...change,
  });
const output = (auth: AuthTarget): ClusterOutput => ({
  name: 'n',
  endpoint: 'https://198.18.1.10',
  ca: 'Q0E=',
  issuer: 'i',
  network: 'n',
  auth,
});

describe('tokens', () => {
  it('EKS: a presigned STS call with the cluster in it, made without network', async () => {
    const clock = manualClock(START);
    const { token, expires } = await credentialsFor(output(EKS), place('eks'), clock, {}).token();
    expect(token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
    const url = new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
    expect(url.host).toBe('sts.sa-east-1.amazonaws.com');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Expires': '60',
      'X-Amz-Date': '20260301T120000Z',
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
      'X-Amz-Credential': 'AKIAEXAMPLE/20260301/sa-east-1/sts/aws4_request',
    });
    expect(url.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
    expect(expires - START).toBeLessThan(15 * 60_000);
    expect(asked).toEqual([]);
  });

  it('AKS: client credentials for the AKS application, of this tenant', async () => {
    const { token, expires } = await credentialsFor(output(AKS), place('aks'), manualClock(START), {}).token();
    expect(token).toBe('a-token');
    expect(expires).toBe(START + 3600_000);
    expect(asked[0]?.url).toBe('/tenant-1/oauth2/v2.0/token');
    expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client-1',
      client_secret: 'secret-of-azure',
      scope: '6dae42f8-4368-4678-94ff-3960e28e3630/.default',
    });
  });

  it('GKE: an assertion that Google can verify', async () => {
    await credentialsFor(output(GKE), place('gke'), manualClock(START), {}).token();
    const [head = '', claims = '', signature = ''] = (asked[0]?.form.get('assertion') ?? '').split('.');
    expect(
      verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), keys.publicKey, Buffer.from(signature, 'base64url')),
    ).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'tw@p.iam.gserviceaccount.com',
      aud: 'https://oauth2.googleapis.com/token',
      iat: START / 1000,
    });
  });

  it('AKS: the token of a workflow instead of a secret', async () => {
    const { ARM_CLIENT_SECRET: _, ...rest } = IDENTITIES;
    const oidc = {
      ARM_USE_OIDC: 'true',
      ACTIONS_ID_TOKEN_REQUEST_URL: `${base}/oidc?version=2`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-job',
    };
    const p = place('aks-oidc', { env: { ...rest, ...oidc } });
    answer = { status: 200, body: { value: 'jwt-1', access_token: 'a-token', expires_in: 3600 } };
    const { token } = await credentialsFor(output(AKS), p, manualClock(START), {}).token();
    expect(token).toBe('a-token');
    expect(asked[0]?.url).toBe('/oidc?version=2&audience=api%3A%2F%2FAzureADTokenExchange');
    expect(asked[0]?.authorization).toBe('Bearer of-the-job');
    expect(Object.fromEntries(asked[1]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client-1',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'jwt-1',
      scope: '6dae42f8-4368-4678-94ff-3960e28e3630/.default',
    });
    answer = { status: 403, body: { message: 'no' } };
    const fresh = { ...place('aks-oidc-no'), env: p.env };
    await expect(credentialsFor(output(AKS), fresh, manualClock(START), {}).token()).rejects.toMatchObject({
      problem: { code: 'TW2201', why: [expect.stringContaining('answers 403') as string] },
    });
  });

  it.each([
    ['of the federated identity', undefined, 'sts-token', START + 600_000],
    ['of a service account', '/acting', 'acting-token', Date.parse('2026-03-01T12:30:00Z')],
  ])('GKE: a token for the token of a workflow, %s', async (_, acting, token, expires) => {
    const file = join(dir, `external-${token}.json`);
    const headers = { authorization: 'Bearer of-the-job' };
    const key = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/github',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${base}/sts`,
      credential_source: { url: `${base}/oidc`, headers, format: { type: 'json', subject_token_field_name: 'value' } },
      ...(acting === undefined ? {} : { service_account_impersonation_url: `${base}${acting}` }),
    };
    writeFileSync(file, JSON.stringify(key));
    const expireTime = '2026-03-01T12:30:00Z';
    answer = {
      status: 200,
      body: { value: 'jwt-1', access_token: 'sts-token', expires_in: 600, accessToken: 'acting-token', expireTime },
    };
    const p = place(`gke-${token}`, { env: { GOOGLE_APPLICATION_CREDENTIALS: file } });
    expect(await credentialsFor(output(GKE), p, manualClock(START), {}).token()).toEqual({ token, expires });
    expect(asked.map((a) => a.url)).toEqual(['/oidc', '/sts', ...(acting === undefined ? [] : [acting])]);
    expect(asked[1]?.form.get('subject_token')).toBe('jwt-1');
    expect(asked[1]?.form.get('audience')).toBe(key.audience);
    expect(asked[2]?.authorization).toBe(acting === undefined ? undefined : 'Bearer sts-token');
  });

  it('go through the proxy with its login', async () => {
    const url = base.replace('http://', 'http://tw:pa%2Fss@');
    await credentialsFor(output(AKS), place('proxy', { proxyUrl: url }), manualClock(START), {}).token();
    expect(asked.map((a) => a.url)).toContain('/tenant-1/oauth2/v2.0/token');
    expect(asked[0]?.proxyLogin).toBe(`Basic ${Buffer.from('tw:pa/ss').toString('base64')}`);
  });

  it('are kept in 0600 files until a minute before their end, for one identity only', async () => {
    const p = place('cache');
    const clock = manualClock(START);
    const get = credentialsFor(output(AKS), p, clock, {});
    await get.token();
    clock.advance(3600_000 - 61_000);
    await get.token();
    expect(asked).toHaveLength(1);
    clock.advance(2000);
    await get.token();
    expect(asked).toHaveLength(2);
    await credentialsFor(output(AKS), { ...p, env: { ...IDENTITIES, ARM_CLIENT_ID: 'other' } }, clock, {}).token();
    expect(asked).toHaveLength(3);
    const tokens = join(dir, 'cache', 'tokens');
    expect(readdirSync(tokens)).toHaveLength(2);
    for (const f of readdirSync(tokens)) {
      expect(statSync(join(tokens, f)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(tokens, f), 'utf8')).not.toContain('secret-of-azure');
    }
  });

  it.each([
    ['no keys', EKS, {}, 'TW2201'],
    ['no client', AKS, {}, 'TW2201'],
    ['no key file', GKE, { HOME: '/nonexistent' }, 'TW2201'],
    ['a key that cannot sign', GKE, { GOOGLE_CREDENTIALS: '{"client_email":"x","private_key":"no"}' }, 'TW2201'],
  ] as const)('%s: says which cloud', async (name, target, env, code) => {
    const p = place(`bad-${name}`, { env });
    await expect(credentialsFor(output(target), p, manualClock(START), {}).token()).rejects.toMatchObject({ code });
  });

  it('tells a refusal from a cloud that does not answer', async () => {
    answer = {
      status: 401,
      body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' },
    };
    await expect(credentialsFor(output(AKS), place('401'), manualClock(START), {}).token()).rejects.toMatchObject({
      code: 'TW2201',
      problem: { why: ['AADSTS7000215: Invalid client secret provided.'] },
    });
    answer = { status: 503, body: {} };
    await expect(credentialsFor(output(AKS), place('503'), manualClock(START), {}).token()).rejects.toMatchObject({
      code: 'TW2202',
    });
  });

  it('AWS keys come from the named profile, and from no other', async () => {
    const file = join(dir, 'credentials');
    writeFileSync(
      file,
      '[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = x\n\n[work]\naws_access_key_id=AKIAWORK\naws_secret_access_key=y\n',
    );
    const env = { ...IDENTITIES, AWS_SHARED_CREDENTIALS_FILE: file };
    const of = async (profile: string | null): Promise<string> => {
      const t = await credentialsFor(
        output({ ...EKS, profile } as AuthTarget),
        place(`p-${profile}`, { env }),
        manualClock(START),
        {},
      ).token();
      return Buffer.from(t.token.slice(11), 'base64url').toString();
    };
    expect(await of('work')).toContain('AKIAWORK');
    expect(await of(null)).toContain('AKIAEXAMPLE');
    await expect(of('absent')).rejects.toMatchObject({ code: 'TW2201' });
  });
});

describe('kubeconfig', () => {
  const outputs: Outputs = {
    sao: output(EKS),
    mtl: output(AKS),
    syd: { ...output(GKE), ca: null },
    old: output({ kind: 'kubeconfig', file: '/f', context: 'c' }),
  };
  interface Kubeconfig {
    'current-context': string;
    clusters: { name: string; cluster: Record<string, string> }[];
    contexts: { name: string; context: { cluster: string; user: string } }[];
    users: { name: string; user: { exec: { command: string; args: string[]; interactiveMode: string } } }[];
  }

  it('names contexts by cluster and carries all that the plugin needs', () => {
    const yaml = kubeconfigText({
      fleet: 'shop',
      outputs,
      tw: ['/n/node', '/t/tw'],
      credentials: '/k.json',
      cache: '/c',
      proxyUrl: 'http://tw:x@127.0.0.1:1',
    });
    const k = parse(yaml) as Kubeconfig;
    expect(k['current-context']).toBe('sao');
    expect(k.contexts.map((c) => [c.name, c.context])).toEqual(
      ['sao', 'mtl', 'syd'].map((n) => [n, { cluster: n, user: `tradewind/shop/${n}` }]),
    );
    expect(k.clusters[0]?.cluster).toEqual({
      server: 'https://198.18.1.10',
      'certificate-authority-data': 'Q0E=',
      'proxy-url': 'http://tw:x@127.0.0.1:1',
    });
    expect(k.clusters[2]?.cluster).not.toHaveProperty('certificate-authority-data');
    expect(k.users[0]?.user.exec).toMatchObject({ command: '/n/node', interactiveMode: 'Never' });
    expect(k.users[0]?.user.exec.args).toEqual([
      '/t/tw',
      'kube-credential',
      '--cluster',
      'sao',
      '--kind',
      'eks',
      '--name',
      'shop-sao',
      '--region',
      'sa-east-1',
      '--account',
      '111122223333',
      '--credentials',
      '/k.json',
      '--cache',
      '/c',
    ]);
  });

  it('is a 0600 file without secrets, and its plugin answers with an ExecCredential', async () => {
    const path = join(dir, 'kube', 'config');
    const p = place('kube');
    writeKubeconfig(outputs, p, path, { fleet: 'shop' });
    const yaml = readFileSync(path, 'utf8');
    expect(yaml).not.toMatch(/secret-of|AKIA|PRIVATE KEY/);
    for (const f of [path, `${path}.credentials.json`]) expect(statSync(f).mode & 0o777).toBe(0o600);
    const args = (parse(yaml) as Kubeconfig).users[1]?.user.exec.args ?? [];
    const answerText = await kubeCredential(
      credentialArgs(args.slice(args.indexOf('kube-credential') + 1)),
      { HOME: '/nonexistent' },
      manualClock(START),
    );
    expect(JSON.parse(answerText)).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'a-token', expirationTimestamp: '2026-03-01T13:00:00.000Z' },
    });
  });

  it('starts as a process of its own, and says on stderr what is wrong', async () => {
    const path = join(dir, 'kube3', 'config');
    writeKubeconfig(outputs, place('kube3'), path, { fleet: 'shop' });
    const { command, args } = (parse(readFileSync(path, 'utf8')) as Kubeconfig).users[0]?.user.exec ?? {
      command: '',
      args: [],
    };
    const run = promisify(execFile);
    const { stdout } = await run(command, args, { env: { HOME: dir } });
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'ExecCredential',
      status: { token: expect.stringMatching(/^k8s-aws-v1\./) as string },
    });
    const broken = args.filter((a) => a !== '--region' && a !== 'sa-east-1');
    await expect(run(command, broken, { env: { HOME: dir } })).rejects.toMatchObject({
      code: 3,
      stderr: expect.stringContaining('missing --region') as string,
    });
  });

  it('writes no identity where the place brings none', () => {
    const path = join(dir, 'kube2', 'config');
    writeKubeconfig(outputs, place('kube2', { env: { TF_CLI_CONFIG_FILE: '/x' } }), path, { fleet: 'shop' });
    expect(JSON.parse(readFileSync(`${path}.credentials.json`, 'utf8'))).toMatchObject({ env: {} });
  });
});
