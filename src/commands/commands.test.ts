import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { fault, manualClock, memoryJournal, memoryStore } from '../kernel/index.ts';
import { board } from './board.ts';
import type { Context, Io, Question } from './context.ts';
import { explain } from './explain.ts';
import { init } from './init.ts';
import { takeLock } from './lock.ts';
import { selectApp, selectClusters } from './select.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-cmd-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const io = (answer?: string): Io => ({
  show: () => undefined,
  machine: false,
  out: () => undefined,
  ask: async (q: Question) => {
    if (answer === undefined) throw fault('TW6005', { value: q.flag });
    return answer;
  },
  signal: new AbortController().signal,
  detach: new AbortController().signal,
});
const context = (): Context => ({
  cwd: dir,
  stateDir: dir,
  clock: manualClock(1000),
  journal: () => memoryJournal(),
  book: () => memoryStore(),
  config: () => Promise.reject(new Error('no config')),
  engine: () => Promise.reject(new Error('no engine')),
  sandbox: () => Promise.reject(new Error('no sandbox')),
  close: async () => undefined,
});

describe('init', () => {
  const args = { fleet: 'shop', cluster: ['eu=aws/eu-west-1', 'us=gcp/us-east4'], manifests: './k8s', yes: true };

  it('writes a config that loads', async () => {
    await init(dir, args, io());
    const file = join(dir, 'tradewind.config.ts');
    const source = readFileSync(file, 'utf8').replace(
      "'tradewind/config'",
      JSON.stringify(new URL('../config/index.ts', import.meta.url).pathname),
    );
    writeFileSync(file, source);
    const config = await loadConfig(file);
    expect(config.clusters.map((c) => [c.name, c.cloud, c.region])).toEqual([
      ['eu', 'aws', 'eu-west-1'],
      ['us', 'gcp', 'us-east4'],
    ]);
  });

  it('overwrites nothing, and names the flag where nobody can be asked', async () => {
    await init(dir, args, io());
    await expect(init(dir, args, io())).rejects.toThrow(/TW6002/);
    rmSync(join(dir, 'tradewind.config.ts'));
    await expect(init(dir, { cluster: [], yes: false }, io())).rejects.toThrow(/--fleet/);
    await expect(init(dir, { ...args, cluster: ['eu:aws'] }, io())).rejects.toThrow(/name=cloud\/region/);
    await expect(init(dir, { ...args, cluster: ['eu=aws/eu-wset-1'] }, io())).rejects.toThrow(/TW1003/);
  });
});

describe('lock', () => {
  it('keeps a second run out, says who holds it, and is free again', () => {
    const free = takeLock({ ...context(), by: 'anna' }, 'up');
    expect(() => takeLock(context(), 'down')).toThrow(/TW6201.*anna runs "tw up"/);
    free();
    takeLock(context(), 'down')();
  });

  it('that cannot be written is told with the file and the cause', () => {
    writeFileSync(join(dir, 'file'), '');
    const below = { ...context(), stateDir: join(dir, 'file') };
    expect(() => takeLock(below, 'up')).toThrow(
      expect.objectContaining({
        problem: expect.objectContaining({ code: 'TW6201', value: join(dir, 'file', 'lock.json') }),
      }),
    );
  });

  it('a dead holder does not block', () => {
    writeFileSync(
      join(dir, 'lock.json'),
      JSON.stringify({ pid: 1, started: 'never', host: 'elsewhere', person: 'x', verb: 'up', at: 0 }),
    );
    expect(() => takeLock(context(), 'up')).toThrow(/TW6201/);
    const holder = JSON.parse(readFileSync(join(dir, 'lock.json'), 'utf8')) as object;
    writeFileSync(join(dir, 'lock.json'), JSON.stringify({ ...holder, host: (process.env['HOSTNAME'] ?? '') || 'x' }));
    rmSync(join(dir, 'lock.json'));
    const free = takeLock(context(), 'up');
    const mine = JSON.parse(readFileSync(join(dir, 'lock.json'), 'utf8')) as { started: string };
    writeFileSync(join(dir, 'lock.json'), JSON.stringify({ ...mine, started: '1' }));
    takeLock(context(), 'up')();
    free();
  });
});

it('select: names, clouds and regions; the nearest name when unknown', async () => {
  await init(dir, { fleet: 'shop', cluster: ['eu=aws/eu-west-1', 'us=gcp/us-east4'], manifests: './k8s' }, io());
  const file = join(dir, 'tradewind.config.ts');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(
      "'tradewind/config'",
      JSON.stringify(new URL('../config/index.ts', import.meta.url).pathname),
    ),
  );
  const config = await loadConfig(file);
  expect(selectClusters(config, []).map((c) => c.name)).toEqual(['eu', 'us']);
  expect(selectClusters(config, ['cloud:gcp']).map((c) => c.name)).toEqual(['us']);
  expect(selectClusters(config, ['region:eu-west-1', 'us']).map((c) => c.name)).toEqual(['eu', 'us']);
  expect(() => selectClusters(config, ['eo'])).toThrow(/did you mean "eu"/);
  expect(selectApp(config, undefined).name).toBe('shop');
  expect(() => selectApp(config, 'shap')).toThrow(/did you mean "shop"/);
});

it('board: rows keep their order, cells can go, busy rows know since when', () => {
  const seen: number[] = [];
  const b = board(
    (v) => seen.push(v.rows.length),
    () => 7,
  );
  b.set(['a'], { tone: 'busy', cells: { n: '1' } });
  b.set(['b', 'kid'], { tone: 'ok' });
  b.set(['a'], { tone: 'ok', cells: { n: undefined } });
  expect(b.view().rows.map((r) => [r.key, r.tone, r.cells, r.since])).toEqual([
    ['a', 'ok', {}, 7],
    ['b', 'wait', {}, undefined],
  ]);
  expect(seen).toEqual([1, 2, 2]);
});

it('explain: codes and config fields, and the nearest of both', async () => {
  expect((await explain('TW2102')).data).toMatchObject({ code: 'TW2102', exit: 4 });
  expect((await explain('apps.x.traffic.ttl')).data).toMatchObject({ default: 30 });
  await expect(explain('TW21020')).rejects.toThrow(/TW8001/);
  await expect(explain('apps.x.trafic')).rejects.toThrow(/did you mean "traffic"/);
});
