import type { EventSourceMessage } from 'eventsource-parser';
import { clusterOf } from '../../commands/index.ts';
import { causes, fault, type Problem, TwError, wrongAddress } from '../../kernel/index.ts';
import { howToSignIn } from './signin.ts';

/** No answer for so long: nobody is there. Milliseconds. */
const ANSWER_MS = 30_000;
/** The server beats every 15 s: after this the connection is dead. Milliseconds. */
const SILENT_MS = 40_000;

/** One server and the sign-in to it. */
export interface Wire {
  /** As people and the sign-in name it. */
  origin: string;
  /** Where it is asked, when that is not its origin: this end of a way into a cluster. */
  via?: string;
  token: string;
}

interface Ask {
  method?: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  body?: unknown;
  signal?: AbortSignal;
}

/** The origin of an address that may be asked; a cluster's is its own. Throws TW8030. */
export function originOf(address: string, env: NodeJS.ProcessEnv): string {
  if (clusterOf(address) !== undefined) return address;
  const fix = [{ say: 'Name it in the config (server.url), or here:', command: 'export TW_SERVER=https://tw.example' }];
  const wrong = wrongAddress(address);
  if (wrong !== undefined) throw fault('TW8030', { value: address, why: [wrong], fix });
  const url = new URL(address);
  if (url.protocol === 'https:' && env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0')
    throw fault('TW8030', {
      value: address,
      why: ['NODE_TLS_REJECT_UNAUTHORIZED=0: whoever answers would get the token'],
      fix: [{ say: 'For a certificate authority of your own:', command: 'export NODE_EXTRA_CA_CERTS=/path/to/ca.pem' }],
    });
  return url.origin;
}

const unreachable = (origin: string, cause: unknown): Error =>
  fault('TW8031', {
    value: origin,
    why: causes(cause).filter((w) => w !== 'fetch failed'),
    fix: [
      clusterOf(origin) === undefined
        ? { say: 'Is it running? On its machine:', command: 'tw serve' }
        : { say: 'See how its pod is:', command: 'kubectl -n tradewind-server describe pod server-0' },
      { say: 'Looks and what makes safer work without it:', command: 'tw status --in-process' },
    ],
  });

/** Nobody answered: the same call may go through later. */
export const isUnreachable = (e: unknown): boolean => e instanceof TwError && e.code === 'TW8031';

/** A connection that was kept may have been closed just now: what only reads is asked once more, on a new one. */
const fetchTwice = async (url: string, init: RequestInit): Promise<Response> =>
  await fetch(url, init).catch(async (e: unknown) => {
    if (init.method !== 'GET' || init.signal?.aborted === true) throw e;
    return await fetch(url, init);
  });

function initOf(w: Wire, a: Ask): RequestInit {
  const bearer = w.token === '' ? {} : { authorization: `Bearer ${w.token}` };
  const type = a.body === undefined ? {} : { 'content-type': 'application/json' };
  return {
    method: a.method ?? 'GET',
    headers: { ...bearer, ...a.headers, ...type },
    redirect: 'error',
    ...(a.body === undefined ? {} : { body: JSON.stringify(a.body) }),
  };
}

/** One request; what the server refuses is thrown as the server says it. Throws TW8031, TW8038 and the server's own. */
export async function ask(w: Wire, path: string, a: Ask = {}): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
  const signal = AbortSignal.any([late.signal, ...(a.signal === undefined ? [] : [a.signal])]);
  const init: RequestInit = { ...initOf(w, a), signal };
  try {
    const r = await fetchTwice(`${w.via ?? w.origin}${path}`, init);
    if (r.ok) return r;
    throw await refusal(w, r);
  } catch (cause) {
    throw cause instanceof TwError ? cause : unreachable(w.origin, cause);
  } finally {
    clearTimeout(timer);
  }
}

async function refusal(w: Wire, r: Response): Promise<Error> {
  const said = (await r.json().catch(() => undefined)) as { problem?: Problem } | undefined;
  const p = said?.problem;
  if (typeof p?.code !== 'string') return strange(w, `HTTP ${r.status}: no answer of a Tradewind server`);
  return new TwError(p.code === 'TW8020' ? { ...p, value: w.origin, fix: howToSignIn } : p);
}

/** Something answers that is no server of ours, or a proxy in between. */
export const strange = (w: Wire, why: string): Error =>
  fault('TW8038', {
    value: w.origin,
    why: [why],
    ...(w.via === undefined
      ? { fix: [{ say: 'See what answers there:', command: `curl -i ${w.origin}/healthz` }] }
      : {}),
  });

/** The answer as JSON. Throws TW8038. */
export async function jsonOf<T>(w: Wire, r: Response): Promise<T> {
  try {
    return (await r.json()) as T;
  } catch (cause) {
    throw strange(w, causes(cause)[0] ?? 'no JSON');
  }
}

/** The events of an answer, until it ends. Throws TW8031 when the connection breaks, TW8038 for another answer. */
export async function* eventsOf(w: Wire, r: Response): AsyncGenerator<EventSourceMessage> {
  if (r.body === null || !(r.headers.get('content-type') ?? '').includes('text/event-stream'))
    throw strange(w, `events were expected, not ${r.headers.get('content-type') ?? 'nothing'}`);
  const { createParser } = await import('eventsource-parser');
  const heard: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (e) => heard.push(e) });
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await alive(w, reader.read());
      if (done) return;
      parser.feed(value);
      yield* heard.splice(0);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function alive<T>(w: Wire, next: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(`silent for ${SILENT_MS / 1000} s`)), SILENT_MS);
  });
  try {
    return await Promise.race([next, silent]);
  } catch (cause) {
    throw unreachable(w.origin, cause);
  } finally {
    clearTimeout(timer);
  }
}
