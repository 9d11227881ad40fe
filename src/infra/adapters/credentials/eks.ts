import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { fault } from '../../../kernel/index.ts';
import { loginFix } from '../../classify.ts';
import type { AuthTarget } from '../../model.ts';
import type { KubeToken, World } from './model.ts';

type Eks = Extract<AuthTarget, { kind: 'eks' }>;
export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Sections of an INI file as AWS writes them. */
function ini(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const head = /^\s*\[(?:profile )?([^\]]+)\]/.exec(line);
    const pair = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (head !== null) {
      current = {};
      sections.set((head[1] ?? '').trim(), current);
    } else if (pair !== null) current[pair[1] ?? ''] = pair[2] ?? '';
  }
  return sections;
}

function fromFile(profile: string, env: World['env']): Keys | undefined {
  const file = env['AWS_SHARED_CREDENTIALS_FILE'] ?? join(env['HOME'] ?? '', '.aws', 'credentials');
  try {
    const s = ini(readFileSync(file, 'utf8')).get(profile);
    const [id, secret, session] = [s?.['aws_access_key_id'], s?.['aws_secret_access_key'], s?.['aws_session_token']];
    if (id === undefined || secret === undefined) return undefined;
    return { accessKeyId: id, secretAccessKey: secret, ...(session === undefined ? {} : { sessionToken: session }) };
  } catch {
    return undefined;
  }
}

/** Keys of the profile when one is named, else of the environment, else of the default profile. */
export function keysOf(t: Pick<Eks, 'name' | 'profile'>, env: World['env']): Keys {
  const id = env['AWS_ACCESS_KEY_ID'];
  const secret = env['AWS_SECRET_ACCESS_KEY'];
  const session = env['AWS_SESSION_TOKEN'];
  const named = t.profile ?? undefined;
  const fromEnv =
    named === undefined && id !== undefined && secret !== undefined
      ? { accessKeyId: id, secretAccessKey: secret, ...(session === undefined ? {} : { sessionToken: session }) }
      : undefined;
  const profile = named ?? env['AWS_PROFILE'] ?? 'default';
  const keys = fromEnv ?? fromFile(profile, env);
  if (keys !== undefined) return keys;
  throw fault('TW2201', {
    value: 'aws',
    where: [{ cluster: t.name }],
    why: [`no keys in the environment nor for profile "${profile}" in the credentials file`],
    fix: loginFix('aws'),
  });
}

const VALID_MS = 14 * 60_000;

/**
 * EKS token: a presigned STS GetCallerIdentity that the cluster replays (aws-iam-authenticator).
 * Needs no network. The signature is good for 60 s; the token for 15 minutes after that moment.
 */
export async function eksToken(t: Eks, w: World): Promise<KubeToken> {
  const now = w.clock.now();
  const signer = new SignatureV4({ credentials: keysOf(t, w.env), region: t.region, service: 'sts', sha256: Sha256 });
  const suffix = t.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const hostname = `sts.${t.region}.${suffix}`;
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname,
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host: hostname, 'x-k8s-aws-id': t.name },
    },
    {
      expiresIn: 60,
      signingDate: new Date(now),
      unsignableHeaders: new Set(),
      unhoistableHeaders: new Set(['x-k8s-aws-id']),
    },
  );
  const query = new URLSearchParams(
    Object.entries(signed.query ?? {}).map(([k, v]): [string, string] => [
      k,
      Array.isArray(v) ? v.join(',') : (v ?? ''),
    ]),
  );
  const url = `https://${hostname}/?${query.toString()}`;
  return { token: `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`, expires: now + VALID_MS };
}
