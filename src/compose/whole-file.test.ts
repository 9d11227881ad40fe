import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createWhole } from './whole-file.ts';

const root = mkdtempSync(join(tmpdir(), 'tw-whole-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const { signal } = new AbortController();
const folder = (): string => mkdtempSync(join(root, 'f-'));

/** Two chunks, with `between` in the middle. */
async function* chunks(
  text: string,
  between: () => void | Promise<void> = () => undefined,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
  await between();
  yield Buffer.from(text);
}

it('is there when all of it is, for its owner alone, and nothing else is left', async () => {
  const dir = folder();
  const path = join(dir, 'etcd.db');
  let [there, mode]: [string[], number] = [[], 0];
  const look = async (): Promise<void> => {
    // The file is opened while the first chunk waits.
    while (there.length === 0) {
      await new Promise((r) => setTimeout(r, 1));
      there = readdirSync(dir);
    }
    mode = statSync(join(dir, there[0] ?? '')).mode & 0o777;
  };
  await createWhole(path, chunks('ab', look), signal);
  expect(there).toEqual([expect.stringMatching(/^etcd\.db\..+\.part$/)]);
  expect([mode, statSync(path).mode & 0o777]).toEqual([0o600, 0o600]);
  expect([readdirSync(dir), readFileSync(path, 'utf8')]).toEqual([['etcd.db'], 'abab']);
});

it('of one that fails or is stopped nothing is there', async () => {
  const dir = folder();
  const fails = (): void => {
    throw new Error('the member went away');
  };
  await expect(createWhole(join(dir, 'x'), chunks('ab', fails), signal)).rejects.toThrow('went away');
  const stop = new AbortController();
  await expect(
    createWhole(
      join(dir, 'y'),
      chunks('ab', () => stop.abort()),
      stop.signal,
    ),
  ).rejects.toThrow('aborted');
  expect(readdirSync(dir)).toEqual([]);
});

it('of two who make the same file one wins, and a file that came meanwhile stays', async () => {
  const dir = folder();
  const path = join(dir, 'x');
  const both = await Promise.allSettled(['a', 'b'].map((c) => createWhole(path, chunks(c.repeat(70_000)), signal)));
  const text = readFileSync(path, 'utf8');
  expect([text.length, new Set(text).size, readdirSync(dir)]).toEqual([140_000, 1, ['x']]);
  const [lost, more] = both.flatMap((b) => (b.status === 'rejected' ? [b.reason] : []));
  expect([lost, more]).toMatchObject([{ problem: { code: 'TW6001', value: path } }, undefined]);
});
