import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import type { LabView } from '../chat/index.ts';

const TW = resolve(import.meta.dirname, '..', '..', 'bin', 'tw.js');

it('tw serve has a lab while its fleet stands in the sandbox; nobody is added to the fleet', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-serve-lab-'));
  const [state, file] = [join(dir, 'state'), join(dir, 'tradewind.yaml')];
  mkdirSync(state);
  const stands = (place: 'sandbox' | 'real'): void =>
    writeFileSync(join(state, 'project.json'), JSON.stringify({ config: file, place }));
  stands('sandbox');
  writeFileSync(
    file,
    `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
`,
  );
  const env = { ...process.env, TW_STATE_DIR: state, CI: '1' };
  const child = spawn(process.execPath, [TW, 'serve', '--port', '0', '--config', file], { cwd: dir, env });
  let said = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (said += d.toString()));
  const ended = new Promise<number | null>((go) => child.on('exit', go));
  const until = async <T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    for (let i = 0; i < 500; i++) {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((go) => setTimeout(go, 20));
    }
    throw new Error(`late: ${said}`);
  };
  try {
    const [, url = '', secret = ''] = await until(() => /dashboard: (\S+?)\/#code=(\S+)/.exec(said) ?? undefined);
    const headers: Record<string, string> = { 'content-type': 'application/json', origin: url, 'x-tradewind': '1' };
    const post = (path: string, body: object): Promise<Response> =>
      fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    const login = await post('/login', { secret });
    headers['cookie'] = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const session = async (): Promise<object> =>
      (await (await fetch(`${url}/api/v1/session`, { headers })).json()) as object;
    expect(await session()).toMatchObject({ lab: true, sandbox: true });
    const card = (line: string) =>
      until(async () => {
        const { data } = (await (await fetch(`${url}/api/v1/views/lab`, { headers })).json()) as { data: LabView };
        const found = data.entries.findLast((e) => e.is === 'card' && e.card.line === line);
        return found?.is === 'card' && !['received', 'running'].includes(found.card.state) ? found.card : undefined;
      });
    await post('/lab/say', { person: 'eve', text: '/tw freeze because "x"' });
    expect((await card('freeze because "x"')).state).toMatch(/^TW6101/);
    await post('/lab/say', { person: 'bo', text: '/tw freeze because "black friday"' });
    expect((await card('freeze because "black friday"')).state).toBe('done');
    // The owner of the machine is nobody of the lab, and the fleet still names nobody.
    const who = (await (await fetch(`${url}/api/v1/commands/who`, { headers })).json()) as { data: unknown };
    expect(who.data).toMatchObject({ people: [] });
    // From one moment to the next it is a real fleet.
    stands('real');
    expect(await session()).toMatchObject({ lab: false });
    const late = await post('/lab/say', { person: 'bo', text: '/tw unfreeze' });
    expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([403, 'TW6303']);
    const locks = (await (await fetch(`${url}/api/v1/commands/locks`, { headers })).json()) as { data: unknown };
    expect(locks.data).toMatchObject({ barriers: [{ id: 'f1', by: 'bo' }] });
  } finally {
    child.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
}, 90_000);
