import { type Context, Hono } from 'hono';
import { review } from '../auth/review.ts';
import { verify } from '../auth/sigv4.ts';
import { googleKey, issue, readAssertion } from '../auth/tokens.ts';
import type { Accounts } from '../credentials.ts';
import { drawOf } from '../draw.ts';
import type { CloudName } from '../model.ts';
import { str } from '../values.ts';
import type { Engine } from './engine.ts';

export interface ApiDeps {
  engine: Engine;
  accounts: Accounts;
  seed: number;
}
const HOUR = 3_600_000;

/** `wrong`, `expired`, `account` while chaos spoils a cloud's credentials. */
function spoiled(d: ApiDeps, cloud: CloudName): string | undefined {
  const c = d.engine.chaos().find((x) => x.what === 'credentials' && (x.where.cloud ?? cloud) === cloud);
  return c && (str(c.args.how) || 'wrong');
}

/** TokenReview v1 of every cluster's API server, on all three doors. */
function webhook(app: Hono, d: ApiDeps): void {
  app.post('/webhook/:cluster', async (c) => {
    const body = (await c.req.json()) as { spec?: { token?: string } };
    const input = {
      world: d.engine.world(),
      accounts: d.accounts,
      chaos: d.engine.chaos(),
      seed: d.seed,
      now: d.engine.now(),
    };
    const user = review(input, c.req.param('cluster'), body.spec?.token ?? '');
    const status =
      typeof user === 'string'
        ? { authenticated: false, error: user }
        : { authenticated: true, user: { username: user.username, uid: user.username, groups: user.groups } };
    return c.json({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status });
  });
}

const requestId = (d: ApiDeps, c: Context): string => drawOf(d.seed, `${d.engine.now()} ${c.req.url}`).uuid('request');

function awsError(d: ApiDeps, c: Context, code: string, message: string): Response {
  const xml = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <Error>\n    <Type>Sender</Type>\n    <Code>${code}</Code>\n    <Message>${message}</Message>\n  </Error>\n  <RequestId>${requestId(d, c)}</RequestId>\n</ErrorResponse>\n`;
  return c.body(xml, code === 'InvalidAction' ? 400 : 403, { 'content-type': 'text/xml' });
}

/** STS over query XML: GetCallerIdentity, signature verified. */
export function awsApp(d: ApiDeps): Hono {
  const app = new Hono();
  webhook(app, d);
  app.on(['GET', 'POST'], '/', async (c) => {
    const body = c.req.method === 'POST' ? await c.req.text() : '';
    const url = new URL(c.req.url);
    const action = new URLSearchParams(body).get('Action') ?? url.searchParams.get('Action');
    const how = spoiled(d, 'aws');
    if (how === 'expired')
      return awsError(d, c, 'ExpiredToken', 'The security token included in the request is expired');
    if (how === 'wrong')
      return awsError(d, c, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
    const verdict = verify({ method: c.req.method, url, headers: c.req.header(), body }, d.accounts, d.engine.now());
    if (!verdict.ok) return awsError(d, c, verdict.code, verdict.message);
    if (action !== 'GetCallerIdentity')
      return awsError(d, c, 'InvalidAction', `Could not find operation ${action} for version 2011-06-15`);
    const account = how === 'account' ? '999900001111' : verdict.account;
    const arn = verdict.principal.replace(verdict.account, account);
    const xml = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <GetCallerIdentityResult>\n    <Arn>${arn}</Arn>\n    <UserId>${verdict.userId}</UserId>\n    <Account>${account}</Account>\n  </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>${requestId(d, c)}</RequestId>\n  </ResponseMetadata>\n</GetCallerIdentityResponse>\n`;
    return c.body(xml, 200, { 'content-type': 'text/xml' });
  });
  return app;
}

/** Entra ID, client credentials only. */
export function azureApp(d: ApiDeps): Hono {
  const app = new Hono();
  webhook(app, d);
  app.post('/:tenant/oauth2/v2.0/token', async (c) => {
    const form = new URLSearchParams(await c.req.text());
    const fault = entraFault(d, c.req.param('tenant'), form);
    if (fault)
      return c.json(
        {
          error: fault.error,
          error_description: fault.text,
          error_codes: [Number(/AADSTS(\d+)/.exec(fault.text)?.[1])],
          correlation_id: requestId(d, c),
        },
        fault.error === 'invalid_client' ? 401 : 400,
      );
    const audience = (form.get('scope') ?? '').replace(/\/\.default$/, '');
    const token = issue(d.seed, {
      cloud: 'azure',
      subject: d.accounts.azure.objectId,
      audience,
      expires: d.engine.now() + HOUR,
    });
    return c.json({
      token_type: 'Bearer',
      expires_in: HOUR / 1000 - 1,
      ext_expires_in: HOUR / 1000 - 1,
      access_token: token,
    });
  });
  app.get('/subscriptions/:id', (c) => {
    const { subscription, tenant } = d.accounts.azure;
    if (c.req.param('id') !== subscription)
      return c.json(
        {
          error: {
            code: 'SubscriptionNotFound',
            message: `The subscription '${c.req.param('id')}' could not be found.`,
          },
        },
        404,
      );
    return c.json({
      id: `/subscriptions/${subscription}`,
      subscriptionId: subscription,
      tenantId: tenant,
      displayName: 'Sandbox',
      state: 'Enabled',
    });
  });
  return app;
}

function entraFault(d: ApiDeps, tenant: string, form: URLSearchParams): { error: string; text: string } | undefined {
  const a = d.accounts.azure;
  const how = spoiled(d, 'azure');
  if (how === 'expired')
    return {
      error: 'invalid_client',
      text: `AADSTS7000222: The provided client secret keys for app '${a.clientId}' are expired.`,
    };
  if (tenant !== a.tenant)
    return {
      error: 'invalid_request',
      text: `AADSTS90002: Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    };
  if (form.get('grant_type') !== 'client_credentials')
    return {
      error: 'unsupported_grant_type',
      text: `AADSTS70003: The app requested an unsupported grant type '${form.get('grant_type')}'.`,
    };
  if (form.get('client_id') !== a.clientId)
    return {
      error: 'unauthorized_client',
      text: `AADSTS700016: Application with identifier '${form.get('client_id')}' was not found in the directory 'Sandbox'.`,
    };
  if (how !== undefined || form.get('client_secret') !== a.clientSecret)
    return {
      error: 'invalid_client',
      text: `AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${a.clientId}'.`,
    };
  return (form.get('scope') ?? '').endsWith('/.default')
    ? undefined
    : {
        error: 'invalid_scope',
        text: 'AADSTS1002012: The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.',
      };
}

/** Google's token endpoint: signed assertions of the sandbox's service account. */
export function googleApp(d: ApiDeps): Hono {
  const app = new Hono();
  const { publicKey } = googleKey(d.seed);
  webhook(app, d);
  app.post('/token', async (c) => {
    const form = new URLSearchParams(await c.req.text());
    const no = (error: string, text: string) => c.json({ error, error_description: text }, 400);
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
      return no('unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type')}`);
    const how = spoiled(d, 'gcp');
    const claims =
      how === 'wrong'
        ? 'Invalid JWT Signature.'
        : readAssertion(form.get('assertion') ?? '', publicKey, d.engine.now());
    if (typeof claims === 'string') return no('invalid_grant', claims);
    if (claims.iss !== d.accounts.google.email) return no('invalid_grant', 'Invalid grant: account not found');
    const token = issue(d.seed, { cloud: 'gcp', subject: claims.iss, audience: '', expires: d.engine.now() + HOUR });
    return c.json({ access_token: token, expires_in: HOUR / 1000 - 1, token_type: 'Bearer' });
  });
  app.get('/tokeninfo', (c) =>
    c.json({ azp: d.accounts.google.clientId, email: d.accounts.google.email, email_verified: 'true' }),
  );
  return app;
}
