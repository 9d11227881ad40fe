import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './place.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-complete-'));
  mkdirSync(join(dir, '.tradewind'));
  writeFileSync(
    join(dir, 'tradewind.yaml'),
    'fleet: shop\naccounts: { aws: { account: "111122223333" } }\nclusters:\n  eu: { cloud: aws, region: eu-west-1 }\n  us: { cloud: aws, region: us-east-1 }\n',
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// Writes down each module that is loaded and forbids sockets.
const WATCH = `import { registerHooks } from 'node:module';
import { appendFileSync } from 'node:fs';
import net from 'node:net';
import dgram from 'node:dgram';
import dns from 'node:dns';
const no = () => { process.exitCode = 99; throw new Error('socket'); };
net.Socket.prototype.connect = no; dgram.createSocket = no; dns.lookup = no; net.Server.prototype.listen = no;
registerHooks({ load(url, context, next) { appendFileSync(process.env.LOADED, url + '\\n'); return next(url, context); } });`;

function run(...argv: string[]): { out: string; code: number | null; loaded: string } {
  const loaded = join(dir, 'loaded');
  writeFileSync(loaded, '');
  const watch = join(dir, 'watch.mjs');
  writeFileSync(watch, WATCH);
  const r = spawnSync(process.execPath, ['--import', watch, join(ROOT, 'src', 'compose.ts'), ...argv], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], LOADED: loaded },
  });
  return { out: r.stdout, code: r.status, loaded: readFileSync(loaded, 'utf8') };
}

const HEAVY = /node_modules\/(zod|yaml|cli-table3|@clack|@kubernetes|undici)|src\/(infra|fleet|traffic|sandbox)\//;

describe('what the cheap ways load', () => {
  it('help loads neither schemas nor an engine', () => {
    const r = run('--help');
    expect([r.code, r.out.includes('completion')]).toEqual([0, true]);
    expect(r.loaded).toContain('commander');
    expect(r.loaded).not.toMatch(HEAVY);
  });

  it('live names need no socket; once known they need no schemas', () => {
    expect(run('complete', '--', 'drain', '').out).toBe('eu\nus\n');
    const again = run('complete', '--', 'up', '--on', 'cl');
    expect([again.code, again.out]).toEqual([0, 'cloud:aws\n']);
    expect(again.loaded).not.toMatch(HEAVY);
    expect(again.loaded).not.toContain('commander');
    // Another config: other names.
    const file = join(dir, 'tradewind.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('  us:', '  apac:'));
    expect(run('complete', '--', 'drain', '').out).toBe('eu\napac\n');
  });

  it('a config that does not load gives no names and no noise', () => {
    const file = join(dir, 'bad.yaml');
    writeFileSync(file, 'fleet: [');
    const r = run('complete', '--', 'status', '--config', file, '--on', '');
    expect([r.code, r.out]).toEqual([0, '']);
  });
});

describe('the scripts', () => {
  const script = (shell: string): string => run('completion', shell).out;

  it('bash offers what tw offers, across : and =', () => {
    const file = join(dir, 'tw.bash');
    writeFileSync(file, script('bash'));
    const type = (line: string): string =>
      execFileSync(
        'bash',
        [
          '-c',
          `source "$1"
           tw() { "$NODE" "$ENTRY" "$@"; }
           COMP_LINE=$2 COMP_POINT=\${#2}; _tw; printf '%s\\n' "\${COMPREPLY[@]}"`,
          'bash',
          file,
          line,
        ],
        {
          cwd: dir,
          encoding: 'utf8',
          env: { PATH: process.env['PATH'], NODE: process.execPath, ENTRY: join(ROOT, 'src', 'compose.ts') },
        },
      );
    expect(type('tw dr')).toBe('drain\n');
    expect(type('tw drain ')).toContain('eu\n');
    expect(type('tw up --on cloud:')).toBe('aws\n');
    expect(type('tw up --on=cloud:a')).toBe('aws\n');
  });

  it.each(['zsh', 'fish'])('%s reads its script', (shell) => {
    const text = script(shell);
    expect(text).toContain('complete --');
    if (spawnSync(shell, ['--version']).error !== undefined) return;
    const file = join(dir, `tw.${shell}`);
    writeFileSync(file, text);
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  it('another shell is refused by name', () => {
    expect(run('completion', 'bsh').code).toBe(2);
  });
});
