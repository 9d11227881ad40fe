import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { records } from '../commands/index.ts';
import { Shop } from '../commands/release/released.fixtures.ts';
import { release } from '../commands/release/start.ts';
import { tokenCreate } from '../commands/tokens.ts';
import type { manualClock, Problem } from '../kernel/index.ts';
import { HOST, type Rig, rigIn } from './fixtures.ts';

let dir: string;
let rig: Rig;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-refused-'));
  rig = rigIn(dir);
});
afterEach(() => {
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

/** A sign-in of this role: id of its account, and what it sends along. */
async function signIn(role: string) {
  const context = await rig.parts.deps.engine({ verb: 'status', args: {} });
  const { id, token } = tokenCreate(context, { name: role, role, days: 1 }).data as { id: string; token: string };
  return { id, headers: { ...HOST, authorization: `Bearer ${token}` } };
}
let keys = 0;
const post = async (path: string, headers: Record<string, string>, body: object): Promise<Response> =>
  await rig.app.request(`/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `refused-${(keys += 1)}`, ...headers },
    body: JSON.stringify(body),
  });
const problem = async (r: Response): Promise<Problem> => ((await r.json()) as { problem: Problem }).problem;

/** The commands of this server are done on the clusters of this shop. */
function served(shop: Shop): void {
  const { engine } = rig.parts.deps;
  rig.parts.deps.engine = async (call) => {
    const { clock, config, engine: shops } = shop.context;
    return { ...(await engine(call)), clock, config, engine: shops };
  };
}
const started = (verb: string): number =>
  rig.journal.read({ kind: 'command.start' }).filter((f) => (f.data as { verb: string }).verb === verb).length;

describe('what was approved', () => {
  async function asked() {
    const [anna, carl] = [await signIn('operate'), await signIn('admin')];
    const people = { anna: { accounts: [`http:${anna.id}`] }, carl: { accounts: [`http:${carl.id}`] } };
    const rights = [{ who: ['anna', 'carl'], may: ['forward', 'approve'] }];
    const approvals = [{ verbs: ['release'], quorum: 1, ttl: '1m' }];
    const shop = await new Shop({}, { people, rights, approvals }).stand();
    served(shop);
    const ask = () => post('/commands/release', anna.headers, { target: 'shop@v2' });
    const first = await ask();
    const p = await problem(first);
    expect([first.status, p.code]).toEqual([403, 'TW6110']);
    const agree = () => post('/commands/approve', carl.headers, { approval: p.value });
    return { shop, ask, agree };
  }

  it('is done; where the plan moved since it is a conflict, and nothing is done', async () => {
    const { shop, ask, agree } = await asked();
    expect((await agree()).status).toBe(200);
    await release(shop.context, { target: 'shop@v3', yes: true }, shop.io());
    const r = await ask();
    expect([r.status, await problem(r)]).toMatchObject([
      409,
      { code: 'TW6115', why: [expect.stringContaining('the plan: '), expect.anything()] },
    ]);
    expect(shop.live()).toEqual(['v3', 'v3', 'v3']);
  });

  it('a plan that was named and is not the one of now is a conflict, and nothing is done', async () => {
    const shop = await new Shop().stand();
    served(shop);
    const { headers } = await signIn('operate');
    const r = await post('/commands/release', headers, { target: 'shop@v2', plan: 'r-000000000000' });
    expect([r.status, (await problem(r)).code, shop.live()]).toEqual([409, 'TW7002', ['v1', 'v1', 'v1']]);
  });

  it('too late is a conflict, and nothing is done', async () => {
    const { shop, agree } = await asked();
    await shop.clock.sleep(61_000);
    const r = await agree();
    expect([r.status, (await problem(r)).code]).toEqual([409, 'TW6116']);
    expect([(await shop.store.get('release/shop')).value, shop.live()]).toEqual([undefined, ['v1', 'v1', 'v1']]);
  });
});

it('two tabs that press Roll back at once share one run', async () => {
  const shop = await new Shop().stand();
  await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
  expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
  served(shop);
  const { headers } = await signIn('operate');
  const press = () => post('/commands/rollback', { ...headers, prefer: 'wait=0' }, { app: 'shop', yes: true });
  const [a, b] = await Promise.all([press(), press()]);
  expect([a.status, b.status]).toEqual([202, 202]);
  const run = a.headers.get('location') ?? '';
  expect(b.headers.get('location')).toBe(run);
  const end = await rig.app.request(run, { headers: { ...headers, prefer: 'wait=20' } });
  expect(await end.json()).toMatchObject({ kind: 'Release', data: { outcome: 'rolledback' } });
  expect([started('rollback'), shop.live()]).toEqual([1, ['v1', 'v1', 'v1']]);
});

describe('more than there is room for', () => {
  it.each(['at once', 'by and by, without its length'])('a body over 256 KiB, sent %s, is told so', async (how) => {
    const { headers } = await signIn('operate');
    const long = JSON.stringify({ cluster: 'eu', because: 'x'.repeat(256 * 1024) });
    const length = { 'content-length': String(long.length) };
    const r = await rig.app.request('/api/v1/commands/drain', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers, ...(how === 'at once' ? length : {}) },
      body: new Blob([long]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect([r.status, (await problem(r)).code, rig.twin.drains]).toEqual([413, 'TW8029', []]);
    const most = { cluster: 'eu', because: 'x'.repeat(255 * 1024) };
    expect((await post('/commands/drain', headers, most)).status).toBe(200);
  });

  it('the stream after the 200th is told when to come again; a place that is left is free', async () => {
    const { headers } = await signIn('look');
    const open = async (): Promise<Response> => await rig.app.request('/api/v1/stream?topic=runs', { headers });
    const all = await Promise.all(Array.from({ length: 200 }, open));
    expect(all.map((r) => r.status)).toEqual(all.map(() => 200));
    const late = await open();
    expect([late.status, late.headers.get('retry-after'), (await problem(late)).code]).toEqual([429, '5', 'TW8027']);
    const look = await rig.app.request('/api/v1/commands/explain?topic=TW8027', { headers });
    expect(look.status).toBe(200);
    await all[0]?.body?.cancel();
    await expect.poll(async () => (await open()).status).toBe(200);
  });
});

describe('a sign-in that failed, a right that is missing', () => {
  const audit = async () => {
    await rig.parts.refusals.settled();
    return await records(rig.book);
  };
  const from = (remoteAddress: string) => ({ incoming: { socket: { remoteAddress } } });
  const get = async (headers: Record<string, string>, address = '192.0.2.1', path = '/api/v1/session') =>
    await rig.app.request(path, { headers: { ...HOST, ...headers } }, from(address));
  const minute = (): void => (rig.parts.deps.clock as ReturnType<typeof manualClock>).advance(60_000);

  it('is in the audit: what was shown, from where, what for; never the token', async () => {
    const wrong = `twt_${'z'.repeat(40)}`;
    expect((await get({ authorization: `Bearer ${wrong}` }, '192.0.2.1', `/api/v1/${wrong}`)).status).toBe(401);
    const page = { ...HOST, origin: 'http://127.0.0.1:4747', 'x-tradewind': '1' };
    expect((await post('/login', page, { secret: wrong })).status).toBe(401);
    const { id, headers } = await signIn('look');
    expect((await post('/commands/drain', headers, { cluster: 'eu' })).status).toBe(403);
    const all = await audit();
    expect(all.map((r) => [r.what, r.door, r.account, r.data])).toMatchObject([
      ['refused', 'http', 'http', { code: 'TW8020', from: '192.0.2.1', shown: 'token' }],
      ['refused', 'http', 'http', { code: 'TW8020', shown: 'code or token', method: 'POST', path: '/api/v1/login' }],
      ['refused', 'http', `http:${id}`, { code: 'TW8021', name: 'look', role: 'look', path: '/api/v1/commands/drain' }],
    ]);
    expect(JSON.stringify(all)).not.toContain(wrong);
    expect(JSON.stringify(all)).not.toContain(headers.authorization.slice('Bearer '.length));
  });

  it('once a minute of each source, with how many were left out; a page without a sign-in is none', async () => {
    for (let i = 0; i < 50; i++) await get({ authorization: 'Bearer twt_x' });
    await get({ authorization: 'Bearer twt_x' }, '192.0.2.2');
    await get({});
    minute();
    await get({ authorization: 'Bearer twt_x' });
    expect((await audit()).map((r) => r.data)).toMatchObject([
      { from: '192.0.2.1', more: 0 },
      { from: '192.0.2.2', more: 0 },
      { from: '192.0.2.1', more: 49 },
    ]);
  });

  it('of a crowd of sources a hundred a minute', async () => {
    for (let i = 0; i < 150; i++) await get({ authorization: 'Bearer twt_x' }, `2001:db8::${i}`);
    expect(await audit()).toHaveLength(100);
    minute();
    await get({ authorization: 'Bearer twt_x' }, '2001:db8::149');
    expect(await audit()).toHaveLength(101);
  });
});
