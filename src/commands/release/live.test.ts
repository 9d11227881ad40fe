import { expect, it } from 'vitest';
import { ensureSwitches, liveVersions } from './live.ts';
import { CLUSTERS, Shop } from './released.fixtures.ts';
import { release } from './start.ts';

async function engineOf(shop: Shop) {
  const e = await shop.context.engine();
  return { e, outputs: await e.outputs() };
}

it('a switch that is gone beside others comes back with what was released, and is planned so', async () => {
  const shop = await new Shop().stand();
  await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
  shop.world.switches.vanish('syd');
  const { e, outputs } = await engineOf(shop);
  expect((await liveVersions(e, outputs)).versions).toEqual({ shop: { mtl: ['v2'], sao: ['v2'], syd: ['v2'] } });
  const made = await ensureSwitches(e, outputs, undefined);
  expect(made.map((m) => m.did)).toEqual(['there', 'there', 'made']);
  expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
});

it('where every cluster is new, all begins as the config says, and the old release is over', async () => {
  const shop = await new Shop().stand();
  await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
  for (const c of CLUSTERS) shop.world.switches.vanish(c);
  const { e, outputs } = await engineOf(shop);
  expect((await liveVersions(e, outputs)).versions).toEqual({ shop: {} });
  await ensureSwitches(e, outputs, undefined);
  expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  expect((await shop.store.get('release/shop')).value).toMatchObject({ decision: 'rolledback' });
});

it('a silent cluster is named, and the others are known', async () => {
  const shop = await new Shop().stand();
  shop.world.cut.add('syd');
  const { e, outputs } = await engineOf(shop);
  const { versions, blind } = await liveVersions(e, outputs, 1000);
  expect([versions, Object.keys(blind)]).toEqual([{ shop: { mtl: ['v1'], sao: ['v1'] } }, ['syd']]);
});
