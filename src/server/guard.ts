import { fault } from '../kernel/index.ts';

export interface Allowed {
  /** `host:port` under which this server may be asked, besides loopback. */
  host: string;
  /** The only origin whose pages may write. */
  origin: string;
}

/** No name that somebody else could point here: whoever comes by them comes over loopback, or a tunnel to it. */
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/;

/** Names of a server: loopback at any port, for a tunnel has its own, and the one of its public address. */
export function allowedFor(url: string, publicUrl: string | undefined): Allowed {
  const own = new URL(publicUrl ?? url);
  return { host: own.host, origin: own.origin };
}

const foreign = (value: string, why: string, a: Allowed): Error =>
  fault('TW8022', { value, why: [why], fix: [{ say: `Use ${a.origin}` }] });

/** A page that another name points at this machine gets nothing (DNS rebinding). Throws TW8022. */
export function checkHost(host: string | undefined, a: Allowed): void {
  const name = host?.toLowerCase();
  if (name !== undefined && (name === a.host || LOOPBACK.test(name))) return;
  throw foreign(host ?? '', 'this server is not asked under this name', a);
}

type HeaderOf = (name: string) => string | undefined;

/** Loopback has three names; each may write to itself. */
function sameOrigin(origin: string, header: HeaderOf, a: Allowed): boolean {
  return origin === a.origin || origin === `http://${(header('host') ?? '').toLowerCase()}`;
}

/**
 * What a browser's write must carry: another page cannot make it without a preflight, which is never granted. A bearer
 * carries no cookie, so nobody can make a browser send it. Throws TW8022, TW8025.
 */
export function checkWrite(header: HeaderOf, a: Allowed, bearer: boolean): void {
  const type = header('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw fault('TW8025', { value: type, why: ['the body is sent as application/json'] });
  if (bearer) return;
  const origin = header('origin');
  if (origin === undefined || !sameOrigin(origin, header, a))
    throw foreign(origin ?? 'no Origin', 'a write comes from a page of this server only', a);
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin')
    throw foreign(site, 'the browser says it comes from another site', a);
  if (header('x-tradewind') !== '1') throw foreign('no X-Tradewind', 'the header X-Tradewind: 1 is missing', a);
}

/** Sent with every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};
