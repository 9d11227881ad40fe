import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changeFile, createFile, madeOnce, readFile, replaceFile } from './files.ts';

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

/** What each of six processes says that run this at the same moment. */
async function sixAtOnce(names: string, work: string): Promise<string[]> {
  const script = `import { ${names} } from ${JSON.stringify(resolve(import.meta.dirname, 'files.ts'))};
const file = ${JSON.stringify(file)};
while (Date.now() < ${Date.now() + 1500});
${work}`;
  return await Promise.all(Array.from({ length: 6 }, () => said(script)));
}

async function said(script: string): Promise<string> {
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (b: Buffer) => (text += b.toString()));
  await new Promise((done) => child.on('close', done));
  return text;
}

it('processes that make it at the same moment all get the same', async () => {
  const all = await sixAtOnce(
    'madeOnce',
    'process.stdout.write(madeOnce(file, () => String(process.pid).repeat(20000)));',
  );
  expect(new Set(all)).toEqual(new Set([readFileSync(file, 'utf8')]));
}, 30_000);

it('processes that change it at the same moment lose nothing of each other, nor of one who makes it out of turn', async () => {
  const work = `const add = (i) => (now) => JSON.stringify([...JSON.parse(now ?? '[]'), process.pid + ' ' + i]);
if (process.pid % 2 === 0) madeOnce(file, () => JSON.stringify(['made']));
for (let i = 0; i < 30; i++) changeFile(file, add(i));
process.stdout.write(String(process.pid));`;
  const pids = await sixAtOnce('changeFile, madeOnce', work);
  const all = JSON.parse(readFileSync(file, 'utf8')) as string[];
  const wanted = pids.flatMap((p) => Array.from({ length: 30 }, (_, i) => `${p} ${i}`));
  expect(all.filter((x) => x !== 'made').toSorted()).toEqual(wanted.toSorted());
}, 30_000);

it('one that dies in the middle of a change holds nobody up, and has changed nothing', async () => {
  replaceFile(file, 'before');
  const module = JSON.stringify(resolve(import.meta.dirname, 'files.ts'));
  await said(`import { changeFile } from ${module};
changeFile(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'));`);
  const since = performance.now();
  expect(changeFile(file, (now) => `${now} after`)).toBe('before after');
  expect(performance.now() - since).toBeLessThan(5000);
}, 30_000);

it('a change that is refused, that changes nothing or that takes the file away does only that', () => {
  replaceFile(file, 'one');
  const before = statSync(file).ino;
  expect(changeFile(file, (now) => now)).toBe('one');
  expect(() =>
    changeFile(file, () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  expect([readFile(file), statSync(file).ino]).toEqual(['one', before]);
  expect(changeFile(file, () => undefined)).toBeUndefined();
  expect(changeFile(file, (now) => now)).toBeUndefined();
  expect(readdirSync(join(dir, 'a'))).toEqual(['changes.lock']);
});
