import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../kernel/index.ts';
import { adopt } from './adopt.ts';
import { recoverReleases } from './recover.ts';
import { CLUSTERS, Shop } from './released.fixtures.ts';
import { release } from './start.ts';
import { resumeReleases, retire, rollback } from './verbs.ts';

const go = (shop: Shop, target: string, more: object = {}, answer?: string) =>
  release(shop.context, { target: `shop@${target}`, yes: true, ...more }, shop.io(answer));
const recover = async (shop: Shop, yes = true, answer?: string) =>
  recoverReleases(shop.context, await shop.context.engine(), shop.io(answer), yes);
const record = async (shop: Shop) =>
  (await shop.store.get('release/shop')).value as Record<string, unknown> | undefined;

describe('a release through its verbs', () => {
  it('moves all clusters, keeps the old version, goes back', async () => {
    const shop = await new Shop().stand();
    expect((await go(shop, 'v2')).data).toMatchObject({ outcome: 'done', release: 'r1' });
    expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
    const back = await rollback(shop.context, { app: 'shop' }, shop.io());
    expect(back.data).toMatchObject({ outcome: 'rolledback' });
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  });

  it('TW7001 a second release is refused with the name and phase of the first', async () => {
    const shop = await new Shop({ approve: ['commit'] }).stand();
    const first = go(shop, 'v2', { yes: false, plan: undefined }, undefined).catch((e: unknown) => e);
    expect(await first).toMatchObject({ code: 'TW6005' });
    const held = release(shop.context, { target: 'shop@v2', yes: true, hold: 'commit' }, shop.io());
    while ((await record(shop))?.['decision'] !== 'preparing') await shop.clock.sleep(500);
    await expect(go(shop, 'v3')).rejects.toMatchObject({
      code: 'TW7001',
      message: expect.stringMatching(/r1 \(preparing, by .*\) holds shop/),
    });
    shop.stop();
    await held;
  });

  it('TW7002 another plan than the one that was named', async () => {
    const shop = await new Shop().stand();
    await expect(go(shop, 'v2', { yes: false, plan: 'r-000000000000' })).rejects.toMatchObject({
      code: 'TW7002',
      message: expect.stringMatching(/r-000000000000.*the plan is now r-/s),
    });
    expect(await record(shop)).toBeUndefined();
    // What is kept for a rollback is not ended for it either.
    await go(shop, 'v2');
    const kept = await record(shop);
    expect(kept).toMatchObject({ release: 'r1', step: 'keep' });
    await expect(go(shop, 'v3', { plan: 'r-000000000000' })).rejects.toMatchObject({ code: 'TW7002' });
    expect(await record(shop)).toEqual(kept);
  });

  it('TW7004 is refused, a contract is confirmed by its plan and by nothing else', async () => {
    const schema = { v1: { reads: [1, 2], writes: 2 }, v2: { reads: [2], writes: 2 }, v3: { reads: [3], writes: 3 } };
    const shop = await new Shop({ state: { schema } }).stand();
    await expect(go(shop, 'v3')).rejects.toMatchObject({ code: 'TW7004' });
    const refused = (await go(shop, 'v2').catch((e: unknown) => e)) as { problem: { fix: { command: string }[] } };
    expect(refused).toMatchObject({ code: 'TW6005', message: expect.stringMatching(/no rollback past this point/) });
    await expect(go(shop, 'v2', { yes: false }, 'no')).rejects.toMatchObject({ code: 'TW6005' });
    expect(shop.asked[0]?.text).toMatch(/^v2 no longer reads \[1\]: no rollback past this point/);
    expect(await record(shop)).toBeUndefined();
    const plan = /--plan (r-\w+)/.exec(refused.problem.fix[0]?.command ?? '')?.[1];
    expect((await go(shop, 'v2', { yes: false, plan })).data).toMatchObject({ outcome: 'done' });
  });

  it('TW7005 no room for two versions: refused with cluster and pods, before green is made', async () => {
    const shop = await new Shop().stand();
    shop.world.crowded.set('syd', 2);
    await expect(go(shop, 'v2')).rejects.toMatchObject({
      code: 'TW7005',
      problem: { why: ['syd: 2 more pods of v2 would find no node'], where: [{ cluster: 'syd' }] },
    });
    expect([await record(shop), [...shop.world.units.keys()].filter((k) => k.endsWith('v2'))]).toEqual([undefined, []]);
    // Green that stands already needs no more.
    shop.world.units.set('syd v2', { ready: 2, wanted: 2, fence: 1, why: [] });
    expect((await go(shop, 'v2')).data).toMatchObject({ outcome: 'done' });
  });

  it('TW7010 green that never gets ready: cluster, pod and innermost cause, nobody was switched', async () => {
    const shop = await new Shop({ prepare: { timeout: '5s' } }).stand();
    shop.world.sick.set('mtl v2', 'pod shop-v2-1: image not found');
    const failed = await go(shop, 'v2');
    expect(failed.problem).toMatchObject({ code: 'TW7010', exit: 5, where: [{ cluster: 'mtl' }] });
    expect(failed.problem?.why[0]).toContain('pod shop-v2-1: image not found');
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  });

  it('TW7020 a flip that is missed and may not be braked: every cluster goes back', async () => {
    const shop = await new Shop({ skew: { max: '1s', onMissed: 'rollback' } }).stand();
    const { store } = shop;
    // Cut off between the commit and its flip.
    shop.store = {
      ...store,
      cas: async (key, revision, next) => {
        if ((next as { decision?: string }).decision === 'committed') shop.world.cut.add('syd');
        return await store.cas(key, revision, next);
      },
    };
    const going = go(shop, 'v2');
    while ((await record(shop))?.['decision'] !== 'aborting') await shop.clock.sleep(200);
    shop.world.cut.delete('syd');
    const failed = await going;
    expect(failed.problem).toMatchObject({ code: 'TW7020', where: [{ cluster: 'syd' }] });
    expect(failed.problem?.why[0]).toMatch(/syd did not switch .* is not braked: a missed flip ends this release/);
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  });

  it('TW7031 a rollback that is not complete is never called rolled back: what is left, and braked or not', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    shop.world.cut.add('syd');
    const going = rollback(shop.context, { app: 'shop' }, shop.io());
    while (!shop.world.braked.has('syd')) await shop.clock.sleep(200);
    await shop.clock.sleep(3000);
    shop.stop();
    const left = await going;
    expect(left.data).toMatchObject({ outcome: 'open', decision: 'aborting' });
    expect(left.problem).toMatchObject({ code: 'TW7031', fix: [{ command: 'tw resume' }] });
    expect(left.problem?.why[0]).toMatch(/^syd \(braked\): /);
    expect(shop.live()).toEqual(['v1', 'v1', 'v2']);
  });

  it('what is not graceful is a warning of the plan, said once', async () => {
    const shop = await new Shop().stand();
    shop.world.warnings = ['Deployment shop-v2, container web: has no readinessProbe'];
    const plan = await go(shop, 'v2', { dryRun: true });
    const { gaps } = (plan.data as unknown as { plan: { gaps: string[] } }).plan;
    expect(gaps.filter((g) => g.includes('readinessProbe'))).toEqual(shop.world.warnings);
  });

  it('TW7050 a rollback after the end says that it is a new release, and asks', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    await retire(shop.context, { app: 'shop' }, shop.io());
    await expect(rollback(shop.context, { app: 'shop' }, shop.io('no'))).rejects.toMatchObject({ code: 'TW7050' });
    expect(shop.asked.at(-1)?.text).toMatch(
      /r1 is done, v1 may be gone: going back is a new release with a cold start/,
    );
    expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
  });
});

describe('TW7040 the register is lost', () => {
  it('nothing begins over it; --recover goes on with what green proves', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    shop.store = memoryStore();
    await expect(go(shop, 'v3')).rejects.toMatchObject({
      code: 'TW7040',
      problem: { fix: [{ command: 'tw resume --recover' }] },
    });
    await expect(rollback(shop.context, { app: 'shop' }, shop.io())).rejects.toMatchObject({ code: 'TW7040' });
    const resumed = await resumeReleases(shop.context, await shop.context.engine(), shop.io());
    expect(resumed[0]?.problem).toMatchObject({ code: 'TW7040' });
    await expect(recover(shop, false, 'no')).rejects.toMatchObject({ code: 'TW6005' });
    expect(shop.asked.at(-1)?.text).toMatch(/^r1 of shop to v2: mtl, sao, syd serve v2, so it goes on. Go on\?$/);
    // Who agreed to it read the same; nobody is there to ask.
    const agreed = { ...shop.context, agreed: {} };
    const [found] = await recoverReleases(agreed, await shop.context.engine(), shop.io(), false);
    expect(found?.data).toMatchObject({ release: 'r1', outcome: 'done' });
    expect((await rollback(shop.context, { app: 'shop' }, shop.io())).data).toMatchObject({ outcome: 'rolledback' });
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  });

  it('votes alone are taken back', async () => {
    const shop = await new Shop().stand();
    const held = go(shop, 'v2', { hold: 'commit' }).catch((e: unknown) => e);
    const voted = () => CLUSTERS.every((c) => shop.world.switches.seen(c).state?.vote === true);
    while (!voted()) await shop.clock.sleep(200);
    shop.store = memoryStore();
    const [found] = await recover(shop);
    expect(found?.data).toMatchObject({ outcome: 'rolledback', cause: { code: 'TW7040' } });
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
    // The first one sees the newer epoch on the switches.
    expect(await held).toMatchObject({ code: 'TW7041' });
    // And the next release does not count from one again.
    expect((await go(shop, 'v2')).data).toMatchObject({ release: 'r2', outcome: 'done' });
  });

  it('for a while: nothing is decided and nothing done, then it goes on', async () => {
    const shop = await new Shop().stand();
    const { store } = shop;
    let lost = false;
    shop.store = {
      ...store,
      get: async (key) => {
        if (lost) throw new Error('disk is gone');
        return await store.get(key);
      },
    };
    const going = go(shop, 'v2');
    const at = async () => (await store.get('release/shop')).value as { decision?: string } | undefined;
    while ((await at())?.decision !== 'preparing') await shop.clock.sleep(20);
    lost = true;
    const before = await at();
    const fences = () => CLUSTERS.map((c) => shop.world.switches.seen(c).state?.fence);
    await shop.clock.sleep(2000);
    const held = fences();
    await shop.clock.sleep(20_000);
    expect([await at(), fences(), shop.live()]).toEqual([before, held, ['v1', 'v1', 'v1']]);
    lost = false;
    expect((await going).data).toMatchObject({ outcome: 'done' });
  });

  it('is said to be none where nothing is lost, and where nothing was ever released', async () => {
    const shop = await new Shop().stand();
    expect((await recover(shop))[0]?.data).toMatchObject({ said: expect.stringMatching(/nothing is open/) });
    await go(shop, 'v2');
    expect((await recover(shop))[0]?.data).toMatchObject({ said: 'the register has r1: nothing is lost' });
  });
});

describe('TW7021 a switch edited by hand', () => {
  const take = (shop: Shop, args: object, answer?: string) =>
    adopt(shop.context, { app: 'shop', on: [], ...args }, shop.io(answer));

  it('holds a rollback until it is adopted; the switch then is what the rollback wants', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    shop.world.switches.edit('syd', 'expected all weight on shop-v2, found shop-v1 50, shop-v2 50');
    const going = rollback(shop.context, { app: 'shop' }, shop.io());
    while ((await record(shop))?.['decision'] !== 'aborting') await shop.clock.sleep(500);
    await shop.clock.sleep(20_000);
    expect((await record(shop))?.['decision']).toBe('aborting');
    expect(shop.live().slice(0, 2)).toEqual(['v1', 'v1']);
    const taken = await take(shop, { yes: true });
    expect(taken.data).toMatchObject({ adopted: [{ cluster: 'syd', live: 'v1' }], sound: ['mtl', 'sao'] });
    expect((await going).data).toMatchObject({ outcome: 'rolledback' });
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
    expect(shop.journal.read({ kind: 'release.adopted' })[0]?.data).toMatchObject({ live: 'v1', app: 'shop' });
  });

  it('rollback --adopt takes it along', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    shop.world.switches.edit('syd', 'somebody was here');
    const back = await rollback(shop.context, { app: 'shop', adopt: true }, shop.io());
    expect(back.data).toMatchObject({ outcome: 'rolledback' });
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  });

  it('asks, refuses another version than the open release wants, leaves sound switches alone', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    const fences = () => CLUSTERS.map((c) => shop.world.switches.seen(c).state?.fence ?? 0);
    const before = fences();
    expect((await take(shop, {})).data).toMatchObject({ adopted: [], sound: CLUSTERS });
    shop.world.switches.edit('syd', 'somebody was here');
    await expect(take(shop, { live: 'v1', yes: true })).rejects.toMatchObject({ code: 'TW7008' });
    await expect(take(shop, {}, 'no')).rejects.toMatchObject({ code: 'TW6005' });
    expect(shop.asked.at(-1)?.text).toBe('Take these switches again, so that syd serves v2?');
    expect(fences()).toEqual(before);
    await take(shop, {}, 'yes');
    expect(fences().map((f, i) => f - (before[i] ?? 0))).toEqual([0, 0, 1]);
  });

  it('a switch that was deleted is made again, as the release left it', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    shop.world.switches.vanish('syd');
    const taken = await take(shop, { yes: true });
    expect(taken.data).toMatchObject({ adopted: [{ cluster: 'syd', live: 'v2' }] });
    expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
    expect((await retire(shop.context, { app: 'shop' }, shop.io())).data).toMatchObject({ decision: 'done' });
  });

  it('what is over is retired elsewhere, and waits for no edited switch', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    await rollback(shop.context, { app: 'shop' }, shop.io());
    shop.world.switches.edit('syd', 'somebody was here');
    expect((await retire(shop.context, { app: 'shop' }, shop.io())).data).toMatchObject({ outcome: 'rolledback' });
    const left = () => [...shop.world.units.keys()].filter((k) => k.endsWith(' v2'));
    expect(left()).toEqual(['syd v2']);
    await take(shop, { yes: true });
    await retire(shop.context, { app: 'shop' }, shop.io());
    expect(left()).toEqual([]);
  });

  it('after the end it is a part of its release again: the brake goes', async () => {
    const shop = await new Shop().stand();
    await go(shop, 'v2');
    await retire(shop.context, { app: 'shop' }, shop.io());
    shop.world.switches.edit('syd', 'somebody was here');
    shop.world.braked.add('syd');
    await take(shop, { yes: true });
    await retire(shop.context, { app: 'shop' }, shop.io());
    expect([[...shop.world.braked], shop.live()]).toEqual([[], ['v2', 'v2', 'v2']]);
  });

  it('without a release it becomes what it does now, or what a person says', async () => {
    const shop = await new Shop().stand();
    shop.world.switches.edit('syd', 'notes are lost');
    expect((await take(shop, { yes: true })).data).toMatchObject({ adopted: [{ cluster: 'syd', live: 'v1' }] });
    shop.world.switches.edit('syd', 'again');
    expect((await take(shop, { yes: true, live: 'v7' })).data).toMatchObject({ adopted: [{ live: 'v7' }] });
  });
});
