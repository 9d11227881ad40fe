import { ProxyAgent, request } from 'undici';
import { causes, fault } from '../../../kernel/index.ts';
import { loginFix } from '../../classify.ts';
import type { World } from './model.ts';

export interface TokenAnswer {
  access_token?: string;
  expires_in?: number | string;
  error?: string;
  error_description?: string;
}

export function dispatcher(w: Pick<World, 'proxyUrl'>): ProxyAgent | undefined {
  if (w.proxyUrl === undefined) return undefined;
  const url = new URL(w.proxyUrl);
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const token = url.username === '' ? {} : { token: `Basic ${Buffer.from(login).toString('base64')}` };
  return new ProxyAgent({ uri: url.origin, proxyTunnel: true, ...token });
}

async function post(url: string, form: Record<string, string>, w: World): Promise<TokenAnswer> {
  const proxy = dispatcher(w);
  try {
    const r = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      headersTimeout: 15_000,
      ...(proxy === undefined ? {} : { dispatcher: proxy }),
    });
    const body = await r.body.text();
    if (r.statusCode >= 500) throw new Error(`answer ${r.statusCode}: ${body.slice(0, 300)}`);
    return parsed(body) ?? { error: `answer ${r.statusCode}`, error_description: body.slice(0, 300) };
  } finally {
    await proxy?.close();
  }
}

/** One OAuth token request. Throws TW2201 (refused) or TW2202 (no answer). */
export async function askToken(
  url: string,
  form: Record<string, string>,
  who: { cloud: 'azure' | 'gcp'; cluster: string },
  w: World,
): Promise<Required<Pick<TokenAnswer, 'access_token'>> & { expires: number }> {
  const where = [{ cluster: who.cluster }];
  const answer = await post(url, form, w).catch((cause: unknown) => {
    throw fault('TW2202', { value: new URL(url).host, where, why: causes(cause), cause });
  });
  if (answer.access_token !== undefined && answer.access_token !== '')
    return { access_token: answer.access_token, expires: w.clock.now() + Number(answer.expires_in ?? 3600) * 1000 };
  throw fault('TW2201', {
    value: who.cloud,
    where,
    why: [answer.error_description ?? answer.error ?? 'the answer holds no token'],
    fix: loginFix(who.cloud),
  });
}

function parsed(text: string): TokenAnswer | undefined {
  try {
    return JSON.parse(text) as TokenAnswer;
  } catch {
    return undefined;
  }
}
