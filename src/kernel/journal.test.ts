import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournal } from './journal.ts';
import { openStore } from './store-sqlite.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-journal-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('TW1010 where no journal can be: path and cause', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => openJournal(join(dir, 'file', 'journal.db'))).toThrow(/TW1010.*journal\.db/s);
  writeFileSync(join(dir, 'odd.db'), 'no database at all, and long enough to be taken for one'.repeat(20));
  expect(() => openJournal(join(dir, 'odd.db'))).toThrow(/TW1010/);
});

it('one that can only be read is read; who appends is told why it cannot be written', () => {
  const path = join(dir, 'journal.db');
  const first = openJournal(path);
  first.append({ kind: 'test.one', data: { n: 1 } });
  first.close();
  // SQLite opens its log here before it writes anything.
  mkdirSync(`${path}-wal`);
  const second = openJournal(path);
  expect(second.read().map((f) => f.kind)).toEqual(['test.one']);
  expect(() => second.append({ kind: 'test.two', data: null })).toThrow(
    expect.objectContaining({ code: 'TW1010', problem: expect.objectContaining({ value: path }) }),
  );
  second.close();
});

it('so is a store of which nothing can be written: it is read, and a write certainly did not happen', async () => {
  const path = join(dir, 'journal.db');
  const first = openStore(path);
  expect(await first.cas('a', 0, 1)).toBe('ok');
  await first.close();
  mkdirSync(`${path}-wal`);
  const second = openStore(path);
  expect([await second.get('a'), await second.list('')]).toEqual([{ value: 1, revision: 1 }, ['a']]);
  await expect(second.cas('a', 1, 2)).rejects.toMatchObject({ code: 'TW1020' });
  await second.close();
});
