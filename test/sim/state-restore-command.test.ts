/** `tw state backup` and `restore` as they are run: API servers, agents, redis-server and files; what the how-to promises. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stateDoor } from '../../src/compose/state.ts';
import type { Config } from '../../src/config/index.ts';
import { fault } from '../../src/kernel/index.ts';
import { lastVerified } from '../../src/state/backup/index.ts';
import { programOf, untilTrue } from '../../src/state/testing/redis-process.ts';
import { Pods } from './state-agent/pods.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-restore-'));
const folder = join(dir, 'backups', 'demo', 'app');
const { signal } = new AbortController();
type Sure = (known: readonly string[]) => Promise<void>;

describe.skipIf(programOf('redis-server') === undefined)('backup and restore of an app', { timeout: 120_000 }, () => {
  let pods: Pods;
  beforeAll(async () => void (pods = await Pods.start(dir)), 120_000);
  afterAll(async () => {
    await pods.close();
    rmSync(dir, { recursive: true, force: true });
  });

  // On a busy machine a Redis that does not run for two seconds is a failover of its own.
  beforeEach(async () => await pods.calm());

  /** Once more after a failover that the test did not ask for. */
  const steady = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let left = 3; ; left--) {
      await pods.calm();
      try {
        return await work();
      } catch (e) {
        const { code } = (e as { problem?: { code: string } }).problem ?? { code: 'TW5114' };
        if (left === 0 || !['TW5114', 'TW5130', 'TW5132'].includes(code)) throw e;
      }
    }
  };
  const write = async (...all: string[]): Promise<void> => {
    for (const word of all)
      await steady(async () => {
        const home = await pods.home();
        if ((await words(home.name)).includes(word)) return;
        const w = await home.as('tw-w');
        try {
          await w.ask('RPUSH', 'k', word);
          if (Number(await w.ask('WAIT', 1, 5000)) < 1) throw new Error('no second copy');
        } finally {
          w.close();
        }
      });
  };
  const words = async (name: string): Promise<string[]> => {
    const r = await pods.of(name).as('tw-r');
    const all = (await r.ask('LRANGE', 'k', 0, -1)) as Buffer[];
    r.close();
    return all.map(String);
  };
  const everywhere = async (wanted: string[]): Promise<void> =>
    await untilTrue(
      `all have ${wanted.join()}`,
      async () => (await Promise.all(pods.places.map((p) => words(p.name)))).every((l) => l.join() === wanted.join()),
      60_000,
    );
  const backup = async () => await pods.door.backup({ app: 'app' }, {}, signal);
  const restore = async (snapshot: string, sure: Sure = async () => undefined) =>
    await pods.door.restore({ app: 'app', snapshot, sure, show: () => undefined }, {}, signal);
  const epoch = async () => (await pods.door.look({}))[0]?.epoch ?? 0;
  const files = () => readdirSync(folder).filter((f) => f.endsWith('.rdb'));

  it('a snapshot is of a copy that is not home, was loaded, and is readable by its user alone', async () => {
    await write('1', '2');
    const { snapshot, where, problem } = await steady(backup);
    expect(problem).toBeUndefined();
    expect(snapshot).toMatchObject({ is: 'verified', kind: 'snapshot', keys: 2 });
    expect(snapshot.from).not.toBe(snapshot.home);
    expect(where).toBe(join(dir, 'backups'));
    const mode = (path: string): number => statSync(path).mode & 0o777;
    for (const f of readdirSync(folder)) expect([f, mode(join(folder, f))]).toEqual([f, 0o600]);
    for (const d of [folder, join(dir, 'backups', 'demo'), join(dir, 'backups')])
      expect([d, mode(d)]).toEqual([d, 0o700]);
    // The key that was written for it is gone, and so is the pod that loaded it.
    const r = await (await pods.home()).as('tw-r');
    expect(await r.ask('EXISTS', 'tw:canary')).toBe(0);
    r.close();
    expect(
      pods.places.flatMap((p) => p.pods.twin.all().filter((o) => o.metadata.name.startsWith('backup-check'))),
    ).toEqual([]);
  });

  it('a restore says what is given up, keeps that as a salvage, and all copies have the snapshot', async () => {
    const { snapshot } = await steady(backup);
    await write('3');
    const before = await epoch();
    let told: readonly string[] = [];
    const hears: Sure = async (known) => {
      told = known;
    };
    const done = await steady(() => restore(snapshot.id, hears));
    expect(told.join()).toMatch(/(\d+ bytes of log were written since|given up),keys: 2 in the snapshot, 1 now/);
    expect(done.epoch).toBeGreaterThan(before);
    await everywhere(['1', '2']);
    await write('after');
    await everywhere(['1', '2', 'after']);
    // What was replaced is a snapshot like any other.
    expect(done.salvage).toMatch(/-salvage$/);
    expect(lastVerified((await pods.door.backups('app')).all)?.id).toBe(snapshot.id);
    await steady(() => restore(done.salvage));
    await everywhere(['1', '2', '3']);
  });

  it('a no changes nothing, nor does a snapshot that is none, did not count, or is not what was stored', async () => {
    const { snapshot } = await steady(backup);
    const before = [await epoch(), files().length];
    await expect(restore(snapshot.id, () => Promise.reject(fault('TW6005', { value: 'no' })))).rejects.toMatchObject({
      problem: { code: 'TW6005' },
    });
    await expect(restore('app-none')).rejects.toMatchObject({ problem: { code: 'TW5131', value: 'app-none' } });
    const rdb = join(folder, `${snapshot.id}.rdb`);
    writeFileSync(rdb, 'REDIS0010 something else');
    await expect(restore(snapshot.id)).rejects.toMatchObject({
      problem: {
        code: 'TW5130',
        why: expect.arrayContaining([expect.stringMatching(/^step digest: 24 bytes came back/)]),
      },
    });
    const manifest = join(folder, `${snapshot.id}.json`);
    writeFileSync(manifest, JSON.stringify({ ...snapshot, is: 'failed', step: 'load', why: 'it did not load' }));
    await expect(restore(snapshot.id)).rejects.toMatchObject({
      problem: { code: 'TW5130', why: expect.arrayContaining(['step load: it did not load']) },
    });
    expect([await epoch(), files().length]).toEqual(before);
    await everywhere(['1', '2', '3']);
    rmSync(rdb);
    rmSync(manifest);
  });

  it('without a salvage nothing is replaced, and what was there goes on', async () => {
    const { snapshot } = await steady(backup);
    // There is no room for another snapshot: its folder cannot be written.
    const home = await pods.home();
    const loads = pods.places.map((p) => p.pods.twin);
    const real = loads.map((t) => t.create.bind(t));
    let pod = 0;
    for (const [i, t] of loads.entries())
      t.create = async (o, m) => {
        if (o.kind === 'Pod' && ++pod > 1) throw new Error('quota: no more pods');
        return await (real[i] as typeof t.create)(o, m);
      };
    try {
      await expect(restore(snapshot.id)).rejects.toMatchObject({
        problem: {
          code: 'TW5132',
          why: [
            expect.stringContaining('no salvage snapshot of what is there'),
            expect.stringContaining('nothing was replaced'),
          ],
        },
      });
    } finally {
      for (const [i, t] of loads.entries()) t.create = real[i] as typeof t.create;
    }
    await pods.calm();
    expect((await pods.home()).redis.alive && home.redis.alive).toBe(true);
    await everywhere(['1', '2', '3']);
    await write('4');
  });

  it('snapshots beyond `keep` go, with their files; the newest one never does', async () => {
    const { config } = pods.wiring;
    const apps = config.apps.map((a) => ({ ...a, state: { ...a.state, backup: { every: 3_600_000, keep: 1 } } }));
    const door = stateDoor({ ...pods.wiring, config: { ...config, apps } as Config });
    const backup = async () => await door.backup({ app: 'app' }, {}, signal);
    const ids = [(await steady(backup)).snapshot.id, (await steady(backup)).snapshot.id];
    const left = (await pods.door.backups('app')).all.filter((m) => m.kind === 'snapshot');
    expect(left.map((m) => m.id)).toEqual([ids[1]]);
    expect(files().filter((f) => !f.includes('salvage'))).toEqual([`${ids[1]}.rdb`]);
  });
});
