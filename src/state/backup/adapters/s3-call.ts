// Signed requests to an object store that speaks S3 (Signature Version 4).
import { createHash } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock } from '../../../kernel/index.ts';

export interface S3Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}
export interface S3Place {
  bucket: string;
  region: string;
  /** Of a store that is not of AWS; the bucket is the first part of its paths. */
  endpoint?: string;
  /** Asked for every request: keys may be renewed meanwhile. */
  keys(): S3Keys;
  clock: Clock;
}
export interface S3Wish {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Of an object; empty: the bucket. */
  key: string;
  query?: Readonly<Record<string, string>>;
  body?: Uint8Array;
}

const TRIES = 4;
const AGAIN_MS = 400;
/** Until the first bytes of an answer. */
const ANSWER_MS = 60_000;

/** As RFC 3986 has it: what the signature is made of must be what is sent. */
const escaped = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const searchOf = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([k, v]) => `${escaped(k)}=${escaped(v)}`)
    .join('&');

function urlOf(p: S3Place, key: string): { base: URL; path: string } {
  const own = `https://${p.bucket}.s3.${p.region}.amazonaws.com`;
  const base = new URL(p.endpoint ?? own);
  const parts = [...(p.endpoint === undefined ? [] : [p.bucket]), ...(key === '' ? [] : key.split('/'))];
  return { base, path: `${base.pathname.replace(/\/$/, '')}/${parts.map(escaped).join('/')}` };
}

async function once(p: S3Place, w: S3Wish, credentials: S3Keys): Promise<Response> {
  const { base, path } = urlOf(p, w.key);
  const { query = {} } = w;
  const signer = new SignatureV4({
    credentials,
    region: p.region,
    service: 's3',
    sha256: Sha256,
    // The path is escaped once, by us.
    uriEscapePath: false,
  });
  const digest = createHash('sha256')
    .update(w.body ?? '')
    .digest('hex');
  const signed = await signer.sign(
    {
      method: w.method,
      protocol: base.protocol,
      hostname: base.hostname,
      path,
      query: { ...query },
      headers: { host: base.host, 'x-amz-content-sha256': digest },
    },
    { signingDate: new Date(p.clock.now()) },
  );
  const { host: _, ...headers } = signed.headers;
  const search = searchOf(query);
  const stop = new AbortController();
  const late = p.clock.sleep(ANSWER_MS, stop.signal).then(() => {
    throw new Error(`no answer for ${ANSWER_MS} ms`);
  });
  late.catch(() => undefined);
  const asked = fetch(`${base.origin}${path}${search === '' ? '' : `?${search}`}`, {
    method: w.method,
    headers,
    ...(w.body === undefined ? {} : { body: w.body as Uint8Array<ArrayBuffer> }),
  });
  return await Promise.race([asked, late]).finally(() => stop.abort());
}

/** What an answer of an error says: `NoSuchBucket: The specified bucket does not exist`. */
async function said(r: Response): Promise<string> {
  const text = await r.text().catch(() => '');
  const [code, message] = ['Code', 'Message'].map((n) => elements(text, n)[0] ?? '');
  return code === '' ? `HTTP ${r.status}` : `${code}: ${message}`;
}

/** The texts of all elements of that name. */
export const elements = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map((m) => unescaped(m[1] ?? ''));
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
const unescaped = (text: string): string =>
  text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (all, ten?: string, hex?: string, name?: string) => {
    if (ten !== undefined) return String.fromCodePoint(Number(ten));
    return hex === undefined ? (NAMED[name ?? ''] ?? all) : String.fromCodePoint(Number.parseInt(hex, 16));
  });

/** It is an answer to this question: there is no such object is one too, no such bucket is not. */
const isAnswer = (r: Response, w: S3Wish): boolean => r.ok || (r.status === 404 && w.key !== '');

/** Why there is no answer, and whether there may be one soon. */
async function failure(got: Response | Error): Promise<{ why: string; passing: boolean }> {
  if (got instanceof Error) return { why: `${got.message}${causeOf(got)}`, passing: true };
  return { why: await said(got), passing: got.status >= 500 || got.status === 429 };
}

/** What fails for the moment is asked again. Throws with what the store said. */
export async function s3(p: S3Place, w: S3Wish): Promise<Response> {
  for (let n = 1; ; n++) {
    const keys = p.keys();
    const got = await once(p, w, keys).catch((e: unknown) => (e instanceof Error ? e : new Error(String(e))));
    if (!(got instanceof Error) && isAnswer(got, w)) return got;
    const { why, passing } = await failure(got);
    if (!passing || n === TRIES) throw new Error(`${w.method} s3://${p.bucket}/${w.key}: ${why}`);
    await p.clock.sleep(AGAIN_MS * n);
  }
}
const causeOf = (e: Error): string => (e.cause instanceof Error ? `: ${e.cause.message}` : '');
