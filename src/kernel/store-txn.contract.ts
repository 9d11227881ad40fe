import { expect, it } from 'vitest';
import type { StoreContract, WithStore } from './store.contract.ts';
import type { Store, TxnResult } from './store.ts';

const revisionOf = (r: TxnResult): number => (r.is === 'ok' ? r.revision : Number.NaN);

async function transactions(a: Store, b: Store): Promise<void> {
  const first = await a.txn({
    if: [{ key: 'epoch', revision: 0 }],
    put: [
      { key: 'epoch', value: 1 },
      { key: 'home', value: 'sao' },
    ],
  });
  const made = revisionOf(first);
  expect(await b.get('epoch')).toEqual({ value: 1, revision: made });
  expect(await b.get('home')).toEqual({ value: 'sao', revision: made });

  const put = [{ key: 'home', value: 'syd' }];
  const both = (epoch: number, ballot: number): TxnResult | Promise<TxnResult> =>
    a.txn({
      if: [
        { key: 'epoch', revision: epoch },
        { key: 'ballot', revision: ballot },
      ],
      put,
    });
  expect(await both(made, 7)).toEqual({ is: 'stale' });
  expect(await both(0, 0)).toEqual({ is: 'stale' });
  expect((await b.get('home')).value).toBe('sao');
  expect((await both(made, 0)).is).toBe('ok');
  expect((await b.get('home')).value).toBe('syd');
}

async function races(a: Store, b: Store): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const view = await a.range('');
    const at = (key: string): number => view.entries.find((e) => e.key === key)?.revision ?? 0;
    const guards = ['x', 'y'].map((key) => ({ key, revision: at(key) }));
    const writers = [a, b, a, b].map((s, i) =>
      s.txn({ if: guards, put: [{ key: i % 2 === 0 ? 'x' : 'y', value: i }], remove: [i % 2 === 0 ? 'y' : 'x'] }),
    );
    const results = await Promise.all(writers);
    expect(results.filter((r) => r.is === 'ok')).toHaveLength(1);
    expect(results.filter((r) => r.is === 'stale')).toHaveLength(3);
    const { entries } = await b.range('');
    expect(entries.map((e) => e.value)).toEqual([results.findIndex((r) => r.is === 'ok')]);
  }
}

async function removal(a: Store, b: Store): Promise<void> {
  const seen: number[] = [];
  for (let i = 0; i < 3; i++) {
    seen.push(revisionOf(await a.txn({ if: [{ key: 'k', revision: 0 }], put: [{ key: 'k', value: i }] })));
    const last = seen.at(-1) ?? 0;
    expect(await b.cas('k', seen[0] ?? 0, 'old')).toBe(i === 0 ? 'ok' : 'stale');
    const now = (await b.get('k')).revision;
    expect(now).toBeGreaterThanOrEqual(last);
    expect((await a.txn({ if: [{ key: 'k', revision: now }], put: [], remove: ['k', 'never'] })).is).toBe('ok');
    expect(await b.get('k')).toEqual({ value: undefined, revision: 0 });
    expect(await b.cas('k', now, 'old')).toBe('stale');
    seen.push(now);
  }
  expect(seen.filter((r, i) => i > 0 && r < (seen[i - 1] ?? 0))).toEqual([]);
}

async function moments(a: Store, b: Store): Promise<void> {
  const writes: number[] = [];
  for (const key of ['f/b', 'f/a', 'g']) writes.push(revisionOf(await a.txn({ if: [], put: [{ key, value: key }] })));
  const view = await b.range('f/');
  expect(view.entries).toEqual([
    { key: 'f/a', value: 'f/a', revision: writes[1] },
    { key: 'f/b', value: 'f/b', revision: writes[0] },
  ]);
  expect(view.revision).toBe(writes[2]);
  expect(new Set(writes).size).toBe(3);
  expect((await b.range('none')).entries).toEqual([]);
  // A transaction that writes nothing says where the store stands.
  expect(await a.txn({ if: [{ key: 'g', revision: writes[2] ?? 0 }], put: [] })).toEqual({
    is: 'ok',
    revision: writes[2],
  });
  expect((await a.range('f/', 'local')).entries.map((e) => e.key)).toEqual(['f/a', 'f/b']);
}

async function unheard(c: StoreContract): Promise<void> {
  const made = await c.silent?.();
  if (made === undefined) throw new Error('no silent store');
  const { broken, well, heal } = made;
  try {
    const put = [{ key: 'k', value: 'sent' }];
    const answer = await broken.txn({ if: [{ key: 'k', revision: 0 }], put });
    expect(answer.is).toBe('unknown');
    expect(await broken.cas('other', 0, 1)).toBe('unknown');
    await heal();
    // Whatever happened, happened: the truth is one of the two, and a reader sees which.
    const { value, revision } = await well.get('k');
    expect([undefined, 'sent']).toContain(value);
    expect((await broken.txn({ if: [{ key: 'k', revision }], put })).is).toBe('ok');
    expect((await broken.txn({ if: [{ key: 'k', revision }], put })).is).toBe('stale');
  } finally {
    await Promise.all([broken.close(), well.close()]);
  }
}

/** Transactions of every Store. */
export function txnContract(withStore: WithStore, c: StoreContract): void {
  it('a transaction writes all of it or nothing, and every guard counts', () => withStore(transactions));
  it('of transactions that race over several keys exactly one wins', () => withStore(races));
  it('revisions grow over deleting and making again; an old one never fits', () => withStore(removal));
  it('a range is one moment, sorted, with the revision of the store', () => withStore(moments));
  it('a transaction that names a key twice is a mistake of the program', () =>
    withStore(async (a) => {
      await expect(a.txn({ if: [], put: [{ key: 'k', value: 1 }], remove: ['k'] })).rejects.toThrow(TypeError);
      expect((await a.get('k')).revision).toBe(0);
    }));
  it.skipIf(c.silent === undefined)('a write without an answer is unknown, never stale', () => unheard(c));
}
