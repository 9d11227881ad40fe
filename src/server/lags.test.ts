import { expect, it } from 'vitest';
import type { StateFacts } from '../commands/index.ts';
import { type Lags, withLook } from './lags.ts';

const facts = (lagMs: number | undefined): StateFacts => ({
  app: 'guestbook',
  mode: 'single-writer',
  home: 'sao',
  copies: 2,
  epoch: 1,
  clusters: [
    { name: 'sao', role: 'home' },
    { name: 'mtl', role: 'copy', ...(lagMs === undefined ? {} : { lagMs }) },
    { name: 'vir', role: 'gateway' },
  ],
  story: [],
});

it('one point each five seconds, of copies alone; a silent copy is a gap; the oldest go', () => {
  let lags: Lags = {};
  lags = withLook(lags, [facts(12)], 10_000);
  lags = withLook(lags, [facts(99)], 12_000);
  lags = withLook(lags, [facts(undefined)], 15_000);
  expect(lags).toEqual({
    guestbook: [
      { at: 10_000, ms: { mtl: 12 } },
      { at: 15_000, ms: { mtl: null } },
    ],
  });
  for (let i = 0; i < 400; i++) lags = withLook(lags, [facts(i)], 20_000 + i * 5000);
  expect(lags['guestbook']).toHaveLength(180);
  expect(lags['guestbook']?.at(-1)?.ms).toEqual({ mtl: 399 });
  expect(withLook(lags, [], 1)).toEqual({});
});
