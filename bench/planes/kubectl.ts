import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** kubectl itself: some installations put a program before it that asks the server for its version first. */
export function kubectlBinary(): string {
  const dirs = (process.env['PATH'] ?? '').split(delimiter).filter((d) => d !== '');
  const found = dirs.map((d) => join(d, 'kubectl')).find((f) => existsSync(f));
  if (found === undefined) throw new Error('kubectl is not installed');
  const home = dirname(realpathSync(found));
  const own = readdirSync(home).filter((f) => /^kubectl\.1\.\d+$/.test(f));
  const newest = own.toSorted((a, b) => Number(a.split('.').at(-1)) - Number(b.split('.').at(-1))).at(-1);
  return newest === undefined ? found : join(home, newest);
}
