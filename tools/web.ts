// Builds the dashboard into web/dist unless it is there already; the stamp is a hash of what it is made from.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const web = join(root, 'web');
const dist = join(web, 'dist');

function sources(): string[] {
  const own = readdirSync(web, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && !relative(web, e.parentPath).startsWith('dist'))
    .map((e) => join(e.parentPath, e.name));
  return [...own, join(root, 'package.json')].toSorted();
}

function stamp(): string {
  const hash = createHash('sha256');
  for (const file of sources()) hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

const wanted = stamp();
const mark = join(dist, '.stamp');
if (!existsSync(mark) || readFileSync(mark, 'utf8') !== wanted) {
  const { build } = await import('vite');
  const fresh = `${dist}.${process.pid}`;
  const since = Date.now();
  await build({
    configFile: join(web, 'vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: fresh, emptyOutDir: true },
  });
  writeFileSync(join(fresh, '.stamp'), wanted);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
  process.stderr.write(`web: built in ${((Date.now() - since) / 1000).toFixed(1)} s\n`);
}
