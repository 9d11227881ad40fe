import { request } from 'undici';
import { type Clock, causes, fault } from '../../../kernel/index.ts';
import { CloudError } from '../../cloud.ts';
import { dispatcher } from '../credentials/http.ts';
import type { KubeToken, World } from '../credentials/model.ts';

/** What an adapter needs: credentials and endpoints of the place, and a clock to wait by. */
export interface Reach extends Omit<World, 'clock'> {
  clock: Pick<Clock, 'now' | 'sleep' | 'monotonic'>;
}
export interface Ask {
  method: 'GET' | 'POST' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  body?: string;
}
export interface Reply {
  status: number;
  text: string;
  headers: Record<string, string | string[] | undefined>;
}

const PATIENCE_MS = 15_000;

/** One HTTP call through the place's proxy. Throws TW2203 when nobody answers. */
export async function ask(a: Ask, r: Reach): Promise<Reply> {
  const proxy = dispatcher(r);
  try {
    const answer = await request(a.url, {
      method: a.method,
      headers: a.headers ?? {},
      headersTimeout: PATIENCE_MS,
      bodyTimeout: PATIENCE_MS,
      ...(a.body === undefined ? {} : { body: a.body }),
      ...(proxy === undefined ? {} : { dispatcher: proxy }),
    });
    return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
  } catch (cause) {
    throw fault('TW2203', { value: new URL(a.url).host, why: causes(cause), cause });
  } finally {
    await proxy?.close();
  }
}

const MARGIN_MS = 60_000;
const held = new WeakMap<Reach, Map<string, Promise<KubeToken>>>();

/** A bearer token, asked for once per identity while it lasts. */
export async function bearerFor(r: Reach, key: string, fresh: () => Promise<KubeToken>): Promise<string> {
  const mine = held.get(r) ?? new Map<string, Promise<KubeToken>>();
  held.set(r, mine);
  const known = await mine.get(key)?.catch(() => undefined);
  if (known !== undefined && known.expires - MARGIN_MS > r.clock.now()) return known.token;
  const asked = fresh();
  mine.set(key, asked);
  return (await asked).token;
}

export type Dict = { readonly [key: string]: unknown };
export const dict = (v: unknown): Dict => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Dict) : {});
export const list = (v: unknown): Dict[] => (Array.isArray(v) ? v.map(dict) : []);
export const text = (v: unknown): string => (typeof v === 'string' ? v : typeof v === 'number' ? String(v) : '');
export const strings = (v: unknown): string[] => (Array.isArray(v) ? v.filter((x) => typeof x === 'string') : []);
export const labels = (v: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(dict(v)).flatMap(([k, x]) => (typeof x === 'string' ? [[k, x]] : [])));

function parsed(reply: Reply): Dict {
  try {
    return dict(JSON.parse(reply.text));
  } catch {
    return {};
  }
}

/** The body of a REST answer; `{error: {code, message}}` as an error (ARM and Google agree on that much). */
export function jsonOf(reply: Reply): Dict {
  const body = parsed(reply);
  if (reply.status < 400) return body;
  const error = dict(body['error']);
  const reason = text(list(error['errors'])[0]?.['reason']);
  const code = reason || text(error['status']) || text(error['code']) || String(reply.status);
  throw new CloudError(code, text(error['message']) || reply.text.slice(0, 300), reply.status);
}

export const isGone = (e: unknown): boolean =>
  e instanceof CloudError && (e.status === 404 || /NotFound|notFound/.test(e.code));

export interface Patience {
  /** Milliseconds. */
  everyMs: number;
  limitMs: number;
}
/** Repeats until it yields a value; the last error, or TW2203, when time is up. */
export async function until<T>(r: Reach, p: Patience, once: () => Promise<T | undefined>): Promise<T> {
  const end = r.clock.monotonic() + p.limitMs;
  for (;;) {
    const value = await once();
    if (value !== undefined) return value;
    if (r.clock.monotonic() > end) throw fault('TW2203', { value: 'the cloud', why: ['it did not finish in time'] });
    await r.clock.sleep(p.everyMs);
  }
}
