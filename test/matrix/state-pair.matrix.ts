import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Rig, ROOT } from '../e2e/rig.ts';
import { kept, StateRig, type Story } from '../e2e/state-rig.ts';

/** Two copies, and a store with a member in a third cloud: the one that is left goes on alone, and both count again. */
const PAIR = ['sao', 'mtl'];
const rig = new Rig({ TW_CONFIG: join(ROOT, 'test', 'matrix', 'pair.config.ts') });
const s2 = new StateRig(rig, PAIR);

const under = (name: string, seconds: number, happens: () => Promise<void>): Promise<Story> => {
  const end = async (): Promise<string[]> => s2.listIn((await s2.whole()).home ?? '');
  return s2.under({ name, seconds, end }, happens);
};
const both = async () => {
  const now = await s2.whole();
  return { home: now.home ?? '', epoch: now.epoch, other: PAIR.find((c) => c !== now.home) ?? '' };
};
/** Writes of a region that were confirmed after a moment. */
const acked = (s: Story, region: string, after: number): number =>
  s.by[region]?.writes.filter((w) => w.result === 'ok' && w.from > after).length ?? 0;

beforeAll(async () => {
  const up = await rig.tw('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
});
afterAll(() => rig.end());

describe('two copies', () => {
  it('the cloud of home dies under writes: the other one goes on alone, 0 lost, and both count again', async () => {
    const { home, other } = await both();
    let alone = 0;
    const s = await under('dead', 40, async () => {
      await s2.chaos('kill', `cluster:${home}`);
      await eventually(60_000, async () => expect(await s2.state()).toMatchObject({ home: other, copies: 1 }));
      alone = Date.now();
      await new Promise((r) => setTimeout(r, 5000));
      await s2.chaos('heal');
    });
    kept(s, 200);
    expect(acked(s, other, alone)).toBeGreaterThan(20);
    expect(s.by[other]?.writes.filter((w) => w.result === 'failed')).toEqual([]);
    expect(await s2.whole()).toMatchObject({ home: other });
  });

  it('the other cloud dies under writes: home goes on alone, 0 lost', async () => {
    const { home, other } = await both();
    let alone = 0;
    const s = await under('left', 40, async () => {
      await s2.chaos('kill', `cluster:${other}`);
      await eventually(60_000, async () => expect(await s2.state()).toMatchObject({ home, copies: 1 }));
      await eventually(60_000, async () => expect(await s2.push(home, 'alone')).toBe(200));
      alone = Date.now();
      await new Promise((r) => setTimeout(r, 5000));
      await s2.chaos('heal');
    });
    kept(s, 200);
    expect(acked(s, home, alone)).toBeGreaterThan(20);
    expect(await s2.whole()).toMatchObject({ home });
  });

  it('the link between the two is cut: nobody goes alone, writes wait, and go on when it is healed', async () => {
    const { home, other, epoch } = await both();
    const s = await under('link', 25, async () => {
      await s2.chaos('link', `${home}..${other}`, '--set', 'cut=true');
      await new Promise((r) => setTimeout(r, 6000));
      await s2.chaos('heal');
    });
    kept(s, 100);
    expect(await s2.whole()).toMatchObject({ home, epoch });
  });
});
