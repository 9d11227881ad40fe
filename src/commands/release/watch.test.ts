import { expect, it } from 'vitest';
import { memoryJournal, toJson } from '../../kernel/index.ts';
import { history } from './look.ts';
import { CLUSTERS, Shop } from './released.fixtures.ts';
import { release } from './start.ts';
import { flips } from './watch.ts';

it('what was done names its app: two releases at once are told apart', async () => {
  const shop = await new Shop().stand();
  await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
  const own = shop.journal.read();
  const both = memoryJournal(shop.clock);
  for (const { kind, cluster = '', data } of own) {
    both.append({ kind, cluster, data });
    const other = { ...(data as object), app: 'blog' };
    if (kind.startsWith('release.')) both.append({ kind, cluster, data: toJson(other) });
  }
  const at = flips(both.read(), 'shop');
  expect(Object.keys(at).toSorted()).toEqual(CLUSTERS);
  const others = both.read().filter((f) => (f.data as { app?: string }).app !== 'shop');
  expect(flips(others, 'shop')).toEqual({});
  const told = await history({ ...shop.context, journal: () => both }, {});
  expect(told.data).toMatchObject({ releases: [{ release: 'r1', decision: 'committed' }] });
});
