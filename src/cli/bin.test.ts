import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'bin', 'tw.js');

/** A Node of this machine that is too old; the places where systems keep theirs, then PATH. */
function oldNode(): { path: string; version: string } | undefined {
  const dirs = ['/usr/local/bin', '/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)];
  for (const dir of dirs) {
    const r = spawnSync(join(dir, 'node'), ['-p', 'process.versions.node'], { encoding: 'utf8' });
    const version = r.stdout?.trim() ?? '';
    if (r.status === 0 && Number(version.split('.')[0]) < 24) return { path: join(dir, 'node'), version };
  }
  return undefined;
}
const old = oldNode();

describe('bin/tw.js', () => {
  it('runs the CLI, also through a link as npm makes it, without a warning', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tw-bin-'));
    try {
      symlinkSync(BIN, join(dir, 'tw'));
      const r = spawnSync(process.execPath, [join(dir, 'tw'), '--version'], { encoding: 'utf8', cwd: dir });
      const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
      expect([r.status, r.stdout, r.stderr]).toEqual([0, `${version}\n`, '']);
      const bad = spawnSync(process.execPath, [BIN, 'explain', 'TW0'], { encoding: 'utf8', cwd: realpathSync(dir) });
      expect([bad.status, bad.stderr.split(' ')[0]]).toEqual([2, 'TW8001']);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it.skipIf(old === undefined)(`says what an old Node lacks (${old?.version ?? 'no Node before 24 here'})`, () => {
    const r = spawnSync(old?.path ?? '', [BIN, 'up'], { encoding: 'utf8' });
    expect(r.status).toBe(2);
    expect(r.stdout).toBe('');
    expect(r.stderr).toContain(`this is Node ${old?.version}`);
    expect(r.stderr).toContain('nvm install 24');
  });

  it('is what package.json installs, and may be executed', () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: Record<string, string> };
    expect(bin).toEqual({ tw: 'bin/tw.js', tradewind: 'bin/tw.js' });
    expect(execFileSync('sh', ['-c', `test -x '${BIN}' && echo yes`], { encoding: 'utf8' })).toBe('yes\n');
  });
});
