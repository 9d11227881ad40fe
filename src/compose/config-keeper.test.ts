import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ConfigState } from '../server/index.ts';
import { ConfigKeeper } from './config-keeper.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-keeper-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const yaml = (more = ''): string => `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
${more}`;

function kept(file: string): { keeper: ConfigKeeper; told: ConfigState[] } {
  const told: ConfigState[] = [];
  let now = 0;
  return { keeper: new ConfigKeeper({ path: () => file, now: () => (now += 1), onChange: (s) => told.push(s) }), told };
}

it('an edited config is read again; a bad one is told and the one before goes on; a chat waits for the next start', async () => {
  const file = join(dir, 'a.yaml');
  writeFileSync(file, yaml());
  const { keeper, told } = kept(file);
  expect((await keeper.get()).protect).toBe(false);
  const stamp = keeper.stamp();
  writeFileSync(file, yaml('protect: true\n'));
  expect(keeper.stamp()).not.toBe(stamp);
  expect((await keeper.get()).protect).toBe(true);
  writeFileSync(file, yaml('protekt: true\n'));
  expect((await keeper.get()).protect).toBe(true);
  await keeper.get();
  expect(told.map((s) => s.problem?.code ?? null)).toEqual([null, null, 'TW1003']);
  expect(told[2]).toMatchObject({ id: told[1]?.id, readAt: told[1]?.readAt, file });
  rmSync(file);
  expect((await keeper.get()).protect).toBe(true);
  expect(keeper.state()?.problem?.code).toBe('TW1001');
  writeFileSync(file, yaml('people: { ana: { accounts: ["lab:ana"] } }\nchat: { lab: {} }\n'));
  await keeper.get();
  expect(keeper.state()).toMatchObject({ problem: null, restart: ['chat'] });
});

it('the same words again are no other config; nothing in force is said while there is none', async () => {
  const file = join(dir, 'b.yaml');
  const { keeper, told } = kept(file);
  await expect(keeper.get()).rejects.toThrow(/TW1001/);
  expect(told).toMatchObject([{ id: null, problem: { code: 'TW1001' } }]);
  writeFileSync(file, yaml());
  await keeper.get();
  writeFileSync(file, `# a remark\n${yaml()}`);
  await keeper.get();
  expect(told).toHaveLength(2);
});

it('a program is run again with what it imports; one that throws or does not end is told', async () => {
  const [file, part] = [join(dir, 'c.config.ts'), join(dir, 'part.ts')];
  const program = (more = ''): string => `import { protect } from './part.ts';
${more}
export default { fleet: 'shop' as string, protect, accounts: { aws: { account: '111122223333' } }, clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } } };
`;
  writeFileSync(part, 'export const protect: boolean = false;\n');
  writeFileSync(file, program());
  const { keeper, told } = kept(file);
  expect((await keeper.get()).protect).toBe(false);
  writeFileSync(part, 'export const protect: boolean = true;\n');
  expect((await keeper.get()).protect).toBe(true);
  writeFileSync(file, program("throw new Error('no such place');"));
  expect((await keeper.get()).protect).toBe(true);
  expect(told.at(-1)?.problem).toMatchObject({ code: 'TW1002', why: expect.arrayContaining(['no such place']) });
  writeFileSync(file, program('process.exit(3);'));
  expect((await keeper.get()).protect).toBe(true);
  writeFileSync(file, program());
  expect((await keeper.get()).protect).toBe(true);
  expect(told.at(-1)?.problem).toBeNull();
}, 30_000);

const TW = resolve(import.meta.dirname, '..', '..', 'bin', 'tw.js');

it('tw serve: looks, verbs and the dashboard follow the file while it runs', async () => {
  const [at, file] = [join(dir, 'served'), join(dir, 'served', 'tradewind.config.ts')];
  mkdirSync(at);
  const program = (freezes: string): string =>
    `export default { fleet: 'shop', accounts: { aws: { account: '111122223333' } }, clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } }, freezes: ${freezes} };\n`;
  writeFileSync(file, program('[]'));
  const env = { ...process.env, TW_STATE_DIR: join(at, 'state'), CI: '1' };
  const child = spawn(process.execPath, [TW, 'serve', '--port', '0', '--config', file], { cwd: at, env });
  let said = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (said += d.toString()));
  const ended = new Promise<number | null>((go) => child.on('exit', go));
  const until = async <T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> => {
    for (let i = 0; i < 1000; i++) {
      const found = await look();
      if (found !== undefined) return found;
      await new Promise((go) => setTimeout(go, 20));
    }
    throw new Error(`late: ${said}`);
  };
  try {
    const [, url = '', secret = ''] = await until(() => /dashboard: (\S+?)\/#code=(\S+)/.exec(said) ?? undefined);
    const headers: Record<string, string> = { 'content-type': 'application/json', origin: url, 'x-tradewind': '1' };
    const login = await fetch(`${url}/api/v1/login`, { method: 'POST', headers, body: JSON.stringify({ secret }) });
    headers['cookie'] = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const get = async (path: string): Promise<{ data: unknown }> =>
      (await (await fetch(`${url}/api/v1${path}`, { headers })).json()) as { data: unknown };
    const state = async (): Promise<ConfigState> => (await get('/views/config')).data as ConfigState;
    const frozen = async (): Promise<unknown[]> =>
      ((await get('/commands/locks')).data as { barriers: unknown[] }).barriers;
    const first = await state();
    expect([first.problem, first.id, await frozen()]).toEqual([null, expect.stringMatching(/^[0-9a-f]{12}$/), []]);
    const always = "[{ name: 'always', because: 'so', zone: 'UTC', from: '00:00', to: '24:00' }]";
    writeFileSync(file, program(always));
    await until(async () => ((await frozen()).length === 1 ? true : undefined));
    const second = await state();
    expect(second.id).not.toBe(first.id);
    writeFileSync(file, program('{ never: true }'));
    // Nobody asks: it is told by itself.
    await until(() => (said.includes('TW1003') ? true : undefined));
    expect(said).toContain(`${second.id ?? ''} goes on`);
    const bad = await state();
    expect([bad.id, bad.problem?.code, (await frozen()).length]).toEqual([second.id, 'TW1003', 1]);
    const lifted = await fetch(`${url}/api/v1/commands/freeze`, {
      ...{ method: 'POST', headers: { ...headers, 'idempotency-key': 'a-key-of-my-own' } },
      body: JSON.stringify({ because: 'a look' }),
    });
    expect(((await lifted.json()) as { warnings: { code: string }[] }).warnings.map((w) => w.code)).toEqual(['TW1005']);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}, 90_000);
