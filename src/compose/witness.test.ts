import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fileWitness } from './witness.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-witness-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('is kept beside the book for the next process; a folder that takes nothing keeps what it has', () => {
  const one = fileWitness(join(dir, 's'));
  expect(one.seen()).toBeUndefined();
  one.saw({ n: 3, hash: 'h3' });
  expect(fileWitness(join(dir, 's')).seen()).toEqual({ n: 3, hash: 'h3' });
  writeFileSync(join(dir, 'file'), '');
  const none = fileWitness(join(dir, 'file', 's'));
  expect(() => none.saw({ n: 1, hash: 'h' })).not.toThrow();
});
