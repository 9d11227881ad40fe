import { Hono, type Next } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import type { RawResponse } from '../chat/index.ts';
import { allowedNow, COMMANDS } from '../commands/index.ts';
import { fault, problemOf } from '../kernel/index.ts';
import { checkHost, checkWrite, SECURITY_HEADERS } from './guard.ts';
import { labHandler } from './lab.ts';
import { type SessionInfo, TOPICS, type Topic } from './model.ts';
import { type AppParts, type Env, type Http1, MOST_BYTES, need, problemAnswer, shortBody } from './parts.ts';
import { routesOf } from './plan.ts';
import type { WebFile } from './ports.ts';
import { callerOf } from './runs.ts';
import { COOKIE, IDLE_MS } from './session.ts';
import { answerHandler, factsHandler, runHandler, stopHandler, verbHandler } from './verbs.ts';

const bearerOf = (c: Http1): string | undefined => /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];

/** What platforms post: no browser sends it, and whoever takes it checks the signature of the bytes. */
const HOOKS = '/hooks/';
const PROBES = ['/healthz', '/readyz', '/metrics'];

function guards(p: AppParts): (c: Http1, next: Next) => Promise<void> {
  return async (c, next) => {
    checkHost(c.req.header('host'), p.allowed);
    if (c.req.path.startsWith(HOOKS)) return await next();
    const bearer = bearerOf(c);
    const writes = !['GET', 'HEAD'].includes(c.req.method);
    if (writes) checkWrite((n) => c.req.header(n), p.allowed, bearer !== undefined);
    const cookie = getCookie(c, COOKIE);
    c.set('person', p.identity.who(bearer, cookie));
    await next();
    const younger = bearer === undefined ? p.identity.renewed(cookie) : undefined;
    if (younger !== undefined) setSession(c, p, younger);
  };
}

function setSession(c: Http1, p: AppParts, value: string, maxAge = IDLE_MS / 1000): void {
  setCookie(c, COOKIE, value, { httpOnly: true, sameSite: 'Strict', secure: p.secure, path: '/', maxAge });
}

const VERBS: ReadonlyMap<string, string> = new Map(
  routesOf(COMMANDS).map((r) => [`/api/v1${r.path}`, r.spec.verb] as const),
);

/** From closed sets: whoever invents paths makes no new series. */
function doorOf(path: string): string {
  if (PROBES.includes(path)) return 'probe';
  if (path.startsWith(HOOKS)) return 'hook';
  return path.startsWith('/api/') ? 'http' : 'web';
}

async function timed(c: Http1, next: Next, p: AppParts): Promise<void> {
  const since = performance.now();
  await next();
  for (const [k, v] of Object.entries(SECURITY_HEADERS)) c.res.headers.set(k, v);
  const { path } = c.req;
  const labels = { door: doorOf(path), verb: VERBS.get(path) ?? '', code: String(c.res.status) };
  p.metrics.record({ name: 'http_request_duration_seconds', labels, value: (performance.now() - since) / 1000 });
}

/** Sign-in: a one-time code or a token becomes a cookie that scripts cannot read. */
function addLogin(app: Hono<Env>, p: AppParts): void {
  app.post('/api/v1/login', async (c) => {
    const body = (await c.req.json().catch(() => ({}))) as { secret?: unknown };
    if (typeof body.secret !== 'string')
      throw fault('TW8025', { value: 'secret', why: ['a code or a token is expected'] });
    const { value, person } = p.identity.signIn(body.secret);
    p.deps.journal.append({ kind: 'http.login', data: { name: person.name, role: person.role } });
    setSession(c, p, value);
    return c.json({ name: person.name, role: person.role });
  });
  app.delete('/api/v1/login', (c) => {
    setSession(c, p, '', 0);
    return c.json({});
  });
  app.get('/api/v1/session', async (c) => {
    const person = need(c, 'look');
    const context = await p.contexts.get();
    const config = await context.config().catch(() => undefined);
    const allowed = await callerOf(context, person)
      .then((from) => allowedNow(context, from))
      .catch(() => undefined);
    const info: SessionInfo = {
      name: person.name,
      role: person.role,
      until: person.until,
      fleet: config?.fleet ?? null,
      apps: (config?.apps ?? []).map((a) => a.name),
      clusters: (config?.clusters ?? []).map((k) => k.name),
      version: p.deps.version,
      sandbox: p.deps.place() === 'sandbox',
      lab: await p.deps.lab.isOpen(),
      allowed: allowed ?? null,
    };
    return c.json(info);
  });
}

function addApi(app: Hono<Env>, p: AppParts): void {
  const routes = routesOf(COMMANDS);
  for (const r of routes) app.on(r.method, `/api/v1${r.path}`, verbHandler(p, r));
  app.get('/api/v1/runs/:id', runHandler(p));
  app.get('/api/v1/runs/:id/facts', factsHandler(p));
  app.post('/api/v1/runs/:id/stop', stopHandler(p));
  app.post('/api/v1/runs/:id/answer', answerHandler(p));
  app.get('/api/v1/views/:topic', async (c) => {
    need(c, 'look');
    const topic = c.req.param('topic') as Topic;
    if (!TOPICS.includes(topic)) throw fault('TW8026', { value: topic, why: [`topics are ${TOPICS.join(', ')}`] });
    const view = await p.hub.once(topic);
    return view.data === undefined && view.problem !== undefined ? problemAnswer(c, view.problem) : c.json(view);
  });
  app.get('/api/v1/stream', (c) => {
    need(c, 'look');
    return p.streams.answer(c);
  });
  app.post('/api/v1/lab/:what', labHandler(p));
  app.get('/api/v1/openapi.json', async (c) => {
    const { openApi } = await import('./openapi.ts');
    return c.json(openApi(routes, p.deps.version));
  });
  app.all('/api/*', (c) => {
    throw fault('TW8026', { value: `${c.req.method} ${c.req.path}`, fix: [{ say: 'See /api/v1/openapi.json' }] });
  });
}

function addProbes(app: Hono<Env>, p: AppParts): void {
  app.get('/healthz', (c) => c.text('ok\n'));
  app.get('/readyz', (c) => (p.stopping.aborted ? c.text('stopping\n', 503) : c.text('ok\n')));
  app.get('/metrics', async (c) => {
    // On loopback whoever is on this machine may read counts; beyond it a sign-in is needed.
    if (p.secure) need(c, 'look');
    p.looks.scraped();
    return c.body(await p.metrics.text(p.looks.samples()), 200, { 'content-type': p.metrics.type });
  });
}

function addHooks(app: Hono<Env>, p: AppParts): void {
  const limit = bodyLimit({ maxSize: MOST_BYTES, onError: (c) => c.text('too long\n', 413) });
  app.post(`${HOOKS}:name`, limit, async (c) => {
    const hook = p.deps.hook(c.req.param('name'));
    if (hook === undefined) throw fault('TW8026', { value: c.req.path });
    // Whoever posts here is not known: a failure is told without its reasons, and the platform may send it again.
    const said = await hook({ headers: c.req.header(), body: await c.req.text() }).catch(() => ({ status: 503 }));
    const { status, type = 'text/plain; charset=utf-8', body = '' }: RawResponse = said;
    return c.body(body, status as 200, { 'content-type': type });
  });
}

const PAGES = new Set(['/', '/fleet', '/releases', '/traffic', '/state', '/plan', '/history', '/settings', '/lab']);

function addWeb(app: Hono<Env>, web: ReadonlyMap<string, WebFile>): void {
  app.get('*', (c) => {
    const path = PAGES.has(c.req.path) ? '/index.html' : c.req.path;
    const file = web.get(path);
    if (file === undefined) throw fault('TW8026', { value: c.req.path });
    const headers: Record<string, string> = {
      'content-type': file.type,
      etag: file.etag,
      vary: 'accept-encoding',
      'cache-control': file.fixed ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    if (c.req.header('if-none-match') === file.etag) return c.body(null, 304, headers);
    const packs = (c.req.header('accept-encoding') ?? '').includes('gzip');
    if (packs) headers['content-encoding'] = 'gzip';
    return c.body(new Uint8Array(packs ? file.packed : file.body), 200, headers);
  });
}

/** The whole of HTTP: rules first, then commands, views, streams and the dashboard. */
export function createApp(p: AppParts): Hono<Env> {
  const app = new Hono<Env>();
  app.use('*', (c, next) => timed(c, next, p));
  app.use('*', guards(p));
  app.use('/api/*', shortBody);
  app.use('/api/*', async (c, next) => {
    await next();
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
  });
  addProbes(app, p);
  addHooks(app, p);
  addLogin(app, p);
  addApi(app, p);
  addWeb(app, p.web);
  app.notFound((c) => problemAnswer(c, fault('TW8026', { value: c.req.path }).problem));
  app.onError((error, c) => {
    const problem = problemOf(error);
    p.refusals.note(c, problem);
    return problemAnswer(c, problem);
  });
  return app;
}
