import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../commands/index.ts';
import { runRemotely } from './door.ts';
import { problem, Side, until } from './fixtures.ts';

const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
let dir: string;
let url = '';
let server: ChildProcess;

const CONFIG = `export default {
  fleet: 'shop',
  clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
  accounts: { aws: { account: '123456789012' } },
  dns: { zone: 'shop.example' },
  apps: { web: { manifests: ['./k8s'] } },
};
`;
const MANIFEST = `apiVersion: v1
kind: ConfigMap
metadata: { name: greeting }
data: { hello: world }
`;

const envOf = (more: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: dir,
  CI: 'true',
  TW_STATE_DIR: join(dir, 's'),
  ...more,
});

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

function tw(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const more = { TW_SERVER: url, ...env };
  const child = spawn(join(ROOT, 'tw'), args, { cwd: dir, env: envOf(more), stdio: ['ignore', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (b: Buffer) => (out.stdout += b.toString()));
  child.stderr.on('data', (b: Buffer) => (out.stderr += b.toString()));
  return new Promise((done) => child.on('close', (code) => done({ code, ...out })));
}

/** A real `tw serve`; on the port it had before, when there was one. */
async function start(): Promise<void> {
  const port = url === '' ? '0' : new URL(url).port;
  server = spawn(join(ROOT, 'tw'), ['serve', '--port', port], {
    cwd: dir,
    env: envOf({}),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr?.on('data', (b: Buffer) => (said += b.toString()));
  url = await new Promise<string>((ready, failed) => {
    server.stderr?.on('data', () => {
      const found = /API: (\S+)\/api\/v1/.exec(said)?.[1];
      if (found !== undefined) ready(found);
    });
    server.on('close', () => failed(new Error(said)));
  });
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-real-'));
  mkdirSync(join(dir, 'k8s'));
  mkdirSync(join(dir, 's'));
  writeFileSync(join(dir, 'tradewind.config.ts'), CONFIG);
  writeFileSync(join(dir, 'k8s', 'a.yaml'), MANIFEST);
  await start();
  expect((await tw(['login', '--role', 'admin'])).code).toBe(0);
}, 120_000);
afterAll(() => {
  server.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

const POSITIONS: Readonly<Record<string, readonly string[]>> = {
  why: ['198.19.101.2'],
  'state why-not': ['isolated'],
};
const LOOKS = COMMANDS.filter((c) => c.kind === 'look' && c.only === undefined && c.free !== true).map((c) => c.verb);

/** The document without what only time changes. */
function same(ran: Ran, what: string): unknown {
  expect(ran.stdout, `${what}: ${ran.stderr}`).not.toBe('');
  const { meta, ...doc } = JSON.parse(ran.stdout) as { meta: { verb: string } };
  return { ...doc, verb: meta.verb, code: ran.code };
}

describe('tw, in process and as a client of a real tw serve', () => {
  it.concurrent.each(LOOKS)(
    'tw %s: the same document and exit code',
    async (verb) => {
      const argv = [...verb.split(' '), ...(POSITIONS[verb] ?? []), '-o', 'json'];
      const [near, far] = await Promise.all([tw([...argv, '--in-process']), tw(argv)]);
      expect(same(far, verb)).toEqual(same(near, verb));
    },
    120_000,
  );

  it('a client loads no engine', async () => {
    const list = join(dir, 'loaded');
    const hook = `import { registerHooks } from 'node:module'; import { appendFileSync } from 'node:fs';
registerHooks({ load: (u, c, next) => { appendFileSync(${JSON.stringify(list)}, u + '\\n'); return next(u, c); } });`;
    const flag = `--import=data:text/javascript,${encodeURIComponent(hook)}`;
    expect((await tw(['status'], { NODE_OPTIONS: flag })).code).toBe(9);
    const loaded = readFileSync(list, 'utf8').split('\n');
    expect(loaded.some((u) => u.endsWith('/cli/remote/run.ts'))).toBe(true);
    expect(
      loaded.filter((u) => /compose\/engine|@kubernetes|src\/(infra|fleet|traffic|state|release)\//.test(u)),
    ).toEqual([]);
  });

  it('a question of the server is asked here, and the answer counts there', async () => {
    const side = new Side({ answer: 'another' });
    const here = { stateDir: join(dir, 's'), env: {}, version, url };
    const spec = COMMANDS.find((c) => c.verb === 'down') ?? expect.fail('no down');
    const p = await problem(runRemotely(here, { call: { verb: 'down', args: { yes: true } }, spec }, side.io));
    expect(side.asked[0]).toContain('Type the name of the fleet (shop)');
    expect([p.value, p.why]).toEqual(['another', ['the fleet is named shop; nothing was changed']]);
  });

  it('killed in the middle, then started anew: the client comes back and says that the run is lost', async () => {
    const side = new Side();
    const io = {
      ...side.io,
      ask: (q: { text: string }) => (side.asked.push(q.text), new Promise<string>(() => undefined)),
    };
    const here = { stateDir: join(dir, 's'), env: {}, version, url };
    const spec = COMMANDS.find((c) => c.verb === 'down') ?? expect.fail('no down');
    const end = problem(runRemotely(here, { call: { verb: 'down', args: { yes: true } }, spec }, io));
    await until(() => side.asked.length === 1);
    server.kill('SIGKILL');
    await start();
    const p = await end;
    expect([p.code, p.why[0]]).toEqual(['TW8028', expect.stringContaining('the server ended in the middle of it')]);
  }, 120_000);
});
