import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Args, accessOf, COMMANDS, type Context, loginCode } from '../commands/index.ts';
import { tokenCreate, tokenRevoke } from '../commands/tokens.ts';
import { HOST, type Rig, rigIn } from './fixtures.ts';
import type { RunInfo } from './model.ts';
import { openApi } from './openapi.ts';
import { routesOf } from './plan.ts';
import { checkWish } from './serve.ts';

let dir: string;
let rig: Rig;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-srv-'));
  rig = rigIn(dir);
});
afterEach(() => {
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

const context = async (): Promise<Context> => await rig.parts.deps.engine({ verb: 'status', args: {} });
async function token(role: string, days = 1): Promise<{ id: string; token: string }> {
  const made = tokenCreate(await context(), { name: role, role, days } as Args);
  return made.data as { id: string; token: string };
}
const bearer = async (role: string): Promise<Record<string, string>> => ({
  ...HOST,
  authorization: `Bearer ${(await token(role)).token}`,
});
let keys = 0;
interface Sent {
  headers: Record<string, string>;
  body?: unknown;
  key?: string;
}
const post = (path: string, o: Sent): Response | Promise<Response> =>
  rig.app.request(`/api/v1${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': o.key ?? `key-of-test-${(keys += 1)}`,
      ...o.headers,
    },
    body: JSON.stringify(o.body ?? {}),
  });
const get = (path: string, headers: Record<string, string>): Response | Promise<Response> =>
  rig.app.request(path, { headers });
const codeOf = async (r: Response): Promise<string> => ((await r.json()) as { code: string }).code;
const ORIGIN = { origin: 'http://127.0.0.1:4747', 'x-tradewind': '1' };
async function cookie(): Promise<string> {
  const secret = loginCode(accessOf(dir).key, rig.parts.deps.clock.now());
  const r = await post('/login', { headers: { ...HOST, ...ORIGIN }, body: { secret } });
  expect(r.status).toBe(200);
  return (r.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

describe('who may ask', () => {
  it('nobody without a sign-in, and a torn token is told from none', async () => {
    const none = await get('/api/v1/commands/explain?topic=TW6001', HOST);
    expect([none.status, await codeOf(none)]).toEqual([401, 'TW8020']);
    const torn = await get('/api/v1/commands/explain?topic=TW6001', { ...HOST, authorization: 'Bearer twt_x' });
    expect([torn.status, await codeOf(torn)]).toEqual([401, 'TW8020']);
  });

  it('a token that was revoked or expired is none', async () => {
    const { id, token: secret } = await token('admin');
    const headers = { ...HOST, authorization: `Bearer ${secret}` };
    expect((await get('/api/v1/commands/token/list', headers)).status).toBe(200);
    tokenRevoke(await context(), { id });
    expect((await get('/api/v1/commands/token/list', headers)).status).toBe(401);
    const old = await token('admin', -1);
    expect((await get('/api/v1/commands/token/list', { ...HOST, authorization: `Bearer ${old.token}` })).status).toBe(
      401,
    );
  });

  it('only its hash is kept, in a file of its owner', async () => {
    const { token: secret } = await token('look');
    expect(JSON.stringify(accessOf(dir))).not.toContain(secret);
    expect(statSync(join(dir, 'access.json')).mode & 0o077).toBe(0);
  });

  it.each([
    ['look', 'GET', '/commands/explain?topic=TW6001', 200],
    ['look', 'POST', '/commands/drain', 403],
    ['operate', 'POST', '/commands/drain', 200],
    ['operate', 'POST', '/commands/token/create', 403],
    ['admin', 'POST', '/commands/token/create', 200],
  ])('%s: %s %s is %i', async (role, method, path, status) => {
    const headers = await bearer(role);
    const body = path.endsWith('drain') ? { cluster: 'eu' } : { name: 'x' };
    const r = method === 'GET' ? await get(`/api/v1${path}`, headers) : await post(path, { headers, body });
    expect(r.status).toBe(status);
    if (status === 403) expect(rig.twin.drains).toEqual([]);
  });

  it('a one-time code works once', async () => {
    const secret = loginCode(accessOf(dir).key, rig.parts.deps.clock.now());
    const headers = { ...HOST, ...ORIGIN };
    const first = await post('/login', { headers, body: { secret } });
    expect(first.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Strict/);
    expect((await post('/login', { headers, body: { secret } })).status).toBe(401);
    const foreign = loginCode('another key', rig.parts.deps.clock.now());
    expect((await post('/login', { headers, body: { secret: foreign } })).status).toBe(401);
  });

  it('a cookie survives the server, a changed one does not work', async () => {
    const mine = await cookie();
    rig = rigIn(dir);
    expect((await get('/api/v1/session', { ...HOST, cookie: mine })).status).toBe(200);
    expect((await get('/api/v1/session', { ...HOST, cookie: `${mine}x` })).status).toBe(401);
    expect((await get('/api/v1/session', { ...HOST, cookie: mine.replace('local', 'admin') })).status).toBe(401);
  });
});

describe('from where', () => {
  it('another name that points here gets nothing, not even the page', async () => {
    for (const path of ['/', '/healthz', '/api/v1/session', '/metrics']) {
      const r = await get(path, { host: 'evil.example:4747' });
      expect([r.status, await codeOf(r)], path).toEqual([403, 'TW8022']);
    }
    expect((await get('/', { host: 'localhost:4747' })).status).toBe(200);
  });

  it.each([
    ['a foreign origin', { origin: 'http://evil.example', 'x-tradewind': '1' }],
    ['no origin', { 'x-tradewind': '1' }],
    ['no header of ours', { origin: 'http://127.0.0.1:4747' }],
    ['another site, says the browser', { ...ORIGIN, 'sec-fetch-site': 'cross-site' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:9999', 'x-tradewind': '1' }],
  ])('a write by cookie with %s is refused', async (_, more) => {
    const headers = { ...HOST, cookie: await cookie(), ...(more as Record<string, string>) };
    const r = await post('/commands/drain', { headers, body: { cluster: 'eu' } });
    expect([r.status, await codeOf(r)]).toEqual([403, 'TW8022']);
    expect(rig.twin.drains).toEqual([]);
  });

  it('a form of another page cannot write: its type is none of ours', async () => {
    const headers = { ...HOST, ...ORIGIN, cookie: await cookie(), 'content-type': 'text/plain' };
    expect(await codeOf(await post('/commands/drain', { headers, body: { cluster: 'eu' } }))).toBe('TW8025');
    const good = { ...HOST, ...ORIGIN, cookie: await cookie() };
    expect((await post('/commands/drain', { headers: good, body: { cluster: 'eu' } })).status).toBe(200);
    expect(rig.twin.drains).toEqual(['eu']);
  });

  it('every answer carries the strict policy', async () => {
    for (const path of ['/', '/api/v1/nothing']) {
      const r = await get(path, HOST);
      expect(r.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(r.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('beyond this machine only behind TLS', () => {
    const wish = { port: 1, host: '0.0.0.0' };
    expect(() => checkWish(wish)).toThrow(/TW8012/);
    expect(() => checkWish({ ...wish, publicUrl: 'http://tw.example' })).toThrow(/TW8012/);
    expect(() => checkWish({ ...wish, publicUrl: 'https://tw.example/' })).not.toThrow();
    expect(() => checkWish({ ...wish, host: '127.0.0.1' })).not.toThrow();
  });
});

describe('commands', () => {
  it('a look gives the document of -o json', async () => {
    const r = await get('/api/v1/commands/explain?topic=TW6001', await bearer('look'));
    const doc = (await r.json()) as { apiVersion: string; kind: string; meta: { verb: string } };
    expect([doc.apiVersion, doc.kind, doc.meta.verb]).toEqual(['tradewind/v1', 'Explain', 'explain']);
  });

  it('a failure is a problem with code, status and fix', async () => {
    const headers = await bearer('operate');
    const r = await post('/commands/drain', { headers, body: { cluster: 'uk' } });
    const doc = (await r.json()) as { code: string; kind: string; problem: { value: string; exit: number } };
    expect([r.status, r.headers.get('content-type'), r.headers.get('tw-exit')]).toEqual([
      400,
      'application/problem+json',
      '2',
    ]);
    expect([doc.code, doc.kind, doc.problem.value]).toEqual(['TW6003', 'Problem', 'uk']);
  });

  it.each([
    ['an unknown argument', { cluster: 'eu', clutser: 'eu' }, 'TW6002'],
    ['a missing one', {}, 'TW6002'],
    ['a wrong type', { cluster: 7 }, 'TW6002'],
    ['no object', ['eu'], 'TW8025'],
  ])('%s is refused and nothing is done', async (_, body, code) => {
    const r = await post('/commands/drain', { headers: await bearer('operate'), body });
    expect([r.status, await codeOf(r)]).toEqual([400, code]);
    expect(rig.twin.drains).toEqual([]);
  });

  it('a key that is missing, a path that is none', async () => {
    const headers = await bearer('operate');
    const keyless = await post('/commands/drain', { headers, body: { cluster: 'eu' }, key: '' });
    expect(await codeOf(keyless)).toBe('TW8025');
    const lost = await get('/api/v1/commands/serve', headers);
    expect([lost.status, await codeOf(lost)]).toEqual([404, 'TW8026']);
  });

  it('the trace that the caller is in is kept with the wish; what is none is not', async () => {
    const headers = await bearer('operate');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    for (const t of [traceparent, `${traceparent} <script>`])
      await post('/commands/drain', { headers: { ...headers, traceparent: t }, body: { cluster: 'eu' } });
    const kept = rig.journal
      .read({ kind: 'http.command' })
      .map((f) => (f.data as { traceparent?: string }).traceparent);
    expect(kept).toEqual([traceparent, undefined]);
  });

  it('the same key again is the same command, also after the server died; another body with it is refused', async () => {
    const headers = await bearer('operate');
    const send = (body: unknown) => post('/commands/drain', { headers, body, key: 'one-and-only' });
    await send({ cluster: 'eu', because: 'a' });
    await send({ cluster: 'eu', because: 'a' });
    expect(rig.twin.drains).toEqual(['eu']);
    const other = await send({ cluster: 'eu', because: 'b' });
    expect([other.status, await codeOf(other)]).toEqual([409, 'TW8023']);
    const old = rig.twin;
    rig = rigIn(dir, rig.journal);
    const again = (await (await send({ cluster: 'eu', because: 'a' })).json()) as {
      kind: string;
      data: { state: string };
    };
    expect([again.kind, again.data.state]).toEqual(['Run', 'done']);
    expect([old.drains, rig.twin.drains]).toEqual([['eu'], []]);
  });

  it('two people who drain the same cluster at once share one run', async () => {
    const headers = await bearer('operate');
    let open: () => void = () => undefined;
    rig.twin.gate = new Promise((done) => (open = done));
    const wait = { ...headers, prefer: 'wait=0' };
    const [a, b] = await Promise.all([
      post('/commands/drain', { headers: wait, body: { cluster: 'eu', because: 'a' } }),
      post('/commands/drain', { headers: wait, body: { cluster: 'eu', because: 'b' } }),
    ]);
    expect([a?.status, b?.status]).toEqual([202, 202]);
    expect(a?.headers.get('location')).toBe(b?.headers.get('location'));
    open();
    const end = await get(a?.headers.get('location') ?? '', { ...headers, prefer: 'wait=5' });
    expect([end.status, ((await end.json()) as { kind: string }).kind]).toEqual([200, 'Hold']);
    expect(rig.twin.drains).toEqual(['eu']);
  });

  it('nothing new begins while it stops, and what runs is told', async () => {
    rig.stop.abort();
    const r = await post('/commands/drain', { headers: await bearer('operate'), body: { cluster: 'eu' } });
    expect([r.status, await codeOf(r)]).toEqual([503, 'TW8028']);
    expect((await get('/readyz', HOST)).status).toBe(503);
    expect((await get('/healthz', HOST)).status).toBe(200);
  });

  it('runs name the person: of a browser, of a terminal, of a chat, of a token; also to the next server', async () => {
    const login = userInfo().username;
    const drain = async (headers: Record<string, string>, n: number): Promise<string> => {
      const r = await post('/commands/drain', { headers, body: { cluster: 'eu', because: `${n}` } });
      return (await said(r.headers.get('tw-run') ?? '')).by;
    };
    const said = async (run: string) =>
      ((await (await get(`/api/v1/runs/${run}`, await bearer('look'))).json()) as { data: RunInfo }).data;
    expect(await drain({ ...HOST, ...ORIGIN, cookie: await cookie() }, 1)).toBe(login);
    const token = await bearer('operate');
    expect(await drain(token, 2)).toBe(`${login} (operate)`);
    const start = { verb: 'up', args: {}, pid: 1 };
    rig.journal.append({ kind: 'command.start', run: 'old', data: start });
    rig.journal.append({ kind: 'command.start', run: 'ana', data: { ...start, by: 'ana', door: 'slack' } });
    const people = { carl: { accounts: [`http:${accessOf(dir).tokens.find((t) => t.role === 'operate')?.id}`] } };
    Object.assign(rig.twin.config, { people, rights: [{ who: ['carl'], may: ['safe'] }], approvals: [] });
    expect(await drain(token, 3)).toBe('carl');
    expect(await drain(await bearer('admin'), 4)).toMatch(/^http:t\w+ \(admin\)$/);
    rig = rigIn(dir, rig.journal);
    const all = await Promise.all(['run1', 'run2', 'old', 'ana'].map(said));
    expect(all.map((r) => `${r.by} ${r.door}`)).toEqual([
      `${login} http`,
      `${login} (operate) http`,
      'terminal cli',
      'ana slack',
    ]);
  });

  it('a run whose process died before its end is lost, not running', async () => {
    rig.journal.append({ kind: 'command.start', run: 'old', data: { verb: 'up', args: {}, pid: 1 } });
    rig = rigIn(dir, rig.journal);
    const r = await get('/api/v1/runs/old', await bearer('look'));
    expect(((await r.json()) as { data: { state: string } }).data.state).toBe('lost');
  });
});

describe('generated from the command table', () => {
  it('routes: one per verb that is not for a terminal only, GET for looks', () => {
    const routes = routesOf(COMMANDS);
    expect(routes.map((r) => r.spec.verb)).toEqual(
      COMMANDS.filter((c) => c.only === undefined && !c.hidden).map((c) => c.verb),
    );
    for (const r of routes)
      expect([r.method, r.role !== 'look'], r.spec.verb).toEqual(
        r.spec.kind === 'look' ? ['GET', false] : ['POST', true],
      );
  });

  it('OpenAPI 3.1 has the same paths, methods and arguments', () => {
    const routes = routesOf(COMMANDS);
    const doc = openApi(routes, '0.1.0') as {
      openapi: string;
      paths: Record<string, Record<string, { parameters?: { name: string; in: string }[]; requestBody?: object }>>;
    };
    expect(doc.openapi).toMatch(/^3\.1/);
    const described = Object.entries(doc.paths).flatMap(([path, ops]) => Object.keys(ops).map((m) => `${m} ${path}`));
    // The pages of the dashboard and what answers every other path are no routes of their own.
    const mounted = rig.app.routes
      .filter((r) => r.method !== 'ALL' && r.path !== '*' && r.path !== '/*')
      .map((r) => `${r.method.toLowerCase()} ${r.path.replace(/:(\w+)/g, '{$1}')}`);
    expect(described.toSorted()).toEqual([...new Set(mounted)].toSorted());
    expect(described).toEqual(expect.arrayContaining(routes.map((r) => `${r.method.toLowerCase()} /api/v1${r.path}`)));
    for (const r of routes) {
      const op = doc.paths[`/api/v1${r.path}`]?.[r.method.toLowerCase()];
      const query = (op?.parameters ?? []).filter((p) => p.in === 'query').map((p) => p.name);
      if (r.method === 'GET') expect(query.toSorted()).toEqual(r.spec.args.map((a) => a.name).toSorted());
      else expect(JSON.stringify(op?.requestBody)).toContain('additionalProperties');
    }
  });
});

describe('streams', () => {
  /** Reads a stream until `enough` holds. */
  async function read(
    path: string,
    headers: Record<string, string>,
    enough: (text: string) => boolean,
  ): Promise<string> {
    const r = await get(path, headers);
    expect(r.headers.get('content-type')).toContain('text/event-stream');
    const reader = (r.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!enough(text)) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
    }
    await reader.cancel();
    return text;
  }

  it('facts come in order, after the one last seen', async () => {
    for (const n of [1, 2, 3]) rig.journal.append({ kind: 'test.fact', data: { n } });
    rig = rigIn(dir, rig.journal);
    const headers = { ...(await bearer('look')), 'last-event-id': '1' };
    const text = await read('/api/v1/stream?topic=facts', headers, (t) => t.includes('"n":3'));
    expect([...text.matchAll(/^id: (\d+)/gm)].map((m) => m[1]).slice(0, 2)).toEqual(['2', '3']);
    expect(text).not.toContain('"n":1');
  });

  it.each(['line', 'approvals'])('%s is a topic, for whoever may look', async (topic) => {
    expect((await get(`/api/v1/views/${topic}`, HOST)).status).toBe(401);
    const r = await get(`/api/v1/views/${topic}`, await bearer('look'));
    expect([r.status, await r.json()]).toMatchObject([200, { topic, data: { [topic]: [] } }]);
  });

  it('a topic comes whole, and a command is seen in it while it runs', async () => {
    const headers = await bearer('operate');
    let open: () => void = () => undefined;
    rig.twin.gate = new Promise((done) => (open = done));
    await post('/commands/drain', { headers: { ...headers, prefer: 'wait=0' }, body: { cluster: 'eu' } });
    const text = await read('/api/v1/stream?topic=runs', headers, (t) => t.includes('"state":"running"'));
    open();
    expect(text).toMatch(/event: view\ndata: .*"verb":"drain"/);
  });

  it('unknown topics are told, and the end of the server is', async () => {
    const headers = await bearer('look');
    expect(await codeOf(await get('/api/v1/stream?topic=weather', headers))).toBe('TW8026');
    setTimeout(() => rig.stop.abort(), 20);
    expect(await read('/api/v1/stream?topic=facts', headers, (t) => t.includes('shutdown'))).toContain('event: note');
  });
});
