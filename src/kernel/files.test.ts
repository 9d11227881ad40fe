import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createFile, madeOnce, readFile, replaceFile } from './files.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-files-'));
  file = join(dir, 'a', 'keys.json');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('a file is made once, whole, and its owner’s alone; nothing is left beside it', () => {
  expect(readFile(file)).toBeUndefined();
  expect(madeOnce(file, () => 'first')).toBe('first');
  expect(madeOnce(file, () => 'second')).toBe('first');
  expect(createFile(file, 'third')).toBe(false);
  expect([readFile(file), readdirSync(join(dir, 'a')), statSync(file).mode & 0o777]).toEqual([
    'first',
    ['keys.json'],
    0o600,
  ]);
  replaceFile(file, 'fourth');
  expect([readFile(file), readdirSync(join(dir, 'a'))]).toEqual(['fourth', ['keys.json']]);
});

it('a file that cannot be put in place leaves nothing and says why', () => {
  replaceFile(join(file, 'below'), 'x');
  expect(() => replaceFile(file, 'x')).toThrow(/EISDIR|ENOTEMPTY/);
  expect(readdirSync(join(dir, 'a'))).toEqual(['keys.json']);
  expect(() => readFile(file)).toThrow('EISDIR');
});

it('processes that make it at the same moment all get the same', async () => {
  const until = Date.now() + 1500;
  const module = JSON.stringify(resolve(import.meta.dirname, 'files.ts'));
  const script = `import { madeOnce } from ${module};
while (Date.now() < ${until});
process.stdout.write(madeOnce(${JSON.stringify(file)}, () => String(process.pid).repeat(20000)));`;
  const said = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (b: Buffer) => (text += b.toString()));
      await new Promise((done) => child.on('close', done));
      return text;
    }),
  );
  expect(new Set(said)).toEqual(new Set([readFileSync(file, 'utf8')]));
}, 30_000);
