import { setTimeout as delay } from 'node:timers/promises';
import { fault, type Json } from '../kernel/index.ts';
import { followLook, followRun, wantsEvents } from './follow.ts';
import { runsOf } from './machine.ts';
import type { RunDocument, RunInfo } from './model.ts';
import { type AppParts, type Http1, need, problemAnswer } from './parts.ts';
import { argsOf, type Route } from './plan.ts';
import type { Request, Result } from './runs.ts';
import { contextIn } from './traces/machine/spans.ts';

const WAIT_S = 25;
const MOST_WAIT_S = 60;

/** Names of a query; one that is repeated is a list. */
function queryOf(c: Http1): Record<string, unknown> {
  const all = Object.entries(c.req.queries());
  return Object.fromEntries(all.map(([k, v]) => [k, v.length === 1 ? v[0] : v]));
}

/** The arguments as a JSON object. Throws TW8025. */
export async function bodyOf(c: Http1): Promise<Record<string, unknown>> {
  const text = await c.req.text();
  if (text.trim() === '') return {};
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw fault('TW8025', { value: 'body', cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw fault('TW8025', { value: 'body', why: ['an object of arguments is expected'] });
  return body as Record<string, unknown>;
}

/** `Idempotency-Key`. Throws TW8025. */
function keyOf(c: Http1): string {
  const key = c.req.header('idempotency-key') ?? '';
  if (/^[\x21-\x7e]{8,200}$/.test(key)) return key;
  throw fault('TW8025', {
    value: 'Idempotency-Key',
    why: ['8 to 200 characters of your own choice, new for each command'],
  });
}

function waitOf(c: Http1): number {
  const m = /(?:^|[ ,;])wait=(\d+)/.exec(c.req.header('prefer') ?? '');
  return Math.min(MOST_WAIT_S, m === null ? WAIT_S : Number(m[1])) * 1000;
}

function answer(c: Http1, r: Result): Response {
  const { document } = r;
  c.header('tw-exit', String(r.exit));
  if (document.kind === 'Problem' && document.problem !== undefined)
    return problemAnswer(c, document.problem, document.meta.verb);
  if (r.lines !== undefined) return c.body(r.lines, 200, { 'content-type': 'application/x-ndjson' });
  return c.json(document as unknown as Json as object);
}

const runDocument = (info: RunInfo): RunDocument => ({ apiVersion: 'tradewind/v1', kind: 'Run', data: info });

function runAnswer(c: Http1, info: RunInfo): Response {
  const url = `/api/v1/runs/${info.run}`;
  c.header('location', url);
  return c.json(runDocument(info), info.state === 'running' ? 202 : 200);
}

/** A run of this process, or what the journal knows of one before. Throws TW8026. */
function infoOf(p: AppParts, run: string): RunInfo {
  const info = p.runs.get(run)?.info ?? runsOf(p.hub.fold, p.deps.alive).find((r) => r.run === run);
  if (info === undefined) throw fault('TW8026', { value: run, why: ['no such run in the journal'] });
  return info;
}

/** The answer when it comes in time, else the run as it stands. */
async function settled(c: Http1, p: AppParts, run: string, ms: number): Promise<Response> {
  const live = p.runs.get(run);
  if (live === undefined) return runAnswer(c, infoOf(p, run));
  const stop = new AbortController();
  const late = delay(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  const result = await Promise.race([live.outcome, late]);
  stop.abort();
  c.header('tw-run', run);
  return result === undefined ? runAnswer(c, live.info) : answer(c, result);
}

/** `traceparent`, where it is one. */
function tracedBy(c: Http1): Pick<Request, 'traceparent'> {
  const traceparent = c.req.header('traceparent');
  return traceparent === undefined || contextIn(traceparent) === undefined ? {} : { traceparent };
}

/** One verb of the table. */
export function verbHandler(p: AppParts, route: Route): (c: Http1) => Promise<Response> {
  return async (c) => {
    const person = need(c, route.role);
    if (route.method === 'GET') {
      const args = argsOf(route.spec, queryOf(c));
      const request = { route, args, person, plain: c.req.header('tw-plain') === '1' };
      // The shared context is of the place that `up` chose; a look at another one gets its own.
      const shared = args['sandbox'] === true ? {} : { context: p.contexts.get() };
      if (wantsEvents(c)) return followLook(c, p, request, shared);
      if (args['follow'] === true)
        throw fault('TW6002', { value: 'follow', why: ['a look that does not end is an event stream: Accept it'] });
      return answer(c, await p.runs.run(request, { show: () => undefined, signal: c.req.raw.signal, ...shared }));
    }
    if (p.stopping.aborted) throw fault('TW8028', { value: route.spec.verb, why: ['the server is stopping'] });
    const key = keyOf(c);
    const args = argsOf(route.spec, await bodyOf(c));
    const answers = wantsEvents(c) && c.req.header('tw-answers') === '1';
    const run = p.runs.begin({ route, args, person, key: `${person.id} ${key}`, answers, ...tracedBy(c) });
    if (wantsEvents(c)) return followRun(c, p, { run, journalled: () => infoOf(p, run) });
    return await settled(c, p, run, waitOf(c));
  };
}

/** `GET /runs/<id>`: waits as `Prefer: wait` says, else tells how it stands. */
export function runHandler(p: AppParts): (c: Http1) => Promise<Response> {
  return async (c) => {
    need(c, 'look');
    const run = c.req.param('id') ?? '';
    if (wantsEvents(c)) return followRun(c, p, { run, journalled: () => infoOf(p, run) });
    return c.req.header('prefer') === undefined ? runAnswer(c, infoOf(p, run)) : await settled(c, p, run, waitOf(c));
  };
}

/** `POST /runs/<id>/stop`: as Ctrl-C in the terminal that runs it. */
export function stopHandler(p: AppParts): (c: Http1) => Response {
  return (c) => runAnswer(c, p.runs.stopOne(c.req.param('id') ?? '', need(c, 'operate')));
}

/** `POST /runs/<id>/answer`: `{id, text}` or `{id, refused}` for the question with this id. */
export function answerHandler(p: AppParts): (c: Http1) => Promise<Response> {
  return async (c) => {
    const person = need(c, 'operate');
    const { id, text, refused } = await bodyOf(c);
    if (typeof id !== 'string' || (typeof text !== 'string' && typeof refused !== 'string'))
      throw fault('TW8025', { value: 'body', why: ['{"id", "text"} or {"id", "refused"} is expected'] });
    const said = typeof text === 'string' ? { id, text } : { id, refused: refused as string };
    return runAnswer(c, p.runs.answer(c.req.param('id') ?? '', person, said));
  };
}

/** Everything the journal has of one run, in order. */
export function factsHandler(p: AppParts): (c: Http1) => Response {
  return (c) => {
    need(c, 'look');
    const run = c.req.param('id') ?? '';
    return c.json({ facts: p.deps.journal.read({ run }) as unknown as Json });
  };
}
