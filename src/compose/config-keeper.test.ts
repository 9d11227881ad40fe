import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { ConfigState } from '../server/index.ts';
import { ConfigKeeper } from './config-keeper.ts';
import { served } from './testing/served.ts';

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

it('tw serve: looks, verbs and the dashboard follow the file while it runs', async () => {
  const [at, file] = [join(dir, 'served'), join(dir, 'served', 'tradewind.config.ts')];
  mkdirSync(at);
  const program = (freezes: string): string =>
    `export default { fleet: 'shop', accounts: { aws: { account: '111122223333' } }, clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } }, freezes: ${freezes} };\n`;
  writeFileSync(file, program('[]'));
  const server = await served({ cwd: at, state: join(at, 'state'), config: file });
  const { get, until } = server;
  try {
    const state = async (): Promise<ConfigState> => ((await get('/views/config')) as { data: ConfigState }).data;
    const frozen = async (): Promise<unknown[]> =>
      ((await get('/commands/locks')) as { data: { barriers: unknown[] } }).data.barriers;
    const first = await state();
    expect([first.problem, first.id, await frozen()]).toEqual([null, expect.stringMatching(/^[0-9a-f]{12}$/), []]);
    const always = "[{ name: 'always', because: 'so', zone: 'UTC', from: '00:00', to: '24:00' }]";
    writeFileSync(file, program(always));
    await until(async () => ((await frozen()).length === 1 ? true : undefined));
    const second = await state();
    expect(second.id).not.toBe(first.id);
    writeFileSync(file, program('{ never: true }'));
    // Nobody asks: it is told by itself.
    await until(() => (server.said().includes('TW1003') ? true : undefined));
    expect(server.said()).toContain(`${second.id ?? ''} goes on`);
    const bad = await state();
    expect([bad.id, bad.problem?.code, (await frozen()).length]).toEqual([second.id, 'TW1003', 1]);
    const key = { 'idempotency-key': 'a-key-of-my-own' };
    const lifted = await server.post('/commands/freeze', { because: 'a look' }, key);
    expect(((await lifted.json()) as { warnings: { code: string }[] }).warnings.map((w) => w.code)).toEqual(['TW1005']);
  } finally {
    await server.stop();
  }
}, 90_000);
