import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HOST, type Rig, rigIn } from './fixtures.ts';

let dir: string;
let rig: Rig;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-hooks-'));
  rig = rigIn(dir);
});
afterEach(() => {
  rig.stop.abort();
  rmSync(dir, { recursive: true, force: true });
});

const post = (name: string, body: string, headers: Record<string, string> = {}): Response | Promise<Response> =>
  rig.app.request(`/hooks/${name}`, { method: 'POST', headers: { ...HOST, ...headers }, body });

it('a hook gets the bytes and the headers as they came, without a sign-in and of any type', async () => {
  const r = await post('echo', 'text=%2Ftw&x=\u{1f6a2}', {
    'X-Sign': 'v0=1',
    'content-type': 'application/x-www-form-urlencoded',
  });
  expect([r.status, await r.text()]).toEqual([200, 'v0=1 text=%2Ftw&x=\u{1f6a2}']);
});

it('a name that no transport has is not found; nothing but POST is', async () => {
  expect((await post('nobody', '')).status).toBe(404);
  expect((await rig.app.request('/hooks/echo', { headers: HOST })).status).toBe(404);
});

it('too long is refused before it is read; another host name too; a failure keeps its reasons', async () => {
  expect((await post('echo', 'x'.repeat(256 * 1024 + 1))).status).toBe(413);
  expect((await post('echo', 'x', { host: 'evil.example' })).status).toBe(403);
  rig.parts.deps.hook = () => () => Promise.reject(new Error('of the store'));
  const r = await post('echo', 'x');
  expect([r.status, await r.text()]).toEqual([503, '']);
});
