import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from './json.ts';
import type { Store } from './store.ts';
import { leaseContract } from './store-lease.contract.ts';
import { txnContract } from './store-txn.contract.ts';
import { watchContract } from './store-watch.contract.ts';

export interface StoreContract {
  name: string;
  /** Two clients of one new, empty store; `b` goes on when `a` is closed. */
  open(): Promise<[a: Store, b: Store]>;
  /** Shortest lease it gives, ms. */
  leaseMs?: number;
  /** A new store whose answers to `broken`'s writes do not come until it is healed, with a client that is well. */
  silent?(): Promise<{ broken: Store; well: Store; heal(): Promise<void> }>;
}

export type WithStore = (work: (a: Store, b: Store) => Promise<void>) => Promise<void>;

/** What every Store must do; run by the twin and by each adapter. */
export function storeContract(c: StoreContract): void {
  const withStore: WithStore = async (work) => {
    const [a, b] = await c.open();
    try {
      await work(a, b);
    } finally {
      await a.close();
      await b.close();
    }
  };

  describe(`Store: ${c.name}`, () => {
    it('a key that is not there has revision 0 and is made from it, once', () =>
      withStore(async (a, b) => {
        expect(await a.get('release/x')).toEqual({ value: undefined, revision: 0 });
        expect(await a.cas('release/x', 0, { epoch: 1 })).toBe('ok');
        expect(await b.cas('release/x', 0, { epoch: 2 })).toBe('stale');
        const seen = await b.get('release/x');
        expect(seen.value).toEqual({ epoch: 1 });
        expect(seen.revision).toBeGreaterThan(0);
      }));

    it('a write from an old revision is stale and changes nothing', () =>
      withStore(async (a, b) => {
        await a.cas('k', 0, 'one');
        const old = (await b.get('k')).revision;
        expect(await a.cas('k', old, 'two')).toBe('ok');
        expect(await b.cas('k', old, 'three')).toBe('stale');
        expect(await b.cas('k', old + 1000, 'four')).toBe('stale');
        expect((await b.get('k')).value).toBe('two');
      }));

    it('writing the same value again still moves the revision', () =>
      withStore(async (a) => {
        await a.cas('k', 0, 1);
        const first = (await a.get('k')).revision;
        expect(await a.cas('k', first, 1)).toBe('ok');
        expect((await a.get('k')).revision).toBeGreaterThan(first);
      }));

    it('of many writers of one revision exactly one wins', () =>
      withStore(async (a, b) => {
        const results = await Promise.all([a, b, a, b, a, b].map((s, i) => s.cas('k', 0, i)));
        expect(results.filter((r) => r === 'ok')).toHaveLength(1);
        expect((await b.get('k')).value).toBe(results.indexOf('ok'));
      }));

    it('keys are listed by prefix, sorted, wild cards taken as they are', () =>
      withStore(async (a, b) => {
        for (const key of ['release/b', 'release/a', 'release%', 'other', 'Release/c']) await a.cas(key, 0, null);
        expect(await b.list('release/')).toEqual(['release/a', 'release/b']);
        expect(await b.list('release%')).toEqual(['release%']);
        expect(await b.list('none')).toEqual([]);
        expect(await b.list('')).toHaveLength(5);
      }));

    it('values come back as they were: deep, large, not English, and not shared with the caller', () =>
      withStore(async (a, b) => {
        const value = { text: 'Grüße 𝛌\u0000 "', deep: [[{ n: -0.5, none: null }]], large: 'x'.repeat(40_000) };
        const given = structuredClone(value);
        await a.cas('k', 0, given);
        given.deep.length = 0;
        const got = await b.get('k');
        expect(got.value).toEqual(value);
        (got.value as { text: string }).text = 'changed';
        expect((await b.get('k')).value).toEqual(value);
      }));

    it('any sequence of writes by two clients agrees with a map of revisions that only grow', () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              who: fc.constantFrom<0 | 1>(0, 1),
              key: fc.constantFrom('p', 'q'),
              // How many revisions behind the writer is.
              behind: fc.constantFrom(0, 0, 0, 1, 2),
              value: fc.jsonValue() as fc.Arbitrary<Json>,
            }),
            { maxLength: 12 },
          ),
          (steps) =>
            withStore(async (...clients) => {
              const past = new Map<string, readonly Past[]>();
              for (const s of steps) past.set(s.key, await step(clients[s.who], past.get(s.key) ?? NEW, s));
            }),
        ),
        { numRuns: 25 },
      ));

    txnContract(withStore, c);
    watchContract(withStore);
    leaseContract(withStore, c.leaseMs ?? 1000);
  });
}

interface Past {
  revision: number;
  value: Json | undefined;
}
const NEW: readonly Past[] = [{ revision: 0, value: undefined }];

/** One write from `behind` revisions ago, compared with what the key's past allows; the past after it. */
async function step(
  store: Store,
  past: readonly Past[],
  s: { key: string; behind: number; value: Json },
): Promise<Past[]> {
  const latest = past.at(-1) ?? { revision: 0, value: undefined };
  const from = past.at(-1 - s.behind)?.revision ?? 0;
  const fresh = from === latest.revision;
  expect(await store.cas(s.key, from, s.value)).toBe(fresh ? 'ok' : 'stale');
  const seen = await store.get(s.key);
  if (fresh) expect(seen.revision).toBeGreaterThan(latest.revision);
  else expect(seen.revision).toBe(latest.revision);
  expect(JSON.stringify(seen.value)).toBe(JSON.stringify(fresh ? s.value : latest.value));
  return fresh ? [...past, { revision: seen.revision, value: s.value }] : [...past];
}
