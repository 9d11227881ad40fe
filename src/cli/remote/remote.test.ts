import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { records } from '../../commands/book/audit.ts';
import {
  type Args,
  accessOf,
  COMMANDS,
  type Context,
  loginCode,
  type Outcome,
  runCommand,
} from '../../commands/index.ts';
import { type Journal, memoryStore, type Problem, problemOf, type Store } from '../../kernel/index.ts';
import { type Rig, rigIn } from '../../server/fixtures.ts';
import { serve } from '../../server/index.ts';
import { choose } from './choose.ts';
import { type Here, remoteDoor, runRemotely } from './door.ts';
import { problem, Side, until } from './fixtures.ts';
import { keepToken } from './signin.ts';

const VERSION = '0.0.0';
let dir: string;
let rig: Rig;
let here: Here;
let ended: Promise<void>;
let stop: AbortController;

/** A real server over a twin of the fleet, with a socket. */
async function start(o: { journal?: Journal; port?: number; version?: string } = {}): Promise<void> {
  rig = rigIn(dir, o.journal);
  const signal = AbortSignal.any([stop.signal, rig.stop.signal]);
  const url = await new Promise<string>((ready, failed) => {
    const deps = { ...rig.parts.deps, ...(o.version === undefined ? {} : { version: o.version }) };
    ended = serve(deps, { port: o.port ?? 0, host: '127.0.0.1' }, { ready, signal });
    ended.catch(failed);
  });
  here = { stateDir: dir, env: {}, version: VERSION, url, fleet: 'shop' };
}

const specOf = (verb: string) => COMMANDS.find((c) => c.verb === verb) ?? expect.fail(verb);
const send = (verb: string, args: Args, side = new Side()): Promise<Outcome> =>
  runRemotely(here, { call: { verb, args }, spec: specOf(verb) }, side.io);
/** The answer to a command has come by now, as far as it goes. */
const told = (): Promise<void> => new Promise((done) => setTimeout(done, 300));

/** Another process of the same server: same port, same journal, nothing in memory. */
async function restart(version?: string): Promise<void> {
  const port = Number(new URL(here.url).port);
  stop.abort();
  await ended;
  stop = new AbortController();
  await start({ journal: rig.journal, port, ...(version === undefined ? {} : { version }) });
}

interface Proxy {
  url: string;
  /** What went through it. */
  asked: string[];
  /** Breaks every connection. */
  cut(): void;
  close(): void;
}

/** The network between a terminal and its server. */
async function breakable(to: string): Promise<Proxy> {
  const { host } = new URL(to);
  const asked: string[] = [];
  const proxy = createServer((q, r) => {
    asked.push(`${q.method} ${q.url} ${String(q.headers['last-event-id'] ?? '')}`);
    const { origin, ...headers } = q.headers;
    const more = origin === undefined ? {} : { origin: to };
    const far = request(`${to}${q.url}`, { method: q.method ?? 'GET', headers: { ...headers, ...more, host } }, (a) => {
      r.writeHead(a.statusCode ?? 500, a.headers);
      a.pipe(r);
    });
    far.on('error', () => r.destroy());
    r.on('close', () => far.destroy());
    q.pipe(far);
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    asked,
    cut: () => proxy.closeAllConnections(),
    close: () => void proxy.close(),
  };
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-remote-'));
  stop = new AbortController();
  await start();
  await remoteDoor(here).login({ address: await link(), role: 'admin', days: 1 });
});
afterEach(async () => {
  stop.abort();
  await ended;
  rmSync(dir, { recursive: true, force: true });
});

async function link(): Promise<string> {
  return `${here.url}/#code=${loginCode(accessOf(dir).key, rig.parts.deps.clock.now())}`;
}

/** Everything that a renderer is given, or the problem: without what only time or place changes. */
async function shown(work: Promise<Outcome>, side: Side): Promise<unknown> {
  const at = await work.then(
    (o) => ({
      missing: [],
      warnings: [],
      ...o,
      exit: o.exit ?? o.problem?.exit ?? 0,
      view: o.view.rows,
      out: side.text,
    }),
    (e: unknown) => problemOf(e),
  );
  // A bug of ours names the lines of its stack.
  return 'code' in at && at.code === 'TW8999' ? at.code : JSON.parse(JSON.stringify(at));
}

const ARGS: Readonly<Record<string, Args>> = {
  why: { ip: '198.19.101.2' },
  logs: { app: 'web', tail: 20 },
  'state why-not': { mode: 'isolated' },
};
/** Looks that another machine may ask for and that need an engine. */
const LOOKS = COMMANDS.filter((c) => c.kind === 'look' && c.only === undefined && c.free !== true).map((c) => c.verb);

describe('a verb is the same verb, here and through the server', () => {
  it('there are looks to compare', () => expect(LOOKS.length).toBeGreaterThan(10));

  it.each(LOOKS.flatMap((v) => [[v, true] as const, [v, false] as const]))(
    'tw %s, for a machine: %s',
    async (verb, machine) => {
      const args = ARGS[verb] ?? {};
      const [near, far] = [new Side({ machine }), new Side({ machine })];
      const context = await rig.parts.deps.engine({ verb, args });
      const local = await shown(runCommand(context, { verb, args }, near.io), near);
      expect(await shown(send(verb, args, far), far)).toEqual(local);
    },
  );

  it('a command: its result, its refusal, and its exit code', async () => {
    const done = await send('drain', { cluster: 'eu', because: 'x' });
    expect([done.data, done.exit, rig.twin.drains]).toEqual([{ cluster: 'eu' }, 0, ['eu']]);
    const no = await problem(send('drain', { cluster: 'uk' }));
    expect([no.code, no.value, no.exit]).toEqual(['TW6003', 'uk', 2]);
  });

  it('a connection that breaks is made again, and the command goes on once', async () => {
    let open: () => void = () => undefined;
    rig.twin.gate = new Promise((done) => (open = done));
    const proxy = await breakable(here.url);
    await remoteDoor({ ...here, url: proxy.url }).login({
      address: (await link()).replace(here.url, proxy.url),
      role: 'admin',
      days: 1,
    });
    here = { ...here, url: proxy.url };
    const work = send('drain', { cluster: 'eu' });
    await until(() => rig.twin.drains.length === 1);
    proxy.cut();
    const tries = (): number => proxy.asked.filter((a) => /drain|runs\//.test(a)).length;
    await until(() => tries() === 2);
    proxy.cut();
    await until(() => tries() === 3);
    open();
    expect((await work).view.rows.length).toBeGreaterThan(0);
    expect(rig.twin.drains).toEqual(['eu']);
    proxy.close();
  });
});

describe('who may, and whom one talks to', () => {
  it('a sign-in is kept for one server, for its owner alone', async () => {
    expect(statSync(join(dir, 'sign-in.json')).mode & 0o077).toBe(0);
    chmodSync(join(dir, 'sign-in.json'), 0o640);
    expect((await problem(send('locks', {}))).code).toBe('TW8035');
    writeFileSync(join(dir, 'sign-in.json'), '{');
    expect((await problem(send('locks', {}))).code).toBe('TW8035');
    keepToken(dir, { origin: 'http://127.0.0.1:1', token: 'twt_other' });
    const p = await problem(send('locks', {}));
    expect([p.code, p.why[0]]).toEqual(['TW8020', 'the sign-in here is for http://127.0.0.1:1']);
  });

  it('a wrong token is told with a way to a right one', async () => {
    here = { ...here, env: { TW_TOKEN: 'twt_wrong' } };
    const p = await problem(send('locks', {}));
    expect([p.code, p.exit, p.fix.map((f) => f.command)]).toEqual([
      'TW8020',
      3,
      ['tw login', "tw login '<address>'", 'tw token create <name>'],
    ]);
  });

  it('a code signs in once', async () => {
    const address = await link();
    const wish = { address, role: 'look', days: 1 };
    expect((await remoteDoor(here).login(wish)).role).toBe('look');
    expect((await problem(remoteDoor(here).login(wish))).code).toBe('TW8020');
    const p = await problem(send('drain', { cluster: 'eu' }));
    expect([p.code, rig.twin.drains]).toEqual(['TW8021', []]);
  });

  it.each([
    ['http beyond this machine', 'http://tw.example', 'TW8030'],
    ['a path', 'https://tw.example/x', 'TW8030'],
    ['a password', 'https://a:b@tw.example', 'TW8030'],
    ['no address', 'tw.example', 'TW8030'],
    ['nobody there', 'http://127.0.0.1:9', 'TW8031'],
  ])('%s', async (_, url, code) => {
    here = { ...here, url, env: { TW_TOKEN: 'x' } };
    const p = await problem(send('locks', {}));
    expect([p.code, p.value, p.why.length > 0, p.fix.length > 0]).toEqual([code, url, true, true]);
  });

  it('TLS that is not checked is none', async () => {
    here = { ...here, url: 'https://127.0.0.1:9', env: { TW_TOKEN: 'x', NODE_TLS_REJECT_UNAUTHORIZED: '0' } };
    expect((await problem(send('locks', {}))).code).toBe('TW8030');
  });

  it.each([
    ['another fleet', { fleet: 'other' }, 'TW8032', 'shop'],
    ['an older server', { version: '0.1.0' }, 'TW8033', 'older'],
    ['a server of another age', { version: '1.0.0' }, 'TW8033', 'older'],
  ])('%s: nothing is sent', async (_, mine, code, says) => {
    here = { ...here, ...mine };
    const p = await problem(send('drain', { cluster: 'eu' }));
    expect([p.code, rig.twin.drains]).toEqual([code, []]);
    expect(`${p.value} ${p.why.join()}`).toContain(says);
  });

  it('something else answers there', async () => {
    const other: Server = createServer((_, r) => r.end('<html>'));
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    here = { ...here, url: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, env: { TW_TOKEN: 'x' } };
    expect((await problem(send('locks', {}))).code).toBe('TW8038');
    other.close();
  });

  it('a redirect does not carry the token away', async () => {
    const heard: string[] = [];
    const other: Server = createServer((q, r) => {
      heard.push(q.url ?? '');
      r.writeHead(302, { location: '/elsewhere' }).end();
    });
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    here = { ...here, url: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, env: { TW_TOKEN: 'x' } };
    expect((await problem(send('locks', {}))).code).toBe('TW8031');
    expect(new Set(heard)).toEqual(new Set(['/api/v1/session']));
    other.close();
  });
});

describe('Ctrl-C', () => {
  it('once: the server is asked to stop that run, and its end is awaited', async () => {
    let open: () => void = () => undefined;
    rig.twin.gate = new Promise((done) => (open = done));
    const side = new Side();
    const work = send('drain', { cluster: 'eu' }, side);
    await until(() => rig.twin.drains.length === 1);
    side.stop.abort();
    await until(() => rig.journal.read({ kind: 'http.stop' }).length === 1);
    open();
    await work.catch(() => undefined);
    const run = rig.journal.read({ kind: 'http.stop' })[0]?.run ?? '';
    expect(rig.journal.read({ kind: 'http.end', run })).toHaveLength(1);
  });

  it('twice: it leaves, says how to look again, and one can', async () => {
    let open: () => void = () => undefined;
    rig.twin.gate = new Promise((done) => (open = done));
    const side = new Side();
    const work = send('drain', { cluster: 'eu' }, side);
    await until(() => rig.twin.drains.length === 1);
    await told();
    side.leave.abort();
    const p = await problem(work);
    const run = p.value ?? '';
    expect([p.code, p.exit, p.fix[0]?.command]).toEqual(['TW8036', 130, `tw attach ${run}`]);
    const glance = new Side();
    const left = problem(remoteDoor(here).attach(run, glance.io));
    glance.stop.abort();
    expect([(await left).code, rig.journal.read({ kind: 'http.stop' })]).toEqual(['TW8036', []]);
    const again = remoteDoor(here).attach(run, new Side().io);
    open();
    expect((await again).data).toEqual({ cluster: 'eu' });
    expect(rig.twin.drains).toEqual(['eu']);
  });
});

describe('Ctrl-C in a terminal', () => {
  it('once and twice, with words, exit code and one document', async () => {
    const root = resolve(import.meta.dirname, '..', '..', '..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    await restart(version);
    let open: () => void = () => undefined;
    rig.twin.gate = new Promise((done) => (open = done));
    const before = rig.journal.read({ kind: 'http.end' }).length;
    const env = { PATH: process.env['PATH'], HOME: dir, TW_STATE_DIR: dir, TW_SERVER: here.url };
    const child = spawn(join(root, 'tw'), ['drain', 'eu', '-o', 'json'], { cwd: dir, env });
    const said = { out: '', err: '' };
    child.stdout.on('data', (b: Buffer) => (said.out += b.toString()));
    child.stderr.on('data', (b: Buffer) => (said.err += b.toString()));
    const code = new Promise((done) => child.on('close', done));
    await until(() => rig.twin.drains.length === 1);
    await told();
    child.kill('SIGINT');
    await until(() => rig.journal.read({ kind: 'http.stop' }).length === 1);
    expect(said.err).toContain('The server is asked to stop it safely');
    child.kill('SIGINT');
    expect(await code).toBe(130);
    const { problem: p } = JSON.parse(said.out) as { problem: Problem };
    expect([p.code, p.fix[0]?.command]).toEqual(['TW8036', `tw attach ${p.value}`]);
    expect(rig.journal.read({ kind: 'http.end' })).toHaveLength(before);
    open();
  });
});

describe('the server dies in the middle', () => {
  it('after its end was written: another one tells what the journal knows', async () => {
    await send('drain', { cluster: 'eu' });
    const run = rig.journal.read({ kind: 'http.end' }).at(-1)?.run ?? '';
    await restart();
    const p = await problem(remoteDoor(here).attach(run, new Side().io));
    expect([p.code, p.value, p.why[0]]).toEqual(['TW8037', `drain ${run}`, expect.stringContaining('ended with 0')]);
  });

  it('before its end: it is lost, and that is said', async () => {
    rig.journal.append({ kind: 'command.start', run: 'old', data: { verb: 'up', args: {}, pid: 1 } });
    await restart();
    const p = await problem(remoteDoor(here).attach('old', new Side().io));
    expect([p.code, p.value, p.fix.map((f) => f.command)]).toEqual(['TW8028', 'up old', ['tw status', 'tw resume']]);
  });
});

describe('--in-process', () => {
  const wish = (verb: string, more: { inProcess?: boolean; env?: NodeJS.ProcessEnv } = {}) => ({
    spec: specOf(verb),
    inProcess: more.inProcess ?? true,
    env: more.env ?? { TW_SERVER: here.url },
    version: VERSION,
  });
  const pick = async (verb: string, more: Parameters<typeof wish>[1] = {}) =>
    await choose(await rig.parts.deps.engine({ verb, args: {} }), { verb, args: {} }, wish(verb, more));

  it.each(COMMANDS.filter((c) => c.only === undefined && c.free !== true).map((c) => [c.verb, c.kind]))(
    'tw %s (%s)',
    async (verb, kind) => {
      if (kind === 'look' || kind === 'safe') {
        const c = await pick(verb);
        expect([c.remote, c.call.from?.door, c.note !== undefined]).toEqual([undefined, 'in-process', kind === 'safe']);
      } else {
        const p = await problem(pick(verb));
        expect([p.code, p.value, p.fix[0]?.command]).toEqual(['TW8034', `tw ${verb} --in-process`, `tw ${verb}`]);
      }
      expect((await pick(verb, { inProcess: false })).remote).toBeDefined();
      expect(await pick(verb, { env: {} })).toEqual({ call: { verb, args: {} } });
    },
  );

  it('what only this machine can do never asks the server', async () => {
    for (const c of COMMANDS.filter((k) => k.only !== undefined || k.free === true))
      expect(await pick(c.verb, { inProcess: false }), c.verb).toEqual({ call: { verb: c.verb, args: {} } });
  });

  it('is recorded, with the door it came through', async () => {
    const book: Store = memoryStore();
    const context = { ...(await rig.parts.deps.engine({ verb: 'drain', args: {} })), book: () => book } as Context;
    const { call } = await choose(context, { verb: 'drain', args: { cluster: 'eu' } }, wish('drain'));
    await runCommand(context, call, new Side().io);
    const kept = await records(book);
    expect(kept.map((r) => [r.what, r.door])).toEqual([
      ['started', 'in-process'],
      ['ended', 'in-process'],
    ]);
  });
});
