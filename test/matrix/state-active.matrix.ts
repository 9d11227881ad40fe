import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Rig, ROOT } from '../e2e/rig.ts';
import { CLUSTERS, kept, StateRig, type Story } from '../e2e/state-rig.ts';

/** One list in three clouds that all take writes: after every fault all have the same, each entry once. */
const rig = new Rig({ TW_CONFIG: join(ROOT, 'examples', 'guestbook', 'active.config.ts') });
const s3 = new StateRig(rig);

/** The list that all clusters have, once it is the same in all. */
const equal = (): Promise<string[]> =>
  eventually(60_000, async () => {
    await s3.whole();
    const [first = [], ...others] = await Promise.all(CLUSTERS.map((c) => s3.listIn(c)));
    for (const other of others) expect(other).toEqual(first);
    return first;
  });
const under = (name: string, seconds: number, happens: () => Promise<void>): Promise<Story> =>
  s3.under({ name, seconds, end: equal }, happens);

beforeAll(async () => {
  const up = await rig.tw('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => rig.end());

describe('every cluster takes writes', () => {
  it('what is written anywhere is read everywhere; nobody is home and no store is asked', async () => {
    const now = await s3.whole();
    expect(now).toMatchObject({ home: null, copies: 3 });
    expect(now.clusters.map((c) => c.role)).toEqual(['open', 'open', 'open']);
    for (const c of CLUSTERS) expect(await s3.push(c, `from-${c}`)).toBe(200);
    for (const c of CLUSTERS)
      await eventually(10_000, async () => {
        const seen = await s3.read(c);
        for (const by of CLUSTERS) expect(seen).toContain(`from-${by}`);
      });
    const moved = await rig.json('state', 'move', '--to', 'syd');
    expect(moved.problem?.code).toBe('TW5006');
    const plan = await rig.tw('plan');
    expect(plan.stdout).toContain('active-active');
    expect(plan.stdout).toContain('writes never wait for another cluster; refused after 10.0 s');
  });

  it('a cloud that the others lost for a minute goes on; healed, all have everything, each once', async () => {
    let cut = { from: 0, to: 0 };
    const s = await under('cut', 90, async () => {
      for (const other of ['sao', 'mtl']) await s3.chaos('link', `syd..${other}`, '--set', 'cut=true');
      const from = Date.now();
      await new Promise((r) => setTimeout(r, 60_000));
      cut = { from, to: Date.now() };
      await s3.chaos('heal');
    });
    kept(s);
    // Its own users, who reach it, did not notice, and neither did those of the others.
    for (const c of CLUSTERS) {
      const writes = s.by[c]?.writes ?? [];
      expect(writes.filter((w) => w.result !== 'ok')).toEqual([]);
      const during = writes.filter((w) => w.from > cut.from && w.to < cut.to);
      expect(during.length).toBeGreaterThan(100);
    }
  });

  it('a cloud that nobody reaches, not even its users, loses nothing that it confirmed', async () => {
    const s = await under('apart', 45, async () => {
      await s3.chaos('partition', 'cluster:syd');
      await new Promise((r) => setTimeout(r, 20_000));
      await s3.chaos('heal');
    });
    kept(s);
    for (const c of ['sao', 'mtl']) expect(s.by[c]?.writes.filter((w) => w.result !== 'ok')).toEqual([]);
  });

  it('a cloud without power comes back with what it had confirmed', async () => {
    const s = await under('dead', 30, async () => {
      await s3.chaos('kill', 'cluster:mtl');
      await new Promise((r) => setTimeout(r, 5000));
      await s3.chaos('heal');
    });
    kept(s);
    for (const c of ['sao', 'syd']) expect(s.by[c]?.writes.filter((w) => w.result === 'failed')).toEqual([]);
  });

  it('a Redis that lost memory and disk takes everything from the others', async () => {
    const before = await equal();
    for (const c of CLUSTERS) {
      await s3.lose(c, '/data/appendonlydir', '/data/dump.rdb');
      expect(await equal()).toEqual(before);
    }
  });

  it('all three are stopped in order and started: the data is back without a person', async () => {
    const before = await equal();
    await s3.restart();
    expect(await equal()).toEqual(before);
    expect(await s3.push('sao', 'again')).toBe(200);
  });
});
