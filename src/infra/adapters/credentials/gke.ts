import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fault } from '../../../kernel/index.ts';
import { loginFix } from '../../classify.ts';
import type { AuthTarget } from '../../model.ts';
import { type ExternalAccount, externalToken } from './federated.ts';
import { askToken } from './http.ts';
import type { KubeToken, World } from './model.ts';

type Gke = Extract<AuthTarget, { kind: 'gke' }>;
interface GoogleKey extends ExternalAccount {
  type?: string;
  client_email?: string;
  private_key?: string;
  private_key_id?: string;
  token_uri?: string;
  client_id?: string;
  client_secret?: string;
  refresh_token?: string;
}
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email';

/** The key from the environment, from the file it names, or from `gcloud auth application-default login`. */
function keyOf(t: Pick<Gke, 'name'>, env: World['env']): GoogleKey {
  const inline = env['GOOGLE_CREDENTIALS'];
  const file =
    env['GOOGLE_APPLICATION_CREDENTIALS'] ??
    join(env['HOME'] ?? '', '.config', 'gcloud', 'application_default_credentials.json');
  try {
    const text =
      inline === undefined
        ? readFileSync(file, 'utf8')
        : inline.trimStart().startsWith('{')
          ? inline
          : readFileSync(inline, 'utf8');
    return JSON.parse(text) as GoogleKey;
  } catch {
    throw fault('TW2201', {
      value: 'gcp',
      where: [{ cluster: t.name }],
      why: [
        'neither GOOGLE_CREDENTIALS, GOOGLE_APPLICATION_CREDENTIALS nor application default credentials hold a key',
      ],
      fix: loginFix('gcp'),
    });
  }
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed assertion of a service account (RFC 7523, RS256). */
function assertion(key: GoogleKey, audience: string, now: number): string {
  const iat = Math.floor(now / 1000);
  const head = part({
    alg: 'RS256',
    typ: 'JWT',
    ...(key.private_key_id === undefined ? {} : { kid: key.private_key_id }),
  });
  const claims = part({ iss: key.client_email, scope: SCOPE, aud: audience, iat, exp: iat + 3600 });
  const signature = createSign('RSA-SHA256')
    .update(`${head}.${claims}`)
    .sign(key.private_key ?? '', 'base64url');
  return `${head}.${claims}.${signature}`;
}

function formOf(t: Pick<Gke, 'name'>, key: GoogleKey, audience: string, now: number): Record<string, string> {
  if (key.refresh_token !== undefined) {
    return {
      grant_type: 'refresh_token',
      client_id: key.client_id ?? '',
      client_secret: key.client_secret ?? '',
      refresh_token: key.refresh_token,
    };
  }
  try {
    return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion(key, audience, now) };
  } catch (cause) {
    throw fault('TW2201', {
      value: 'gcp',
      where: [{ cluster: t.name }],
      why: ['the key of the service account cannot sign'],
      cause,
    });
  }
}

/** GKE token: a Google access token of the service account, user or workflow. Throws TW2201, TW2202. */
export async function gkeToken(t: Pick<Gke, 'name'>, w: World): Promise<KubeToken> {
  const key = keyOf(t, w.env);
  if (key.type === 'external_account') return await externalToken(key, { cloud: 'gcp', cluster: t.name }, w);
  const audience = key.token_uri ?? 'https://oauth2.googleapis.com/token';
  const url = w.endpoints['google.token'] ?? audience;
  const answer = await askToken(url, formOf(t, key, audience, w.clock.now()), { cloud: 'gcp', cluster: t.name }, w);
  return { token: answer.access_token, expires: answer.expires };
}
