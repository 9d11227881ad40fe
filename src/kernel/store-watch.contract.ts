import { expect, it } from 'vitest';
import type { WithStore } from './store.contract.ts';
import type { Store, StoreView } from './store.ts';

/** Reads views until one fits; all that were seen. */
async function until(
  views: AsyncIterator<StoreView, void>,
  fits: (v: StoreView) => boolean,
): Promise<readonly StoreView[]> {
  const seen: StoreView[] = [];
  for (;;) {
    const next = await views.next();
    if (next.done === true) throw new Error('the watch ended');
    seen.push(next.value);
    if (fits(next.value)) return seen;
  }
}

const values = (v: StoreView): unknown[] => v.entries.map((e) => e.value);

async function follows(a: Store, b: Store): Promise<void> {
  await a.cas('w/1', 0, 'one');
  const stop = new AbortController();
  const views = b.watch('w/', stop.signal)[Symbol.asyncIterator]();
  expect(await until(views, () => true)).toMatchObject([{ entries: [{ key: 'w/1', value: 'one' }] }]);
  await a.cas('w/2', 0, 'two');
  await until(views, (v) => v.entries.length === 2);
  await a.txn({ if: [], put: [{ key: 'w/2', value: 'zwei' }], remove: ['w/1'] });
  const [last] = (await until(views, (v) => v.entries.length === 1)).slice(-1);
  expect(last).toEqual(await a.range('w/'));
  stop.abort();
  expect((await views.next()).done).toBe(true);
}

/** However many writes there are, the reader comes to the last state, and revisions never go back. */
async function settles(a: Store, b: Store): Promise<void> {
  const stop = new AbortController();
  const views = b.watch('w/', stop.signal)[Symbol.asyncIterator]();
  await until(views, () => true);
  const write = async (s: Store, from: number): Promise<void> => {
    for (let i = 0; i < 20; i++)
      await s.txn({
        if: [],
        put: [{ key: `w/${(i + from) % 3}`, value: i }],
        ...(i % 5 === 4 ? { remove: [`w/x`] } : {}),
      });
  };
  await Promise.all([write(a, 0), write(b, 1)]);
  await a.txn({ if: [], put: [{ key: 'w/last', value: 'end' }], remove: ['w/0'] });
  const seen = await until(views, (v) => values(v).includes('end'));
  expect(seen.at(-1)?.entries).toEqual((await a.range('w/')).entries);
  const revisions = seen.map((v) => v.revision);
  expect(revisions).toEqual(revisions.toSorted((x, y) => x - y));
  stop.abort();
}

/** Changes elsewhere are no news; closing the store ends the watch. */
async function ends(a: Store, b: Store): Promise<void> {
  const views = b.watch('w/', new AbortController().signal)[Symbol.asyncIterator]();
  await until(views, () => true);
  await a.cas('elsewhere', 0, 1);
  await a.cas('w/1', 0, 'here');
  const seen = await until(views, () => true);
  expect(seen).toMatchObject([{ entries: [{ key: 'w/1' }] }]);
  const rest = views.next();
  await b.close();
  expect((await rest).done).toBe(true);
}

/** Watches of every Store. */
export function watchContract(withStore: WithStore): void {
  it('a watch gives the view at the start and after every change', () => withStore(follows));
  it('a watch comes to the last state, whatever it skipped', () => withStore(settles));
  it('a watch tells of its prefix only and ends with its store', () => withStore(ends));
}
