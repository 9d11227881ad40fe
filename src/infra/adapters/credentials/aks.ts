import { readFileSync } from 'node:fs';
import { fault } from '../../../kernel/index.ts';
import { loginFix } from '../../classify.ts';
import type { AuthTarget } from '../../model.ts';
import { workflowToken } from './federated.ts';
import { askToken } from './http.ts';
import type { KubeToken, World } from './model.ts';

type Aks = Extract<AuthTarget, { kind: 'aks' }>;
/** The Entra application that every AKS API server with Azure RBAC trusts (learn.microsoft.com/azure/aks/kubelogin-authentication). */
const AKS_SERVER = '6dae42f8-4368-4678-94ff-3960e28e3630';

/** A variable, or the file that `<name>_FILE_PATH` points at, as azurerm reads them. */
function setting(name: string, env: World['env']): string | undefined {
  const file = env[`${name}_FILE_PATH`];
  return env[name] ?? (file === undefined ? undefined : readFileSync(file, 'utf8').trim());
}

/** How the client proves itself: its secret, or the token of a workflow that it trusts. */
async function proof(t: Pick<Aks, 'name'>, w: World): Promise<Record<string, string> | undefined> {
  const secret = setting('ARM_CLIENT_SECRET', w.env);
  if (secret !== undefined) return { client_secret: secret };
  if (w.env['ARM_USE_OIDC'] !== 'true') return undefined;
  const who = { cloud: 'azure', cluster: t.name } as const;
  const token = setting('ARM_OIDC_TOKEN', w.env) ?? (await workflowToken('api://AzureADTokenExchange', who, w));
  if (token === undefined) return undefined;
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return { client_assertion_type, client_assertion: token };
}

/** AKS token: Entra client credentials for the AKS server application, or for another scope. Throws TW2201, TW2202. */
export async function aksToken(
  t: Pick<Aks, 'name' | 'tenant'>,
  w: World,
  scope = `${AKS_SERVER}/.default`,
): Promise<KubeToken> {
  const id = setting('ARM_CLIENT_ID', w.env);
  const proven = id === undefined ? undefined : await proof(t, w);
  if (id === undefined || proven === undefined) {
    throw fault('TW2201', {
      value: 'azure',
      where: [{ cluster: t.name }],
      why: ['ARM_CLIENT_ID and ARM_CLIENT_SECRET are not set, and no token of a workflow is there (ARM_USE_OIDC)'],
      fix: loginFix('azure'),
    });
  }
  const base = w.endpoints['azure.login'] ?? 'https://login.microsoftonline.com';
  const url = `${base.replace(/\/$/, '')}/${encodeURIComponent(t.tenant)}/oauth2/v2.0/token`;
  const form = {
    grant_type: 'client_credentials',
    client_id: id,
    ...proven,
    scope,
  };
  const answer = await askToken(url, form, { cloud: 'azure', cluster: t.name }, w);
  return { token: answer.access_token, expires: answer.expires };
}
