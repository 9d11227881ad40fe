import {
  checkPrimeSync,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createVerify,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { drawOf } from '../draw.ts';

/** What a bearer token of the simulated clouds says; opaque to whoever carries it. */
export interface Claims {
  cloud: 'azure' | 'gcp';
  /** Object id or email. */
  subject: string;
  /** Azure: the application the token is for. */
  audience: string;
  /** Unix ms. */
  expires: number;
}

/** Tokens carry their claims and a MAC, so that they survive a restart of the clouds without a table. */
export function issue(seed: number, claims: Claims): string {
  const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${claims.cloud === 'gcp' ? 'ya29' : 'tw1'}.${body}.${mac(seed, body)}`;
}

export function readToken(seed: number, token: string, now: number): Claims | undefined {
  const [, body = '', given = ''] = token.split('.');
  const expected = Buffer.from(mac(seed, body));
  const have = Buffer.from(given);
  if (have.length !== expected.length || !timingSafeEqual(have, expected)) return undefined;
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
  return now < claims.expires ? claims : undefined;
}

const mac = (seed: number, body: string): string =>
  createHmac('sha256', drawOf(seed, 'tokens').hex('key', 64)).update(body).digest('base64url');

/** Modulus of 1,024 bits: enough for RS256, drawn in a few milliseconds. Guards nothing outside a sandbox. */
const PRIME_BITS = 512;

/** The sandbox's Google service account key, a function of the seed. */
export function googleKey(seed: number): { privatePem: string; publicKey: KeyObject } {
  const e = 65_537n;
  const p = prime(seed, 'p', e);
  const q = prime(seed, 'q', e);
  const d = inverse(e, (p - 1n) * (q - 1n));
  const b64 = (n: bigint): string =>
    Buffer.from(n.toString(16).padStart(2 * Math.ceil(n.toString(16).length / 2), '0'), 'hex').toString('base64url');
  const jwk = {
    kty: 'RSA',
    n: b64(p * q),
    e: b64(e),
    d: b64(d),
    p: b64(p),
    q: b64(q),
    dp: b64(d % (p - 1n)),
    dq: b64(d % (q - 1n)),
    qi: b64(inverse(q, p)),
  };
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  return { privatePem: key.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey: createPublicKey(key) };
}

function prime(seed: number, name: string, e: bigint): bigint {
  const drawn = BigInt(`0x${drawOf(seed, `google rsa ${name}`).hex('bits', PRIME_BITS / 4)}`);
  // Top two bits set: the product has its full length. Odd.
  let n = drawn | (3n << BigInt(PRIME_BITS - 2)) | 1n;
  while (n % e === 1n || !checkPrimeSync(n)) n += 2n;
  return n;
}

function inverse(a: bigint, m: bigint): bigint {
  let [r0, r1, s0, s1] = [m, a % m, 0n, 1n];
  while (r1 !== 0n) {
    const q = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - q * r1, s1, s0 - q * s1];
  }
  return ((s0 % m) + m) % m;
}

/** Claims of a signed assertion (RFC 7523), or why it is refused. */
export function readAssertion(jwt: string, key: KeyObject, now: number): { iss: string } | string {
  const [head = '', body = '', signature = ''] = jwt.split('.');
  const ok = createVerify('RSA-SHA256').update(`${head}.${body}`).verify(key, signature, 'base64url');
  if (!ok) return 'Invalid JWT Signature.';
  const { iss = '', ...t } = JSON.parse(Buffer.from(body, 'base64url').toString()) as {
    iss?: string;
    iat: number;
    exp: number;
  };
  const [iat, exp] = [t.iat * 1000, t.exp * 1000];
  if (!(now < exp && exp - iat <= 3_600_000 && iat <= now + 300_000)) {
    return 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.';
  }
  return { iss };
}
