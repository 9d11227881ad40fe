import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Accounts } from '../credentials.ts';

/** An HTTP request as it was signed; header names in lower case. */
export interface SignedRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: string;
}
export type Verdict =
  | { ok: true; principal: string; account: string; userId: string; at: number }
  | { ok: false; code: string; message: string };

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const encode = (s: string): string =>
  encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const no = (code: string, message: string): Verdict => ({ ok: false, code, message });

interface Signature {
  credential: string;
  date: string;
  signedHeaders: string[];
  signature: string;
  payload: string;
  /** Milliseconds for which it holds. */
  lifetime: number;
}

/** Signature in the header, or in the query of a presigned URL. */
function signatureOf(r: SignedRequest): Signature | undefined {
  return r.url.searchParams.has('X-Amz-Signature') ? presigned(r) : signed(r);
}

function presigned(r: SignedRequest): Signature {
  const get = (name: string): string => r.url.searchParams.get(`X-Amz-${name}`) ?? '';
  return {
    credential: get('Credential'),
    date: get('Date'),
    signedHeaders: get('SignedHeaders').split(';'),
    signature: get('Signature'),
    payload: sha(r.body),
    // STS honours a presigned request for 15 minutes whatever X-Amz-Expires says.
    lifetime: 15 * 60_000,
  };
}

const AUTHORIZATION = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

function signed(r: SignedRequest): Signature | undefined {
  const m = AUTHORIZATION.exec(r.headers.authorization ?? '');
  if (!m) return undefined;
  const [, credential = '', names = '', signature = ''] = m;
  const payload = r.headers['x-amz-content-sha256'] ?? sha(r.body);
  return {
    credential,
    date: r.headers['x-amz-date'] ?? '',
    signedHeaders: names.split(';'),
    signature,
    payload,
    lifetime: 5 * 60_000,
  };
}

/** `20261125T135639Z` as Unix ms; NaN when it is not a date. */
function timeOf(amz: string): number {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amz);
  return m ? Date.parse(`${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}Z`) : Number.NaN;
}

function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams]
    .filter(([k]) => k !== 'X-Amz-Signature')
    .map(([k, v]) => `${encode(k)}=${encode(v)}`);
  return pairs.toSorted().join('&');
}

/** Verifies Signature Version 4 against the sandbox's one key (docs.aws.amazon.com, "Create a signed AWS API request"). */
export function verify(r: SignedRequest, a: Accounts, now: number): Verdict {
  const s = signatureOf(r);
  if (!s) return no('MissingAuthenticationToken', 'Request is missing Authentication Token');
  if (s.credential.split('/')[0] !== a.aws.accessKey)
    return no('InvalidClientTokenId', 'The security token included in the request is invalid.');
  const at = timeOf(s.date);
  if (!(Math.abs(now - at) <= s.lifetime))
    return no('SignatureDoesNotMatch', `Signature expired: ${s.date} is now earlier than the allowed time`);
  const expected = signatureFor(r, s, a.aws.secretKey);
  const given = Buffer.from(s.signature, 'hex');
  if (given.length === expected.length && timingSafeEqual(given, expected)) {
    return { ok: true, principal: a.aws.principal, account: a.aws.account, userId: a.aws.userId, at };
  }
  return no(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  );
}

function signatureFor(r: SignedRequest, s: Signature, secret: string): Buffer {
  const [, date = '', region = '', service = ''] = s.credential.split('/');
  const headers = s.signedHeaders.map((h) => `${h}:${(r.headers[h] ?? '').trim().replace(/ +/g, ' ')}\n`).join('');
  const canonical = [
    r.method,
    r.url.pathname || '/',
    canonicalQuery(r.url),
    headers,
    s.signedHeaders.join(';'),
    s.payload,
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', s.date, `${date}/${region}/${service}/aws4_request`, sha(canonical)].join('\n');
  const key = [region, service, 'aws4_request'].reduce((k, part) => hmac(k, part), hmac(`AWS4${secret}`, date));
  return hmac(key, text);
}
