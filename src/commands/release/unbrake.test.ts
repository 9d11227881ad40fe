import { describe, expect, it } from 'vitest';
import { holdings } from './holdings.ts';
import { whyRelease } from './look.ts';
import { Shop } from './released.fixtures.ts';
import { release } from './start.ts';
import { unbrake } from './unbrake.ts';

const undrain = (shop: Shop, more: object = {}) => unbrake(shop.context, { cluster: 'syd', ...more });

async function released(): Promise<Shop> {
  const shop = await new Shop().stand();
  await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
  return shop;
}
const unit = (shop: Shop, version: string) => {
  const found = shop.world.units.get(`syd ${version}`);
  if (found === undefined) throw new Error(`no ${version}`);
  return found;
};

describe('tw undrain --brake', () => {
  it('lifts a brake where the right version serves, says what it saw, keeps it in the journal', async () => {
    const shop = await released();
    shop.world.braked.add('syd');
    const done = await undrain(shop, { because: 'checked by hand' });
    expect([...shop.world.braked]).toEqual([]);
    expect(done.data).toMatchObject({
      lifted: [{ release: 'r1', found: [{ say: 'serves v2, wanted v2' }, { say: '2 of 2 pods of v2 are ready' }, {}] }],
    });
    expect(shop.journal.read({ kind: 'release.unbraked' })[0]).toMatchObject({
      cluster: 'syd',
      data: { app: 'shop', release: 'r1', why: 'checked by hand' },
    });
  });

  it('is refused where the version is wrong, pods are missing or nobody answers; --force goes on', async () => {
    const shop = await released();
    shop.world.braked.add('syd');
    Object.assign(unit(shop, 'v2'), { ready: 0, why: ['pod shop-v2-1: OOMKilled'] });
    await expect(undrain(shop)).rejects.toMatchObject({
      code: 'TW7008',
      problem: { why: ['0 of 2 pods of v2 are ready: pod shop-v2-1: OOMKilled'] },
    });
    const sw = await shop.world.switches.read('syd');
    if (sw === undefined) throw new Error('no switch');
    await shop.world.switches.write('syd', sw, { ...sw, fence: sw.fence + 1, live: 'v1' }, ['v1', 'v2']);
    await expect(undrain(shop)).rejects.toMatchObject({ problem: { why: ['serves v1, wanted v2'] } });
    shop.world.cut.add('syd');
    await expect(undrain(shop)).rejects.toMatchObject({ problem: { why: [expect.stringMatching(/cannot be asked/)] } });
    expect([...shop.world.braked]).toEqual(['syd']);
    await undrain(shop, { force: true });
    expect([...shop.world.braked]).toEqual([]);
  });

  it('without a record the other clusters say what is right', async () => {
    const shop = await released();
    await shop.store.cas('release/shop', (await shop.store.get('release/shop')).revision, {
      ...((await shop.store.get('release/shop')).value as object),
      members: ['mtl', 'sao'],
      lagging: ['syd'],
    });
    shop.world.braked.add('syd');
    expect((await undrain(shop)).data).toMatchObject({
      lifted: [{ found: [{ say: 'serves v2, wanted v2' }, {}, {}] }],
    });
  });

  it('TW4033 where no release holds it', async () => {
    await expect(undrain(await released())).rejects.toMatchObject({ code: 'TW4033' });
  });
});

describe('what is held', () => {
  it('status lists an open release and its brakes, why names them', async () => {
    const shop = await released();
    const e = await shop.context.engine();
    const held = async () => holdings(e, await e.outputs(), 1000);
    expect(await held()).toMatchObject([{ app: 'shop', record: { release: 'r1', step: 'keep' }, braked: [] }]);
    shop.world.braked.add('syd');
    expect(await held()).toMatchObject([{ braked: ['syd'] }]);
    expect((await whyRelease(shop.context, '#r1')).data).toMatchObject({ heldNow: ['syd'] });
  });
});
