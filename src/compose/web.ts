import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fault } from '../kernel/index.ts';
import type { WebFile } from '../server/index.ts';
import { ROOT } from './place.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

const DIST = join(ROOT, 'web', 'dist');
const BUILDER = join(ROOT, 'tools', 'web.ts');

/** A clone builds the dashboard when it is missing or older than its sources; a package brings it. Throws TW8013. */
async function built(): Promise<void> {
  if (!existsSync(BUILDER)) return;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', BUILDER], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (b: Buffer) => (said = (said + b.toString()).slice(-2000)));
  const code = await new Promise<number | null>((done) => {
    child.on('error', () => done(127));
    child.on('close', done);
  });
  if (code !== 0)
    throw fault('TW8013', {
      value: DIST,
      why: [said.trim()],
      fix: [{ say: 'Try it alone:', command: 'node tools/web.ts' }],
    });
}

function fileOf(path: string): WebFile {
  const body = readFileSync(path);
  return {
    type: TYPES[extname(path)] ?? 'application/octet-stream',
    body,
    packed: gzipSync(body, { level: 9 }),
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    fixed: path.includes(`${sep}assets${sep}`),
  };
}

/** The built dashboard, by path. Throws TW8013. */
export async function webFiles(): Promise<ReadonlyMap<string, WebFile>> {
  await built();
  const files = readdirSync(DIST, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  return new Map(
    files.map((e) => {
      const path = join(e.parentPath, e.name);
      return [`/${relative(DIST, path).replaceAll(sep, '/')}`, fileOf(path)];
    }),
  );
}
