import { expect, it } from 'vitest';
import { manualClock, memoryStore } from '../kernel/index.ts';
import { noteBehind } from './book/chats.ts';
import type { Context } from './context.ts';
import { status } from './status.ts';

it('tells which chat does not show what is true, since when and why; nothing of chats that are right', async () => {
  const clock = manualClock(60_000);
  const book = memoryStore();
  const config = { fleet: 'demo', clusters: [], apps: [] };
  const infra = { journal: { read: () => [] }, tf: { runs: { alive: () => false } } };
  const e = { config, infra, outputs: async () => ({}), kube: () => undefined, state: { look: async () => [] } };
  const c = { clock, book: () => book, stateDir: '/nowhere', config: async () => config, engine: async () => e };
  const ask = () => status(c as unknown as Context, { on: [] });
  await noteBehind(book, 'slack', { since: 20_000, cards: 2, why: 'rate_limited' });
  await noteBehind(book, 'xmpp', { since: 10_000, cards: 1, why: null });
  await noteBehind(book, 'xmpp', undefined);
  const { data, view } = await ask();
  expect(data).toMatchObject({ chats: [{ door: 'slack', since: 20_000, cards: 2, why: 'rate_limited' }] });
  expect(view.rows).toMatchObject([
    {
      tone: 'warn',
      label: [{ s: 'chat slack: behind ' }, { t: 'time', ms: 40_000 }],
      cells: { cards: [{ s: '2' }] },
      why: [{ t: 'untrusted', s: 'rate_limited' }],
    },
  ]);
  await noteBehind(book, 'slack', undefined);
  expect((await ask()).view.rows).toEqual([]);
  const dead = {
    ...c,
    book: () => {
      throw new Error('no disk');
    },
  };
  expect((await status(dead as unknown as Context, { on: [] })).data).toMatchObject({ chats: [] });
});
