import type { NamedAccounts } from '../model.ts';
import { googleKey } from './auth/tokens.ts';
import { drawOf } from './draw.ts';

/** Addresses of the clouds' APIs inside the sandbox, plain HTTP. */
const ADDRESS = { aws: '198.19.0.10', azure: '198.19.0.11', google: '198.19.0.12', dns: '198.19.0.53' } as const;

const FIXED = {
  aws: { account: '111122223333' },
  azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '66666666-7777-4888-9999-000000000000' },
  gcp: { project: 'tradewind-demo' },
} as const satisfies NamedAccounts;

/** The one account, subscription and project of a sandbox, with the principal terraform and `tw` act as. */
export interface Accounts {
  aws: { account: string; accessKey: string; secretKey: string; principal: string; userId: string };
  azure: { subscription: string; tenant: string; clientId: string; clientSecret: string; objectId: string };
  google: { project: string; number: string; email: string; clientId: string; keyId: string };
}

/** Named accounts, drawn keys: the same seed gives the same credentials, another sandbox refuses them. */
export function accountsOf(seed: number, named: NamedAccounts = {}): Accounts {
  const d = drawOf(seed, 'accounts');
  const { account } = named.aws ?? FIXED.aws;
  const { subscription, tenant } = named.azure ?? FIXED.azure;
  const { project } = named.gcp ?? FIXED.gcp;
  return {
    aws: {
      account,
      accessKey: `AKIA${d.upper('aws key', 16)}`,
      secretKey: d.hex('aws secret', 40),
      principal: `arn:aws:iam::${account}:user/tradewind`,
      userId: `AIDA${d.upper('aws user', 17)}`,
    },
    azure: {
      subscription,
      tenant,
      clientId: d.uuid('azure client'),
      clientSecret: d.hex('azure secret', 40),
      objectId: d.uuid('azure object'),
    },
    google: {
      project,
      number: '424242424242',
      email: `tradewind@${project}.iam.gserviceaccount.com`,
      clientId: d.digits('google client', 21),
      keyId: d.hex('google key', 40),
    },
  };
}

/** Environment of terraform and `tw` in the sandbox, and where they find the clouds' sign-in. */
export interface FakeCredentials {
  env: Record<string, string>;
  /** Keys `aws.sts`, `azure.login`, `azure.arm`, `google.token`, …: base URLs without a trailing slash. */
  endpoints: Record<string, string>;
}

/** One place for every fake secret of the sandbox; drawn from the seed, worthless elsewhere. */
export function fakeCredentials(seed: number, named: NamedAccounts = {}): FakeCredentials {
  const a = accountsOf(seed, named);
  const google = {
    type: 'service_account',
    project_id: a.google.project,
    private_key_id: a.google.keyId,
    private_key: googleKey(seed).privatePem,
    client_email: a.google.email,
    client_id: a.google.clientId,
    auth_uri: `http://${ADDRESS.google}/o/oauth2/auth`,
    token_uri: `http://${ADDRESS.google}/token`,
    universe_domain: 'googleapis.com',
  };
  return {
    env: {
      AWS_ACCESS_KEY_ID: a.aws.accessKey,
      AWS_SECRET_ACCESS_KEY: a.aws.secretKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      ARM_CLIENT_ID: a.azure.clientId,
      ARM_CLIENT_SECRET: a.azure.clientSecret,
      ARM_TENANT_ID: a.azure.tenant,
      ARM_SUBSCRIPTION_ID: a.azure.subscription,
      AZURE_CLIENT_ID: a.azure.clientId,
      AZURE_CLIENT_SECRET: a.azure.clientSecret,
      AZURE_TENANT_ID: a.azure.tenant,
      GOOGLE_CREDENTIALS: JSON.stringify(google),
      GOOGLE_PROJECT: a.google.project,
    },
    endpoints: {
      'aws.sts': `http://${ADDRESS.aws}`,
      'aws.ec2': `http://${ADDRESS.aws}`,
      'aws.eks': `http://${ADDRESS.aws}`,
      'aws.elasticloadbalancing': `http://${ADDRESS.aws}`,
      'aws.servicequotas': `http://${ADDRESS.aws}`,
      'azure.login': `http://${ADDRESS.azure}`,
      'azure.arm': `http://${ADDRESS.azure}`,
      'google.token': `http://${ADDRESS.google}/token`,
      'google.compute': `http://${ADDRESS.google}`,
      'google.container': `http://${ADDRESS.google}`,
      'google.projects': `http://${ADDRESS.google}`,
    },
  };
}
