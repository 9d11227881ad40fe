import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import { coordinationSnapshot } from './coordination.ts';

const cwd = mkdtempSync(join(tmpdir(), 'tw-snapshot-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

it('a snapshot lies where it was asked for, seen from here, and never over a file that is there', async () => {
  const asked: string[] = [];
  const snapshot = async (path: string): Promise<void> => {
    asked.push(path);
    writeFileSync(path, 'x'.repeat(1500));
  };
  const c = { cwd, clock: manualClock(), engine: async () => ({ coordination: { snapshot } }) } as unknown as Context;
  const io = { signal: new AbortController().signal } as Io;
  const file = join(cwd, 'etcd.db');
  const done = await coordinationSnapshot(c, { file: 'etcd.db' }, io);
  expect(done).toMatchObject({ data: { file, bytes: 1500 } });
  expect(done.view.rows[0]?.label).toEqual([{ t: 'untrusted', s: `${file}, 2 KiB` }]);
  writeFileSync(file, 'mine');
  await expect(coordinationSnapshot(c, { file }, io)).rejects.toMatchObject({
    problem: { code: 'TW6001', value: file, why: ['there is a file of this name'] },
  });
  expect([asked, readFileSync(file, 'utf8')]).toEqual([[file], 'mine']);
});
