import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const TW = resolve(import.meta.dirname, '..', '..', 'tw');
const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-disk-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const MISHAP = {
  full: 'dd if=/dev/zero of=ballast bs=1k count=100000 2>/dev/null || true',
  'read-only': `mount -o remount,ro "$1"`,
};
const PEOPLE = `people: { root: { accounts: ["os:root"] } }
rights: [{ who: [root], may: [look, safe, forward, rule] }]
approvals: [{ quorum: 0 }]
`;

/** Verbs of a project on a small disk of its own, one after the other: the code that each ends with, and its words. */
async function on(
  mishap: keyof typeof MISHAP,
  rules: string,
): Promise<{ codes: Record<string, string>; said: string }> {
  // Nobody else sees the mount: it ends with the processes of this script.
  const script = `set -e
mount -t tmpfs -o size=3m tmpfs "$1"; cd "$1"; mkdir k8s
cat > tradewind.yaml <<X
fleet: shop
clusters: { here: { cloud: existing, region: home, location: { lat: 1, lon: 2 } } }
apps: { web: { manifests: [k8s] } }
${rules}X
printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: a}\\n' > k8s/a.yaml
tw() { printf '\\n## %s\\n' "$*"; "$TW" "$@" 2>&1 || true; }
tw freeze web --because before
tw unfreeze
${MISHAP[mishap]}
for verb in locks who queue 'audit verify' 'audit export' status plan; do tw $verb; done
tw freeze --because after
tw drain here
tw up --yes
tw resume
tw audit verify -o json
`;
  const env = { PATH: process.env['PATH'], HOME: dir, TW, LANG: 'C.UTF-8' };
  const { stdout } = await promisify(execFile)('unshare', ['-m', 'sh', '-c', script, 'sh', dir], { env });
  const parts = stdout.split('\n## ').slice(1);
  const codes = parts.map((p): [string, string] => {
    const [verb = '', ...rest] = p.split('\n');
    return [verb, /^(TW\d{4}) /m.exec(rest.join('\n'))?.[1] ?? 'ok'];
  });
  return { codes: Object.fromEntries(codes), said: stdout };
}

/** The cluster of this test does not answer: that is what a look says then, and no more. */
const LOOKS = {
  ...{ 'freeze web --because before': 'ok', unfreeze: 'ok', locks: 'ok', who: 'ok', queue: 'ok' },
  ...{ 'audit verify': 'ok', 'audit export': 'ok', status: 'ok', plan: 'TW3012' },
};
const REFUSED = { 'freeze --because after': 'TW8010', 'drain here': 'TW8010', 'up --yes': 'TW8010', resume: 'TW8010' };

describe.skipIf(!mayMount)('a project folder that takes nothing (root alone may mount)', () => {
  it.each([
    ['full', PEOPLE],
    ['read-only', ''],
  ] as const)(
    '%s %#: looking works, nothing else is done, and it says how much is free',
    async (mishap, rules) => {
      const { codes, said } = await on(mishap, rules);
      expect(codes).toEqual({ ...LOOKS, ...REFUSED, 'audit verify -o json': 'ok' });
      expect(said).toContain(join(dir, '.tradewind', 'journal.db'));
      expect(said).toMatch(
        mishap === 'full' ? /the disk is full\n.*\b\d{1,5} bytes are free/ : /read-only\n.*\d{6,} bytes are free/,
      );
      // Of what was refused nothing is written.
      expect(said).toContain('"records": 4');
    },
    120_000,
  );
});
