import { spawn } from 'node:child_process';
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

/** Runs kubectl beside other work: its output. Throws when it fails. */
export async function kubectlRun(binary: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(signal === undefined ? {} : { signal }) });
  let [out, err] = ['', ''];
  child.stdout.on('data', (b: Buffer) => (out += b.toString()));
  child.stderr.on('data', (b: Buffer) => (err += b.toString()));
  const code = await new Promise<number | null>((done) => {
    child.on('error', () => done(null));
    child.on('close', done);
  });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}\n${err.slice(-500)}`);
  return out;
}
