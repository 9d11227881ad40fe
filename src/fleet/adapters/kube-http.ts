import { type Dispatcher, request } from 'undici';
import { causes } from '../../kernel/index.ts';
import { KubeError } from '../ports.ts';
import type { Session, Sessions } from './kube-session.ts';

export interface Call {
  method: 'GET' | 'PATCH' | 'DELETE' | 'POST';
  path: string;
  query?: Readonly<Record<string, string | undefined>>;
  body?: unknown;
  type?: string;
  accept?: string;
  stream?: boolean;
  signal?: AbortSignal;
}
export interface Answer {
  status: number;
  /** The server's own clock, Unix ms. */
  date: number;
  body: unknown;
}

const LIMIT_MS = 60_000;

function urlOf(server: string, call: Call): string {
  const url = new URL(server + call.path);
  for (const [k, v] of Object.entries(call.query ?? {})) if (v !== undefined) url.searchParams.set(k, v);
  return url.toString();
}

/** Any failure below HTTP: no answer. */
/** undici says of a refused CONNECT only its status. */
const NO_WAY = /^Proxy response \((\d+)\)/;

function silence(e: unknown): KubeError {
  const said = causes(e)[0] ?? 'no answer';
  const status = NO_WAY.exec(said)?.[1];
  if (status === undefined) return new KubeError(0, 'Unreachable', said, { cause: e });
  return new KubeError(0, 'Unreachable', `no connection to the API server: the proxy answers ${status}`);
}

interface Status {
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string; field?: string; message?: string }[] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 500) };
  }
}

function refused(status: number, text: string, headers: Record<string, unknown>): KubeError {
  const s = parse(text) as Status;
  const after = Number(headers['retry-after'] ?? s.details?.retryAfterSeconds);
  return new KubeError(status, s.reason ?? `Http${status}`, s.message ?? text.slice(0, 500), {
    ...(Number.isFinite(after) ? { retryAfter: after } : {}),
    ...(s.details?.causes === undefined ? {} : { causes: s.details.causes }),
  });
}

async function send(session: Session, call: Call): Promise<Dispatcher.ResponseData> {
  const url = urlOf(session.server, call);
  const limit = call.stream === true ? [] : [AbortSignal.timeout(LIMIT_MS)];
  const signals = call.signal === undefined ? limit : [call.signal, ...limit];
  return request(url, {
    method: call.method,
    headers: {
      ...(await session.headers()),
      accept: call.accept ?? 'application/json',
      ...(call.body === undefined ? {} : { 'content-type': call.type ?? 'application/json' }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    dispatcher: call.stream === true ? session.lanes.stream : session.lanes.short,
    signal: AbortSignal.any(signals),
  });
}

async function open(sessions: Sessions, call: Call): Promise<Dispatcher.ResponseData> {
  try {
    const session = await sessions.get();
    const answer = await send(session, call);
    if (answer.statusCode !== 401) return answer;
    await answer.body.dump();
    return await send(await sessions.get(session), call);
  } catch (e) {
    if (e instanceof KubeError || call.signal?.aborted === true) throw e;
    throw silence(e);
  }
}

/**
 * One call as raw JSON. Authentication, TLS and proxy come from the session; the official client's typed
 * serializer is left out because it drops fields it does not know and cannot ask for strict validation. One retry with a fresh token on 401. Throws KubeError.
 */
export async function callJson(sessions: Sessions, call: Call): Promise<Answer> {
  const answer = await open(sessions, call);
  const text = await answer.body.text().catch((e: unknown) => {
    throw silence(e);
  });
  if (answer.statusCode >= 400) throw refused(answer.statusCode, text, answer.headers);
  const date = Date.parse(String(answer.headers['date'] ?? ''));
  return { status: answer.statusCode, date, body: parse(text) };
}

/** One call whose answer is plain text. Throws KubeError, also when the signal ends it. */
export async function callText(sessions: Sessions, call: Call): Promise<string> {
  try {
    const answer = await open(sessions, call);
    const text = await answer.body.text();
    if (answer.statusCode >= 400) throw refused(answer.statusCode, text, answer.headers);
    return text;
  } catch (e) {
    throw e instanceof KubeError ? e : silence(e);
  }
}

/** Lines of a stream, split at byte 0x0A before decoding. Throws KubeError when it breaks. */
export async function* callLines(sessions: Sessions, call: Call): AsyncGenerator<string> {
  const answer = await open(sessions, { ...call, stream: true });
  if (answer.statusCode >= 400) throw refused(answer.statusCode, await answer.body.text(), answer.headers);
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        yield rest.subarray(0, end).toString('utf8');
        rest = rest.subarray(end + 1);
      }
    }
  } catch (e) {
    if (call.signal?.aborted === true) return;
    throw silence(e);
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
