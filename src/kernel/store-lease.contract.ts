import { expect, it } from 'vitest';
import type { WithStore } from './store.contract.ts';
import type { Store, StoreView } from './store.ts';

async function first(store: Store, fits: (v: StoreView) => boolean): Promise<StoreView> {
  const stop = new AbortController();
  for await (const view of store.watch('l/', stop.signal)) {
    if (!fits(view)) continue;
    stop.abort();
    return view;
  }
  throw new Error('the watch ended');
}

async function expires(a: Store, b: Store, ttlMs: number): Promise<void> {
  const lease = await a.lease(ttlMs);
  await a.txn({
    if: [],
    put: [
      { key: 'l/mine', value: 1, lease: lease.id },
      { key: 'l/free', value: 2 },
    ],
  });
  const before = await first(b, (v) => v.entries.length === 2);
  // Nobody keeps it alive any more, as when a process dies.
  await a.close();
  const after = await first(b, (v) => v.entries.length === 1);
  expect(after.entries).toMatchObject([{ key: 'l/free', value: 2 }]);
  expect(after.revision).toBeGreaterThan(before.revision);
}

async function lives(a: Store, b: Store, ttlMs: number): Promise<void> {
  const lease = await a.lease(ttlMs);
  await a.txn({ if: [], put: [{ key: 'l/mine', value: 1, lease: lease.id }] });
  await new Promise((done) => setTimeout(done, ttlMs * 2.2));
  expect(lease.lost.aborted).toBe(false);
  expect((await b.get('l/mine')).value).toBe(1);
  // Written again without the lease, the key stays.
  await a.txn({ if: [], put: [{ key: 'l/kept', value: 1, lease: lease.id }] });
  await b.txn({ if: [], put: [{ key: 'l/kept', value: 2 }] });
  await lease.close();
  expect((await b.get('l/mine')).revision).toBe(0);
  expect((await b.get('l/kept')).value).toBe(2);
  await expect(a.txn({ if: [], put: [{ key: 'l/late', value: 1, lease: lease.id }] })).rejects.toThrow(/TW1020/);
  expect((await b.get('l/late')).revision).toBe(0);
}

/** Leases of every Store. */
export function leaseContract(withStore: WithStore, ttlMs: number): void {
  it('keys of a lease go away when nobody keeps it alive', () => withStore((a, b) => expires(a, b, ttlMs)));
  it('a lease lives until it is closed, and no longer', () => withStore((a, b) => lives(a, b, ttlMs)), 20_000);
}
