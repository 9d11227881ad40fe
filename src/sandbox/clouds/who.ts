import type { Accounts } from './credentials.ts';
import type { Chaos, CloudError, Data, Obj, ProviderName, Who } from './model.ts';
import { fail } from './rules/rule.ts';
import { at, isObj, str, stringMap, strings } from './values.ts';

/** What the provider process tells of itself with every question. */
export interface Meta {
  provider: ProviderName;
  caller: string;
  config: Obj | null;
  env: Record<string, string>;
}

const CLOUD_OF = { aws: 'aws', azurerm: 'azure', google: 'gcp' } as const;

const first = (...values: (string | undefined)[]): string => values.find((v) => v !== undefined && v !== '') ?? '';

/** Who asks, as the real provider would read its configuration and environment. */
export function whoOf(m: Meta, a: Accounts): Who {
  const base = {
    provider: m.provider,
    cloud: CLOUD_OF[m.provider],
    caller: m.caller,
    by: 'terraform' as const,
    preventGroupDelete: preventsGroupDelete(m),
  };
  const c = m.config;
  if (m.provider === 'aws') {
    const region = first(str(c, 'region'), m.env.AWS_REGION, m.env.AWS_DEFAULT_REGION);
    const tags = stringMap(at(c, 'default_tags.tags'));
    return { ...base, account: a.aws.account, region, tenant: '', principal: a.aws.principal, tags };
  }
  if (m.provider === 'azurerm') {
    const account = first(str(c, 'subscription_id'), m.env.ARM_SUBSCRIPTION_ID);
    return { ...base, account, region: '', tenant: azureTenant(m, a), principal: a.azure.clientId, tags: {} };
  }
  const region = first(str(c, 'region'), m.env.GOOGLE_REGION);
  return {
    ...base,
    account: projectOf(m),
    region,
    tenant: '',
    principal: a.google.email,
    tags: stringMap(c?.default_labels),
  };
}

function preventsGroupDelete(m: Meta): boolean {
  return (
    m.provider === 'azurerm' && at(m.config, 'features.resource_group.prevent_deletion_if_contains_resources') !== false
  );
}

function googleKey(m: Meta): Obj | undefined {
  const raw = first(str(m.config, 'credentials'), m.env.GOOGLE_CREDENTIALS);
  try {
    const key: unknown = JSON.parse(raw);
    return isObj(key as Data) ? (key as Obj) : undefined;
  } catch {
    return undefined;
  }
}
const projectOf = (m: Meta): string =>
  first(str(m.config, 'project'), m.env.GOOGLE_PROJECT, str(googleKey(m)?.project_id));

/** The credentials as the cloud sees them: right, wrong, expired, or of another account or tenant. */
type Verdict = 'ok' | 'absent' | 'wrong' | 'expired' | 'account' | 'tenant';

function verdictOf(m: Meta, a: Accounts, chaos: Chaos[]): Verdict {
  const cloud = CLOUD_OF[m.provider];
  const bad = chaos.find(
    (c) => c.what === 'credentials' && (c.where.cloud ?? cloud) === cloud && c.where.cluster === undefined,
  );
  if (bad) return verdictNamed(str(bad.args.how));
  if (m.provider === 'aws') return awsVerdict(m, a);
  return m.provider === 'azurerm' ? azureVerdict(m, a) : googleVerdict(m, a);
}
const verdictNamed = (how: string): Verdict => (how === 'expired' || how === 'account' ? how : 'wrong');

function awsVerdict(m: Meta, a: Accounts): Verdict {
  const key = first(str(m.config, 'access_key'), m.env.AWS_ACCESS_KEY_ID);
  if (!key) return 'absent';
  const secret = first(str(m.config, 'secret_key'), m.env.AWS_SECRET_ACCESS_KEY);
  return key === a.aws.accessKey && secret === a.aws.secretKey ? 'ok' : 'wrong';
}
function azureVerdict(m: Meta, a: Accounts): Verdict {
  const id = first(str(m.config, 'client_id'), m.env.ARM_CLIENT_ID);
  const secret = first(str(m.config, 'client_secret'), m.env.ARM_CLIENT_SECRET);
  if (!id || !secret) return 'absent';
  if (id !== a.azure.clientId || secret !== a.azure.clientSecret) return 'wrong';
  if (azureTenant(m, a) !== a.azure.tenant) return 'tenant';
  const sub = first(str(m.config, 'subscription_id'), m.env.ARM_SUBSCRIPTION_ID);
  return sub === a.azure.subscription ? 'ok' : 'account';
}
const azureTenant = (m: Meta, a: Accounts): string =>
  first(str(m.config, 'tenant_id'), m.env.ARM_TENANT_ID, a.azure.tenant);

function googleVerdict(m: Meta, a: Accounts): Verdict {
  const key = googleKey(m);
  if (!key) return 'absent';
  if (key.private_key_id !== a.google.keyId || key.client_email !== a.google.email) return 'wrong';
  return projectOf(m) === a.google.project ? 'ok' : 'account';
}

/** The error the real provider shows for these credentials when it is configured; Google's comes with the first call. */
export function configureError(m: Meta, a: Accounts, chaos: Chaos[]): CloudError | undefined {
  const verdict = verdictOf(m, a, chaos);
  if (m.provider === 'aws') return verdict === 'ok' ? wrongAccount(m, a.aws.account) : awsError(m, verdict);
  if (verdict === 'ok') return undefined;
  return m.provider === 'azurerm' ? azureError(m, a, verdict) : googleConfigureError(verdict);
}

function wrongAccount(m: Meta, account: string): CloudError | undefined {
  const allowed = strings(m.config, 'allowed_account_ids');
  return allowed.length === 0 || allowed.includes(account)
    ? undefined
    : fail(403, 'AccountNotAllowed', `AWS account ID not allowed: ${account}`);
}

function awsError(m: Meta, verdict: Verdict): CloudError | undefined {
  if (verdict === 'account') return fail(403, 'AccountNotAllowed', 'AWS account ID not allowed: 999900001111');
  if (verdict === 'absent') {
    return fail(
      0,
      'NoCredentials',
      'No valid credential sources found\n\nPlease see https://registry.terraform.io/providers/hashicorp/aws\nfor more information about providing credentials.\n\nError: failed to refresh cached credentials, no EC2 IMDS role found',
    );
  }
  const api =
    verdict === 'expired'
      ? 'ExpiredToken: The security token included in the request is expired'
      : 'InvalidClientTokenId: The security token included in the request is invalid.';
  return fail(
    403,
    api.split(':')[0] ?? '',
    `Retrieving AWS account details: validating provider credentials: retrieving caller identity from STS: operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: ${requestId(m)}, api error ${api}`,
  );
}
const requestId = (m: Meta): string =>
  `${m.caller.slice(0, 8)}-0000-4000-8000-${m.caller.slice(8, 20).padEnd(12, '0')}`;

function azureError(m: Meta, a: Accounts, verdict: Verdict): CloudError | undefined {
  const app = first(str(m.config, 'client_id'), m.env.ARM_CLIENT_ID);
  const sub = first(str(m.config, 'subscription_id'), m.env.ARM_SUBSCRIPTION_ID);
  if (verdict === 'absent') {
    return fail(
      0,
      'NoCredentials',
      'unable to build authorizer for Resource Manager API: could not configure AzureCli Authorizer: could not parse Azure CLI version: launching Azure CLI: exec: "az": executable file not found in $PATH',
    );
  }
  if (verdict === 'account') {
    return fail(
      404,
      'SubscriptionNotFound',
      `building account: unexpected status 404 (404 Not Found) with error: SubscriptionNotFound: The subscription '${sub}' could not be found.`,
    );
  }
  if (verdict === 'tenant') return unknownTenant(azureTenant(m, a));
  const text =
    verdict === 'expired'
      ? `AADSTS7000222: The provided client secret keys for app '${app}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`
      : `AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${app}'.`;
  return fail(
    401,
    text.split(':')[0] ?? '',
    `building account: could not acquire access token to parse claims: clientCredentialsToken: received HTTP status 401 with response: {"error":"invalid_client","error_description":"${text}"}`,
  );
}

function unknownTenant(tenant: string): CloudError {
  const text = `AADSTS90002: Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`;
  return fail(
    400,
    'AADSTS90002',
    `building account: could not acquire access token to parse claims: clientCredentialsToken: received HTTP status 400 with response: {"error":"invalid_request","error_description":"${text}"}`,
  );
}

function googleConfigureError(verdict: Verdict): CloudError | undefined {
  if (verdict !== 'absent') return undefined;
  return fail(
    0,
    'NoCredentials',
    "Attempted to load application default credentials since neither `credentials` nor `access_token` was set in the provider block.  No credentials loaded. To use your gcloud credentials, run 'gcloud auth application-default login'",
  );
}

/** What a call answers to these credentials once the provider is configured. */
export function callError(m: Meta, a: Accounts, chaos: Chaos[]): CloudError | undefined {
  const verdict = verdictOf(m, a, chaos);
  if (verdict === 'ok') return undefined;
  if (m.provider === 'aws') return awsError(m, verdict);
  if (m.provider === 'azurerm') return azureError(m, a, verdict);
  if (verdict === 'account') {
    return fail(
      403,
      'forbidden',
      `googleapi: Error 403: Permission denied on resource project ${projectOf(m) || 'unknown'}., forbidden`,
    );
  }
  const text =
    verdict === 'expired'
      ? 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.'
      : 'Invalid JWT Signature.';
  return fail(400, 'invalid_grant', `oauth2: "invalid_grant" "${text}"`);
}
