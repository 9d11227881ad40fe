import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LabView } from '../chat/index.ts';
import { served } from './testing/served.ts';

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
  const server = await served({ cwd: dir, state, config: file });
  const { get, post, until } = server;
  try {
    const session = (): Promise<unknown> => get('/session');
    expect(await session()).toMatchObject({ lab: true, sandbox: true });
    const card = (line: string) =>
      until(async () => {
        const { data } = (await get('/views/lab')) as { data: LabView };
        const found = data.entries.findLast((e) => e.is === 'card' && e.card.line === line);
        return found?.is === 'card' && !['received', 'running'].includes(found.card.state) ? found.card : undefined;
      });
    await post('/lab/say', { person: 'eve', text: '/tw freeze because "x"' });
    expect((await card('freeze because "x"')).state).toMatch(/^TW6101/);
    await post('/lab/say', { person: 'bo', text: '/tw freeze because "black friday"' });
    expect((await card('freeze because "black friday"')).state).toBe('done');
    // The owner of the machine is nobody of the lab, and the fleet still names nobody.
    const who = (await get('/commands/who')) as { data: unknown };
    expect(who.data).toMatchObject({ people: [] });
    // From one moment to the next it is a real fleet.
    stands('real');
    expect(await session()).toMatchObject({ lab: false });
    const late = await post('/lab/say', { person: 'bo', text: '/tw unfreeze' });
    expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([403, 'TW6303']);
    const locks = (await get('/commands/locks')) as { data: unknown };
    expect(locks.data).toMatchObject({ barriers: [{ id: 'f1', by: 'bo' }] });
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}, 90_000);
