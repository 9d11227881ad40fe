import { describe, expect, it } from 'vitest';
import { memoryStore, type Store } from '../kernel/index.ts';
import { laterStore } from './later-store.ts';

/** How often it was opened and closed. */
function counted(): { open(): Promise<Store>; opened: number; closed: number } {
  const c = {
    opened: 0,
    closed: 0,
    open: async (): Promise<Store> => {
      c.opened += 1;
      const store = memoryStore();
      const close = async (): Promise<void> => {
        c.closed += 1;
        await store.close();
      };
      return Object.assign(Object.create(store) as Store, { close });
    },
  };
  return c;
}

describe('a store that is opened later', () => {
  it('is opened once, and not at all where nobody asks', async () => {
    const c = counted();
    await laterStore(c.open).close();
    expect([c.opened, c.closed]).toEqual([0, 0]);
    const asked = laterStore(c.open);
    await Promise.all([asked.list(''), asked.list('')]);
    await asked.close();
    expect([c.opened, c.closed]).toEqual([1, 1]);
  });

  it('that is closed opens for nobody who comes late; one that was being opened is closed', async () => {
    const c = counted();
    const late = laterStore(c.open);
    await late.close();
    await expect(late.get('a')).rejects.toMatchObject({ problem: { code: 'TW1020' } });
    expect(c.opened).toBe(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = laterStore(async () => {
      await promise;
      return await c.open();
    });
    const asking = slow.get('a').catch(() => undefined);
    const closing = slow.close();
    resolve();
    await Promise.all([asking, closing]);
    expect([c.opened, c.closed]).toEqual([1, 1]);
  });
});
