import { readFileSync } from 'node:fs';
import { request } from 'undici';
import { causes, fault } from '../../../kernel/index.ts';
import { loginFix } from '../../classify.ts';
import { dispatcher } from './http.ts';
import type { World } from './model.ts';

export interface Asking {
  cloud: 'azure' | 'gcp';
  cluster: string;
}
interface Ask {
  url: string;
  method?: 'GET' | 'POST';
  headers: Readonly<Record<string, string>>;
  body?: string;
}

/** JSON over HTTP. Throws TW2201 (refused) or TW2202 (no answer). */
async function ask(a: Ask, who: Asking, w: World): Promise<Record<string, unknown>> {
  const where = [{ cluster: who.cluster }];
  const proxy = dispatcher(w);
  try {
    const r = await request(a.url, {
      method: a.method ?? 'GET',
      headers: { ...a.headers },
      headersTimeout: 15_000,
      ...(a.body === undefined ? {} : { body: a.body }),
      ...(proxy === undefined ? {} : { dispatcher: proxy }),
    }).catch((cause: unknown) => {
      throw fault('TW2202', { value: new URL(a.url).host, where, why: causes(cause), cause });
    });
    const text = await r.body.text();
    if (r.statusCode < 300) return JSON.parse(text) as Record<string, unknown>;
    const why = [`${new URL(a.url).host} answers ${r.statusCode}: ${text.slice(0, 300)}`];
    throw fault('TW2201', { value: who.cloud, where, why, fix: loginFix(who.cloud) });
  } finally {
    await proxy?.close();
  }
}

function textIn(answer: Record<string, unknown>, field: string, who: Asking): string {
  const value = answer[field];
  if (typeof value === 'string' && value !== '') return value;
  throw fault('TW2201', { value: who.cloud, where: [{ cluster: who.cluster }], why: [`the answer holds no ${field}`] });
}

/** Token of the workflow that runs, for an audience; undefined = no workflow runs, or it may not have one. */
export async function workflowToken(audience: string, who: Asking, w: World): Promise<string | undefined> {
  const url = w.env['ARM_OIDC_REQUEST_URL'] ?? w.env['ACTIONS_ID_TOKEN_REQUEST_URL'];
  const bearer = w.env['ARM_OIDC_REQUEST_TOKEN'] ?? w.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
  if (url === undefined || bearer === undefined) return undefined;
  const to = new URL(url);
  to.searchParams.set('audience', audience);
  const answer = await ask({ url: to.href, headers: { authorization: `Bearer ${bearer}` } }, who, w);
  return textIn(answer, 'value', who);
}

/** A credential file of Google's workload identity federation (type external_account). */
export interface ExternalAccount {
  audience?: string;
  subject_token_type?: string;
  token_url?: string;
  service_account_impersonation_url?: string;
  credential_source?: {
    file?: string;
    url?: string;
    headers?: Readonly<Record<string, string>>;
    format?: { type?: string; subject_token_field_name?: string };
  };
}

async function subjectToken(key: ExternalAccount, who: Asking, w: World): Promise<string> {
  const { file, url, headers = {}, format } = key.credential_source ?? {};
  const field = format?.type === 'json' ? (format.subject_token_field_name ?? 'value') : undefined;
  if (url !== undefined) return textIn(await ask({ url, headers }, who, w), field ?? 'value', who);
  const text = readFileSync(file ?? '', 'utf8').trim();
  return field === undefined ? text : textIn(JSON.parse(text) as Record<string, unknown>, field, who);
}

const CLOUD = 'https://www.googleapis.com/auth/cloud-platform';

/** What Google gives for the token of a workflow: of the federated identity, or of the service account it may act as. */
export async function externalToken(
  key: ExternalAccount,
  who: Asking,
  w: World,
): Promise<{ token: string; expires: number }> {
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: key.audience ?? '',
    scope: CLOUD,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token_type: key.subject_token_type ?? 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: await subjectToken(key, who, w),
  });
  const url = key.token_url ?? 'https://sts.googleapis.com/v1/token';
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const own = await ask({ url, method: 'POST', headers, body: form.toString() }, who, w);
  const token = textIn(own, 'access_token', who);
  const as = key.service_account_impersonation_url;
  if (as === undefined) return { token, expires: w.clock.now() + Number(own['expires_in'] ?? 3600) * 1000 };
  const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const body = JSON.stringify({ scope: [CLOUD, 'https://www.googleapis.com/auth/userinfo.email'] });
  const acting = await ask({ url: as, method: 'POST', headers: json, body }, who, w);
  return { token: textIn(acting, 'accessToken', who), expires: Date.parse(textIn(acting, 'expireTime', who)) };
}
