import { Hono } from 'hono';
import { review } from '../auth/review.ts';
import { googleKey, issue, readAssertion } from '../auth/tokens.ts';
import { type ApiDeps, requestId, spoiled } from './api.ts';
import { armRoutes } from './apis-arm.ts';
import { awsService } from './apis-aws.ts';
import { googleRoutes } from './apis-google.ts';

const HOUR = 3_600_000;

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

/** STS, EC2, load balancing, EKS and Service Quotas on one address; signatures verified. */
export function awsApp(d: ApiDeps): Hono {
  const app = new Hono();
  webhook(app, d);
  app.all('*', (c) => awsService(d, c));
  return app;
}

/** Entra ID, client credentials only, and Azure Resource Manager. */
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
  armRoutes(app, d);
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

/** Google's token endpoint (signed assertions of the sandbox's service account), compute and container. */
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
  googleRoutes(app, d);
  return app;
}
