import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  CATALOGUE,
  canonical,
  clean,
  digest,
  duration,
  EXIT,
  fault,
  type Journal,
  manualClock,
  memoryJournal,
  nearest,
  openJournal,
  problemOf,
} from './index.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-kernel-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.each<[string, () => Journal]>([
  ['memory', () => memoryJournal(manualClock(5))],
  ['sqlite', () => openJournal(join(dir, `${Math.random()}.db`), manualClock(5))],
])('journal: %s', (_, open) => {
  it('appends in order and reads by offset, kind and run', () => {
    const j = open();
    j.append({ kind: 'a.x', run: 'r1', data: { n: 1 } });
    j.append({ kind: 'a.y', run: 'r1', cluster: 'sao', data: null });
    j.append({ kind: 'a.x', run: 'r2', data: [true] });
    expect(j.read().map((f) => f.offset)).toEqual([1, 2, 3]);
    expect(j.read({ kind: 'a.x', run: 'r2' })).toEqual([{ offset: 3, at: 5, kind: 'a.x', run: 'r2', data: [true] }]);
    expect(j.read({ from: 2 })[0]).toEqual({ offset: 2, at: 5, kind: 'a.y', run: 'r1', cluster: 'sao', data: null });
    j.close();
  });

  it('watches from an offset on', async () => {
    const j = open();
    j.append({ kind: 'a', data: 1 });
    const abort = new AbortController();
    const seen: number[] = [];
    for await (const fact of j.watch(1, abort.signal)) {
      seen.push(fact.offset);
      if (fact.offset === 1) j.append({ kind: 'b', data: 2 });
      else abort.abort();
    }
    expect(seen).toEqual([1, 2]);
    j.close();
  });
});

it('the sqlite journal survives its process and is shared by two writers', () => {
  const path = join(dir, 'shared.db');
  const [a, b] = [openJournal(path), openJournal(path)];
  a.append({ kind: 'x', data: 1 });
  b.append({ kind: 'x', data: 2 });
  expect(a.read().map((f) => f.data)).toEqual([1, 2]);
  a.close();
  b.close();
  const again = openJournal(path);
  expect(again.read()).toHaveLength(2);
  again.close();
});

it('an unusable journal file is a clear error', () => {
  expect(() => openJournal('/dev/null/journal.db')).toThrow(/TW1010/);
});

it('canonical JSON does not depend on key order', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), (o) => {
      const turned = Object.fromEntries(Object.entries(o).toReversed());
      expect(canonical(turned)).toBe(canonical(o));
      expect(digest(turned)).toBe(digest(o));
    }),
  );
});

it('cleaned text cannot leave its line or move the cursor', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (s) => {
      // oxlint-disable-next-line no-control-regex
      expect(clean(s)).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
    }),
  );
  expect(clean('a\u001b[2Kb\rc\u202Ed')).toBe('abcd');
});

it('finds the word that was meant, and none that is far', () => {
  expect(nearest('stauts', ['status', 'up'])).toBe('status');
  expect(nearest('zzzzzz', ['status', 'up'])).toBeUndefined();
});

it('durations for people', () => {
  expect([900, 61_000, 3_720_000].map(duration)).toEqual(['1 s', '1 min 1 s', '1 h 2 min']);
});

it('a fault carries code, value, where, innermost cause and fix', () => {
  const inner = new Error('innermost');
  const e = fault('TW1002', { value: 'x.ts', cause: new Error('outer', { cause: inner }) });
  expect(e.problem).toMatchObject({ code: 'TW1002', value: 'x.ts', why: ['innermost', 'outer'], exit: 2 });
  const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', path: join(dir, 'x') });
  expect(problemOf(full)).toMatchObject({ code: 'TW8010', kind: 'user', value: join(dir, 'x') });
  expect(problemOf(new Error('boom'))).toMatchObject({ code: 'TW8999', kind: 'bug', exit: 1 });
});

it('every code lies in the block of its room, has a title, and its exit code is in the table', () => {
  const exits: number[] = Object.values(EXIT);
  for (const [code, entry] of Object.entries(CATALOGUE)) {
    expect(code).toMatch(/^TW\d{4}$/);
    expect(entry.title, code).not.toBe('');
    expect(exits, code).toContain(entry.exit);
  }
});

it('a code that a text or the product says can be explained', () => {
  const root = new URL('../../', import.meta.url).pathname;
  const files = ['src', 'docs'].flatMap((d) =>
    readdirSync(join(root, d), { recursive: true }).map((f) => join(d, String(f))),
  );
  const said = files
    .filter((f) => /\.(ts|md)$/.test(f) && !f.endsWith('.test.ts'))
    .flatMap((f) =>
      [...readFileSync(join(root, f), 'utf8').matchAll(/\bTW\d{4}\b/g)].map(([code]) => `${code} in ${f}`),
    );
  expect(said.length).toBeGreaterThan(Object.keys(CATALOGUE).length);
  expect(said.filter((s) => !(s.slice(0, 6) in CATALOGUE))).toEqual([]);
});

it('docs/reference/errors.md lists exactly the codes of the catalogue', () => {
  const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
  expect([...page.matchAll(/^\| (TW\d{4}) \|/gm)].map((m) => m[1])).toEqual(Object.keys(CATALOGUE));
});
