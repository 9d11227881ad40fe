import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, systemClock } from '../../kernel/index.ts';
import { CONFIG, type ProjectFiles, projectId } from './bundle.ts';
import { holdsFiles, packFiles, settleFiles, unpackFiles } from './files.ts';
import { Keeper, type KeeperState } from './keeper.ts';

let dir: string;
const stops: (() => Promise<unknown>)[] = [];
const at = (...names: string[]): string => join(dir, ...names);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-keeper-'));
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A folder that decides for a fleet, with what stays on its machine. */
function folder(): { stateDir: string; rootsDir: string } {
  const [stateDir, rootsDir] = [at('here'), at('elsewhere', 'roots')];
  mkdirSync(join(rootsDir, 'cluster-eu', '.terraform', 'providers'), { recursive: true });
  mkdirSync(join(stateDir, 'cache'), { recursive: true });
  const journal = openJournal(join(stateDir, 'journal.db'));
  journal.append({ kind: 'test.fact', data: { n: 1 } });
  journal.close();
  writeFileSync(join(rootsDir, 'cluster-eu', 'terraform.tfstate'), '{"serial":7}');
  writeFileSync(join(rootsDir, 'cluster-eu', '.terraform', 'providers', 'big'), 'x');
  for (const name of ['keys.json', 'lock.json', 'sign-in.json', 'serve.json', 'server.json', 'audit.json', 'cache/a'])
    writeFileSync(join(stateDir, name), name);
  return { stateDir, rootsDir };
}

describe('files of a fleet', () => {
  it('what decides travels whole, what is of this machine stays', async () => {
    const from = folder();
    const open = openJournal(join(from.stateDir, 'journal.db'));
    open.append({ kind: 'test.fact', data: { n: 2 } });
    mkdirSync(at('here', '.before-x'));
    await unpackFiles(packFiles(from), at('there'));
    open.close();
    const there = (name: string): boolean => existsSync(at('there', name));
    const stays = [
      'lock.json',
      'sign-in.json',
      'serve.json',
      'server.json',
      'audit.json',
      'cache',
      '.before-x',
      'roots/cluster-eu/.terraform',
    ];
    expect(stays.filter(there)).toEqual([]);
    expect(readFileSync(at('there', 'keys.json'), 'utf8')).toBe('keys.json');
    expect(readFileSync(at('there', 'roots/cluster-eu/terraform.tfstate'), 'utf8')).toBe('{"serial":7}');
    const journal = openJournal(at('there', 'journal.db'));
    expect([...journal.read({ kind: 'test.fact' })].map((e) => e.data)).toEqual([{ n: 1 }, { n: 2 }]);
    journal.close();
    // Nothing of the packing is left.
    expect(existsSync(at('here', '.pack-'))).toBe(false);
  });

  it('what comes home takes the place of what was here, also under an open journal, which goes on', async () => {
    const home = folder();
    await unpackFiles(packFiles(home), at('away'));
    const away = openJournal(at('away', 'journal.db'));
    away.append({ kind: 'test.fact', data: { n: 'away' } });
    away.close();
    writeFileSync(at('away', 'roots/cluster-eu/terraform.tfstate'), '{"serial":8}');
    const open = openJournal(join(home.stateDir, 'journal.db'));
    open.append({ kind: 'test.fact', data: { n: 'stale' } });
    writeFileSync(at('here', 'audit.json'), '{"n":9,"hash":"of a command in process"}');
    mkdirSync(at('old'));
    await settleFiles(at('away'), home, at('old'));
    expect([existsSync(at('here', 'audit.json')), existsSync(at('old', 'audit.json'))]).toEqual([false, true]);
    open.append({ kind: 'test.fact', data: { n: 'after' } });
    open.close();
    const facts = (path: string): unknown[] => {
      const journal = openJournal(path);
      const all = [...journal.read({ kind: 'test.fact' })].map((f) => (f.data as { n: unknown }).n);
      journal.close();
      return all;
    };
    expect(facts(join(home.stateDir, 'journal.db'))).toEqual([1, 'away', 'after']);
    expect(facts(at('old', 'journal.db'))).toEqual([1, 'stale']);
    expect(readFileSync(join(home.rootsDir, 'cluster-eu/terraform.tfstate'), 'utf8')).toBe('{"serial":8}');
    expect(readFileSync(at('old', 'roots/cluster-eu/terraform.tfstate'), 'utf8')).toBe('{"serial":7}');
  });

  it('a folder from which nothing was built has nothing that decides', () => {
    expect(holdsFiles({ stateDir: at('none'), rootsDir: at('none', 'roots') })).toBe(false);
    expect(holdsFiles(folder())).toBe(true);
  });

  it('a stream that breaks is told', async () => {
    await expect(unpackFiles(Readable.from([gzipSync('x').subarray(0, 5)]), at('torn'))).rejects.toThrow(/end of file/);
  });
});

const free = (): Promise<number> =>
  new Promise((done) => {
    const s = createServer().listen(0, '127.0.0.1', () => {
      const a = s.address();
      s.close(() => done(typeof a === 'object' && a !== null ? a.port : 0));
    });
  });

/** Stands for `tw serve`: answers, and writes down with what it was started. */
const SERVER = `
const { writeFileSync } = require('node:fs');
const { TW_STATE_DIR, TW_CONFIG, TW_SERVER } = process.env;
writeFileSync(TW_STATE_DIR + '/started', JSON.stringify({ TW_CONFIG, TW_SERVER, cwd: process.cwd(), pid: process.pid }));
require('node:http').createServer((q, r) => r.end('ok')).listen(Number(process.argv[1]), '127.0.0.1');
process.on('SIGTERM', () => { writeFileSync(TW_STATE_DIR + '/stopped', ''); process.exit(0); });
`;

interface Kept {
  ask(route: string, body?: Readable): Promise<Response>;
  state(): Promise<KeeperState>;
  until(is: (s: KeeperState) => boolean): Promise<KeeperState>;
  health(path: string): Promise<number>;
  stop(): Promise<number>;
  ended: Promise<number>;
}

async function kept(project?: ProjectFiles): Promise<Kept> {
  const ports = { api: await free(), keep: await free(), health: await free() };
  if (project !== undefined) writeFileSync(at('project.json.gz'), gzipSync(JSON.stringify(project)));
  const end = new AbortController();
  const keeper = new Keeper({
    fleet: 'shop',
    version: '0.1.0',
    data: at('data'),
    project: at('project.json.gz'),
    argv: [process.execPath, '-e', SERVER, String(ports.api)],
    env: { PATH: process.env['PATH'], TW_SERVER: 'https://elsewhere.example' },
    clock: systemClock,
    log: () => undefined,
    ports,
  });
  const ended = keeper.run(end.signal);
  const ask: Kept['ask'] = async (route, body) => {
    const [method = '', path = ''] = route.split(' ');
    const init: RequestInit & { duplex?: 'half' } = { method };
    if (body !== undefined) Object.assign(init, { body: Readable.toWeb(body), duplex: 'half' });
    return await fetch(`http://127.0.0.1:${ports.keep}${path}`, init);
  };
  const state = async (): Promise<KeeperState> => (await (await ask('GET /state')).json()) as KeeperState;
  const until: Kept['until'] = async (is) => {
    for (let i = 0; i < 1000; i++) {
      const s = await state().catch(() => undefined);
      if (s !== undefined && is(s)) return s;
      await systemClock.sleep(20);
    }
    return await state();
  };
  const stop = async (): Promise<number> => {
    end.abort();
    return await ended;
  };
  stops.push(stop);
  const health = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${ports.health}${path}`)).status;
  await until(() => true);
  return { ask, state, until, health, stop, ended };
}

const PROJECT = { 'apps/web.yaml': '---\n{}\n', [CONFIG]: '{"fleet":"shop"}\n' };
const started = (): { pid: number } =>
  JSON.parse(readFileSync(at('data', 'state', 'started'), 'utf8')) as { pid: number };

describe('the keeper of a server in a pod', () => {
  it('waits for the files, takes them once, and serves with the project that the cluster brings', async () => {
    const k = await kept(PROJECT);
    expect(await k.state()).toMatchObject({ is: 'empty', fleet: 'shop', ready: false });
    expect([await k.health('/healthz'), await k.health('/readyz')]).toEqual([200, 503]);
    expect((await k.ask('POST /give')).status).toBe(409);
    expect((await k.ask('POST /take', packFiles(folder()))).status).toBe(200);
    const s = await k.until((x) => x.ready);
    expect(s).toMatchObject({
      is: 'serving',
      ready: true,
      project: projectId(readFileSync(at('project.json.gz')).toString('base64')),
    });
    expect(await k.health('/readyz')).toBe(200);
    expect(started()).toEqual({
      TW_CONFIG: at('data', 'project', CONFIG),
      cwd: at('data', 'project'),
      pid: expect.any(Number),
    });
    const again = await k.ask('POST /take', packFiles({ stateDir: at('here'), rootsDir: at('none') }));
    expect(again.status).toBe(409);
    expect(readFileSync(at('data', 'state', 'roots/cluster-eu/terraform.tfstate'), 'utf8')).toBe('{"serial":7}');
  });

  it('files that come torn are not there at all', async () => {
    const k = await kept(PROJECT);
    const torn = Readable.from([gzipSync('x'.repeat(5000)).subarray(0, 20)]);
    expect((await k.ask('POST /take', torn)).status).toBe(500);
    expect((await k.state()).is).toBe('empty');
    expect((await k.ask('POST /take', packFiles(folder()))).status).toBe(200);
  });

  it('a project that changes is unpacked while it serves; one that cannot be read leaves the old one', async () => {
    const k = await kept(PROJECT);
    await k.ask('POST /take', packFiles(folder()));
    const before = await k.until((x) => x.ready);
    writeFileSync(
      at('project.json.gz'),
      gzipSync(JSON.stringify({ ...PROJECT, [CONFIG]: '{"fleet":"shop","x":1}\n' })),
    );
    const after = await k.until((x) => x.project !== before.project);
    expect(readFileSync(at('data', 'project', CONFIG), 'utf8')).toContain('"x":1');
    writeFileSync(at('project.json.gz'), 'torn');
    await systemClock.sleep(1500);
    expect((await k.state()).project).toBe(after.project);
  });

  it('gives the files back stopped, goes on when they did not arrive, and never again when they did', async () => {
    const k = await kept(PROJECT);
    await k.ask('POST /take', packFiles(folder()));
    await k.until((x) => x.ready);
    const lost = await k.ask('POST /give');
    await unpackFiles(Readable.from(lost.body ?? []), at('home1'));
    expect(existsSync(at('home1', 'stopped'))).toBe(true);
    expect((await k.state()).is).toBe('giving');
    await k.ask('POST /keep');
    await k.until((x) => x.ready);
    await unpackFiles(Readable.from((await k.ask('POST /give')).body ?? []), at('home2'));
    expect((await k.ask('POST /given')).status).toBe(200);
    expect(readFileSync(at('home2', 'roots/cluster-eu/terraform.tfstate'), 'utf8')).toBe('{"serial":7}');
    expect((await (await k.ask('POST /keep')).json()) as KeeperState).toMatchObject({ is: 'given', ready: false });
    await k.stop();
    stops.pop();
    const next = await kept(PROJECT);
    expect(await next.state()).toMatchObject({ is: 'given', ready: false });
    // Whoever lost them on the way home can ask once more.
    expect((await next.ask('POST /give')).status).toBe(200);
  });

  it('whoever takes them home and is gone in the middle of it leaves a server that goes on', async () => {
    const k = await kept(PROJECT);
    const from = folder();
    // More than what lies in sockets: it cannot be sent before it is read.
    writeFileSync(join(from.stateDir, 'large'), randomBytes(32 << 20));
    await k.ask('POST /take', packFiles(from));
    await k.until((x) => x.ready);
    const answer = await k.ask('POST /give');
    expect((await k.state()).is).toBe('giving');
    await answer.body?.cancel();
    expect(await k.until((x) => x.ready)).toMatchObject({ is: 'serving', ready: true });
  });

  it('a pod that starts again serves what it has, and ends when its server does', async () => {
    const k = await kept(PROJECT);
    await k.ask('POST /take', packFiles(folder()));
    await k.until((x) => x.ready);
    expect(await k.stop()).toBe(0);
    stops.pop();
    expect(existsSync(at('data', 'state', 'stopped'))).toBe(true);
    const next = await kept(PROJECT);
    await next.until((x) => x.ready);
    process.kill(started().pid, 'SIGKILL');
    expect(await next.ended).toBe(1);
  });
});
