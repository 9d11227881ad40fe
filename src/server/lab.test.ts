import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Args, accessOf, loginCode } from '../commands/index.ts';
import { tokenCreate } from '../commands/tokens.ts';
import { HOST, type Rig, rigIn } from './fixtures.ts';

let dir: string;
let rig: Rig;
let did: unknown[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-srv-lab-'));
  rig = rigIn(dir);
  did = [];
  const keep =
    (what: string) =>
    async (...args: unknown[]): Promise<void> =>
      void did.push([what, ...args]);
  rig.parts.deps.lab = { ...rig.parts.deps.lab, say: keep('say'), press: keep('press'), set: keep('set') };
});
afterEach(() => {
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

const post = (what: string, body: unknown, headers: Record<string, string>): Response | Promise<Response> =>
  rig.app.request(`/api/v1/lab/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...HOST, ...headers },
    body: JSON.stringify(body),
  });
const ORIGIN = { origin: 'http://127.0.0.1:4747', 'x-tradewind': '1' };
const codeOf = async (r: Response): Promise<string> => ((await r.json()) as { code: string }).code;

async function local(): Promise<Record<string, string>> {
  const secret = loginCode(accessOf(dir).key, rig.parts.deps.clock.now());
  const r = await rig.app.request('/api/v1/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...HOST, ...ORIGIN },
    body: JSON.stringify({ secret }),
  });
  return { ...ORIGIN, cookie: (r.headers.get('set-cookie') ?? '').split(';')[0] ?? '' };
}

it('whoever signed in on this machine plays its persons', async () => {
  const headers = await local();
  await post('say', { person: 'ana', text: '/tw status' }, headers);
  await post('press', { person: 'bo', card: 'm1', button: 'Approve' }, headers);
  expect((await post('switches', { outage: true }, headers)).status).toBe(200);
  expect(did).toEqual([
    ['say', 'ana', '/tw status'],
    ['press', 'bo', 'm1', 'Approve'],
    ['set', { outage: true }],
  ]);
});

it('nobody else does: no sign-in, no token of any role, no page of another origin', async () => {
  const body = { person: 'ana', text: '/tw status' };
  expect((await post('say', body, ORIGIN)).status).toBe(401);
  for (const role of ['look', 'operate', 'admin']) {
    const context = await rig.parts.deps.engine({ verb: 'status', args: {} });
    const { token } = tokenCreate(context, { name: role, role, days: 1 } as Args).data as { token: string };
    const r = await post('say', body, { authorization: `Bearer ${token}` });
    expect([r.status, await codeOf(r)], role).toEqual([403, 'TW8021']);
  }
  const foreign = { ...(await local()), origin: 'http://evil.example' };
  expect(await codeOf(await post('say', body, foreign))).toBe('TW8022');
  expect(did).toEqual([]);
});

it.each([
  ['say', { person: 'ana' }, 'TW8025'],
  ['say', { person: 'ana', text: ' ' }, 'TW8025'],
  ['say', { person: 'ana', text: 'x'.repeat(2001) }, 'TW8025'],
  ['say', { person: 7, text: '/tw status' }, 'TW8025'],
  ['press', { person: 'ana', card: 'm1' }, 'TW8025'],
  ['switches', { outage: 'yes' }, 'TW8025'],
  ['switches', { explode: true }, 'TW8025'],
  ['constructor', {}, 'TW8026'],
])('bad input: %s %o is %s', async (what, body, code) => {
  expect(await codeOf(await post(what, body, await local()))).toBe(code);
  expect(did).toEqual([]);
});

it('TW6303 where there is no lab: the session says so, the view tells why', async () => {
  const headers = await local();
  const session = await rig.app.request('/api/v1/session', { headers: { ...HOST, ...headers } });
  expect(await session.json()).toMatchObject({ lab: false });
  const view = await rig.app.request('/api/v1/views/lab', { headers: { ...HOST, ...headers } });
  expect([view.status, await codeOf(view)]).toEqual([403, 'TW6303']);
});
