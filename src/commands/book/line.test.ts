import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryStore, openStore, type Store, StoreWorld, systemClock, toJson } from '../../kernel/index.ts';
import { keysOf } from '../access/machine/lanes.ts';
import { cancel, inLine, type Place, type Turn, takeTurn } from './line.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-line-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'done',
    (e: unknown) => (e as { problem: { code: string; why: string[] } }).problem.code,
  );

interface Asked {
  turn: Promise<Turn | undefined>;
  seen: string[];
  stop: AbortController;
}

let ids = 0;
function ask(store: Store, verb: string, more: { app?: string; wait?: boolean } = {}): Asked {
  const [seen, stop]: [string[], AbortController] = [[], new AbortController()];
  const { app, wait = true } = more;
  const wish = { verb, what: verb, app: app ?? null, clusters: ['sao'], keys: keysOf(app, ['sao']) };
  const turn = takeTurn(
    store,
    { ...wish, command: `k${(ids += 1)}`, by: 'ana', door: 'cli' },
    {
      clock: systemClock,
      signal: stop.signal,
      wait,
      waits: (before) => seen.push(before.map((p) => `${p.what} ${p.state}`).join(', ')),
    },
  );
  turn.catch(() => undefined);
  return { turn, seen, stop };
}
const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await systemClock.sleep(2);
};
const waits = (store: Store, n: number): Promise<void> =>
  until(async () => (await inLine(store)).filter((p) => p.state === 'waits').length === n);

const world = new StoreWorld();
const STORES: readonly (readonly [name: string, open: () => Store])[] = [
  ['memory', () => memoryStore(undefined, world)],
  ['local', () => openStore(join(dir, 'book.db'))],
];

describe.each(STORES)('the line in a store: %s', (_, open) => {
  it('one at a time over one key, in the order they came, over several processes', async () => {
    const [a, b] = [open(), open()];
    const first = ask(a, 'up');
    const turn = await first.turn;
    const release = ask(b, 'release', { app: 'shop' });
    await until(() => release.seen.length === 1);
    const down = ask(a, 'down');
    await until(() => down.seen.length === 1);
    expect([release.seen, down.seen]).toEqual([['up runs'], ['up runs, release waits']]);
    await turn?.leave();
    const next = await release.turn;
    await until(() => down.seen.at(-1) === 'release runs');
    await next?.leave();
    await (await down.turn)?.leave();
    expect(await inLine(b)).toEqual([]);
    await Promise.all([a.close(), b.close()]);
  });

  it('100 who come at once all have a place', async () => {
    const store = open();
    const all = Array.from({ length: 100 }, () => ask(store, 'up'));
    await waits(store, 99);
    for (const a of all) a.stop.abort();
    for (const a of all) await (await a.turn)?.leave();
    expect(await inLine(store)).toEqual([]);
    await store.close();
  });

  it('another app does not wait; whoever may not wait is told for whom', async () => {
    const s = open();
    const shop = await ask(s, 'release', { app: 'shop' }).turn;
    const book = await ask(s, 'release', { app: 'book' }).turn;
    expect(await codeOf(ask(s, 'release', { app: 'shop', wait: false }).turn)).toBe('TW6201');
    expect((await inLine(s)).map((p) => [p.what, p.app, p.state, p.by])).toEqual([
      ['release', 'shop', 'runs', 'ana'],
      ['release', 'book', 'runs', 'ana'],
    ]);
    await Promise.all([shop?.leave(), book?.leave()]);
    await s.close();
  });

  it('what waits can be cancelled, what runs cannot; whoever is told to stop leaves', async () => {
    const s = open();
    const turn = await ask(s, 'up').turn;
    const [x, y] = [ask(s, 'release', { app: 'shop' }), ask(s, 'down')];
    await waits(s, 2);
    const [runs, shop] = await inLine(s);
    const by = { by: 'bo', because: 'wrong build' };
    expect(await codeOf(cancel(s, runs?.id ?? '', by))).toBe('TW6207');
    expect(await codeOf(cancel(s, 'c9999', by))).toBe('TW6203');
    await cancel(s, `#${shop?.id ?? ''}`, by);
    await expect(x.turn).rejects.toMatchObject({
      problem: { code: 'TW6206', why: ['by bo: wrong build', 'nothing was done'] },
    });
    y.stop.abort();
    expect(await y.turn).toBeUndefined();
    expect((await inLine(s)).map((p) => p.what)).toEqual(['up']);
    await turn?.leave();
    await s.close();
  });

  it('cancelled or begun, never both: 40 races', async () => {
    const s = open();
    for (let i = 0; i < 40; i++) {
      const turn = await ask(s, 'up').turn;
      const next = ask(s, 'down');
      await waits(s, 1);
      const id = (await inLine(s))[1]?.id ?? '';
      const [cancelled, had] = await Promise.all([
        codeOf(cancel(s, id, { by: 'bo', because: null })),
        codeOf(next.turn),
        turn?.leave(),
      ]);
      expect([
        ['done', 'TW6206'],
        ['TW6207', 'done'],
        ['TW6203', 'done'],
      ]).toContainEqual([cancelled, had]);
      if (had === 'done') await (await next.turn)?.leave();
    }
    await s.close();
  });

  it('a process that died holds nobody up, and one that does not say that it lives loses its place', async () => {
    const s = open();
    const dead: Place = {
      ...{ n: 0, id: 'c0', command: 'k', verb: 'up', what: 'up', app: null, clusters: [], keys: ['*'] },
      ...{ by: 'eve', door: 'cli', at: 0, since: 0, state: 'runs' },
      holder: { pid: 1, started: 'before this machine was up', host: (await import('node:os')).hostname() },
    };
    await s.txn({ if: [], put: [{ key: 'line/place/000000000000', value: toJson(dead) }] });
    expect(await inLine(s)).toEqual([]);
    await (await ask(s, 'up').turn)?.leave();
    expect((await s.range('line/place/')).entries).toEqual([]);
    await s.close();
  });
});
