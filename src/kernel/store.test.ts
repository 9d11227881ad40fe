import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { manualClock, memoryStore, openJournal, openStore, type StoreFault, StoreWorld } from './index.ts';
import { storeContract } from './store.contract.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-store-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;
const file = (): string => join(dir, `${++files}.db`);

storeContract({
  name: 'memory',
  open: async () => {
    const world = new StoreWorld();
    return [memoryStore(undefined, world), memoryStore(undefined, world)];
  },
  silent: async () => {
    const world = new StoreWorld();
    const ways: StoreFault[] = ['lost', 'dropped'];
    const broken = memoryStore((call) => (call.do === 'get' ? undefined : ways.shift()), world);
    return { broken, well: memoryStore(undefined, world), heal: async () => undefined };
  },
});
storeContract({
  name: 'sqlite',
  open: async () => {
    const path = file();
    return [openStore(path), openStore(path)];
  },
});

describe('the faults of the twin', () => {
  const next: (StoreFault | undefined)[] = [];
  const store = memoryStore((call) => (call.do === 'cas' ? next.shift() : undefined));
  const revision = async (): Promise<number> => (await store.get('k')).revision;

  it('a lost answer was written, a dropped one was not, a refusal throws and writes nothing', async () => {
    next.push('lost', 'dropped', 'refused');
    expect(await store.cas('k', 0, 1)).toBe('unknown');
    expect((await store.get('k')).value).toBe(1);
    expect(await store.cas('k', await revision(), 2)).toBe('unknown');
    await expect(store.cas('k', await revision(), 3)).rejects.toThrow(/TW1020/);
    expect((await store.get('k')).value).toBe(1);
    expect(await store.cas('k', await revision(), 4)).toBe('ok');
  });

  it('reads can be refused too', async () => {
    const silent = memoryStore(() => 'refused');
    await expect(silent.get('k')).rejects.toThrow(/TW1020/);
    await expect(silent.list('')).rejects.toThrow(/TW1020/);
  });
});

describe('a lease that ends under its owner', () => {
  it('tells it, and takes its keys', async () => {
    const world = new StoreWorld();
    const store = memoryStore(undefined, world);
    const lease = await store.lease(1000);
    await store.txn({ if: [], put: [{ key: 'k', value: 1, lease: lease.id }] });
    world.expire(lease.id);
    expect(lease.lost.aborted).toBe(true);
    expect((await store.get('k')).revision).toBe(0);
  });

  it('is lost for a process that slept too long, in the file of one machine', async () => {
    const clock = manualClock(1000);
    const path = file();
    const [a, b] = [openStore(path, clock), openStore(path, clock)];
    const lease = await a.lease(300);
    await a.txn({ if: [], put: [{ key: 'k', value: 1, lease: lease.id }] });
    clock.advance(301);
    expect((await b.get('k')).revision).toBe(0);
    await new Promise((done) => lease.lost.addEventListener('abort', done));
    await expect(a.txn({ if: [], put: [{ key: 'k', value: 2, lease: lease.id }] })).rejects.toThrow(/TW1020/);
    await Promise.all([a.close(), b.close()]);
  });
});

describe('the store of one machine', () => {
  it('lives in the journal’s file and survives its process', async () => {
    const path = file();
    const journal = openJournal(path);
    const store = openStore(path);
    journal.append({ kind: 'x', data: 1 });
    await store.cas('k', 0, 'kept');
    journal.close();
    await store.close();
    const again = openStore(path);
    expect((await again.get('k')).value).toBe('kept');
    await again.close();
  });

  it('a key that was deleted by hand and made again does not get an old revision', async () => {
    const path = file();
    const store = openStore(path);
    await store.cas('k', 0, 1);
    const { revision } = await store.get('k');
    const db = new DatabaseSync(path);
    db.exec('DELETE FROM store');
    db.close();
    expect(await store.cas('k', revision, 2)).toBe('stale');
    expect(await store.cas('k', 0, 3)).toBe('ok');
    expect((await store.get('k')).revision).toBeGreaterThan(revision);
    await store.close();
  });

  it('an unusable file, a closed store and a full transaction are TW1020, and nothing is half written', async () => {
    expect(() => openStore('/dev/null/store.db')).toThrow(/TW1020/);
    const path = file();
    const store = openStore(path);
    await store.cas('k', 0, 1);
    const db = new DatabaseSync(path);
    db.exec("CREATE TRIGGER no BEFORE UPDATE ON store BEGIN SELECT RAISE(ABORT, 'no room'); END");
    await expect(store.cas('k', (await store.get('k')).revision, 2)).rejects.toThrow(/TW1020.*no room/);
    db.exec('DROP TRIGGER no');
    db.close();
    expect(await store.cas('k', (await store.get('k')).revision, 3)).toBe('ok');
    await store.close();
    await expect(store.get('k')).rejects.toThrow(/TW1020/);
  });

  it('two processes race: every revision is won once', async () => {
    const path = file();
    const index = new URL('./index.ts', import.meta.url).href;
    const script = `
      import { openStore } from ${JSON.stringify(index)};
      const store = openStore(process.argv[1]);
      const won = [];
      while (won.length < 60) {
        const { value, revision } = await store.get('k');
        if (await store.cas('k', revision, (value ?? 0) + 1) === 'ok') won.push(revision);
      }
      console.log(JSON.stringify(won));`;
    const run = async (): Promise<number[]> => {
      const argv = ['--input-type=module', '-e', script, path];
      return JSON.parse((await promisify(execFile)(process.execPath, argv)).stdout) as number[];
    };
    const won = (await Promise.all([run(), run(), run()])).flat();
    expect(won).toHaveLength(180);
    expect(new Set(won).size).toBe(180);
    const store = openStore(path);
    expect((await store.get('k')).value).toBe(180);
    await store.close();
  });
});
