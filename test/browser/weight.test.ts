import { expect, it } from 'vitest';
import { webWeight } from '../../bench/lib/web-weight.ts';
import { webFiles } from '../../src/compose/web.ts';

const KB = 1024;

it('the map weighs at most 60 KB after gzip, and no other page adds more than 30', async () => {
  const { first, pages } = webWeight(await webFiles());
  expect([first > 20 * KB, first < 60 * KB]).toEqual([true, true]);
  expect(Object.keys(pages).toSorted()).toEqual([
    'fleet',
    'history',
    'lab',
    'plan',
    'releases',
    'settings',
    'state',
    'traffic',
  ]);
  for (const [name, bytes] of Object.entries(pages)) expect([bytes > 0, bytes < 30 * KB], name).toEqual([true, true]);
});
