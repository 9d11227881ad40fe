import { request } from 'node:http';
import type { Clock } from '../../kernel/index.ts';
import type { Visit, VisitRequest } from '../model.ts';
import { DnsCache } from './cache.ts';
import type { QType, Resolved } from './model.ts';

export interface VisitDeps {
  region: string;
  clock: Clock;
  /** Resolves with this cache: a visitor brings his own. */
  lookup: (cache: DnsCache, name: string, type: QType) => Promise<Resolved>;
}
interface Fetched {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** Bodies beyond this are cut: a visit shows an answer, it does not download. */
const BODY_MAX = 64 * 1024;
const DEFAULT_TIMEOUT_MS = 5000;

/** `times` visits of one new user: the name is resolved cold, then kept as its TTL allows; each request is a new connection. */
export async function visits(r: VisitRequest, d: VisitDeps): Promise<Visit[]> {
  const cache = new DnsCache();
  const out: Visit[] = [];
  for (let n = 0; n < (r.times ?? 1); n++) {
    if (n > 0 && r.everyMs !== undefined) await d.clock.sleep(r.everyMs);
    out.push(await oneVisit(r, cache, d));
  }
  return out;
}

async function oneVisit(r: VisitRequest, cache: DnsCache, d: VisitDeps): Promise<Visit> {
  const at = d.clock.now();
  const began = d.clock.monotonic();
  const since = (): number => Math.round((d.clock.monotonic() - began) * 10) / 10;
  const name = await d.lookup(cache, r.host, 'A');
  const dnsMs = since();
  const base = { from: d.region, at, dnsMs };
  const [address] = name.addresses;
  if (address === undefined) {
    const error = `${r.host} does not resolve: ${name.why ?? name.rcode}`;
    return { ...base, answeredBy: '', status: 0, ms: since(), error };
  }
  try {
    const got = await fetchFrom(address, r);
    return { ...base, answeredBy: address, status: got.status, ms: since(), ...said(got), body: got.body };
  } catch (error) {
    return { ...base, answeredBy: address, status: 0, ms: since(), error: reason(error) };
  }
}

function said(got: Fetched): Pick<Visit, 'cluster' | 'version'> {
  const header = (name: string): string | undefined => [got.headers[name]].flat()[0];
  const [cluster, version] = [header('x-tradewind-cluster'), header('x-tradewind-version')];
  return { ...(cluster === undefined ? {} : { cluster }), ...(version === undefined ? {} : { version }) };
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return error.name === 'TimeoutError' || code === 'ABORT_ERR' ? 'no answer in time' : error.message;
}

function fetchFrom(address: string, r: VisitRequest): Promise<Fetched> {
  const port = r.port ?? 80;
  const host = port === 80 ? r.host : `${r.host}:${port}`;
  const type = r.body === undefined ? {} : { 'content-type': r.contentType ?? 'application/x-www-form-urlencoded' };
  const signal = AbortSignal.timeout(r.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const req = request(
      {
        host: address,
        port,
        path: r.path ?? '/',
        method: r.method ?? (r.body === undefined ? 'GET' : 'POST'),
        headers: { host, 'user-agent': 'tradewind-user', connection: 'close', ...type },
        agent: false,
        signal,
      },
      (res) => {
        const chunks: Buffer[] = [];
        let size = 0;
        res.on('data', (c: Buffer) => {
          if (size < BODY_MAX) chunks.push(c);
          size += c.length;
        });
        res.on('error', (e) => reject(signal.aborted ? signal.reason : e));
        res.on('end', () =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            body: Buffer.concat(chunks).toString().slice(0, BODY_MAX),
          }),
        );
      },
    );
    req.on('error', (e) => reject(signal.aborted ? signal.reason : e));
    req.end(r.body);
  });
}
