import fc from 'fast-check';
import { expect, test } from 'vitest';
import { versionedName, versionSlug } from './names.ts';

const label = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const version = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/);
const name = fc.oneof(
  fc.stringMatching(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/),
  fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,80}$/),
);

test('what people read', () => {
  expect(versionedName('guestbook', 'v2')).toBe('guestbook-v2');
  expect(versionSlug('1.4.0')).toMatch(/^1-4-0-[0-9a-f]{6}$/);
  expect(versionSlug('V2')).toMatch(/^v2-[0-9a-f]{6}$/);
  expect(versionedName('settings.json', 'v2')).toMatch(/^settings-json-v2-[0-9a-f]{6}$/);
  expect(versionedName('x'.repeat(63), 'v2')).toMatch(/^x+-v2-[0-9a-f]{6}$/);
});

test('always a DNS-1035 label, the same each time, and no other pair has it', () => {
  fc.assert(
    fc.property(name, version, name, version, (n, v, m, w) => {
      const one = versionedName(n, v);
      expect(one).toMatch(label);
      expect(one.length).toBeLessThanOrEqual(63);
      expect(versionedName(n, v)).toBe(one);
      if (n !== m || v !== w) expect(versionedName(m, w)).not.toBe(one);
    }),
    { numRuns: 2000 },
  );
});

test('a border between name and version cannot move', () => {
  const parts = fc.array(fc.constantFrom('a', 'b', '1'), { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(parts, fc.nat(), fc.nat(), (p, i, j) => {
      const at = (k: number) => 1 + (k % (p.length - 1));
      const of = (k: number) => versionedName(p.slice(0, at(k)).join('-'), p.slice(at(k)).join('-'));
      if (at(i) !== at(j)) expect(of(i)).not.toBe(of(j));
    }),
  );
});
