import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { httpMachines } from './adapters/machines-http.ts';
import { type CloudsSpec, startClouds } from './process.ts';

/**
 * The clouds process: `node src/sandbox/clouds/main.ts DIR` reads DIR/clouds.json, prints one line
 * `ready` when every address listens, ends on SIGTERM or SIGINT.
 */
async function main(): Promise<void> {
  const dir = process.argv[2] ?? process.env.TW_SANDBOX_DIR;
  if (dir === undefined) throw new Error('usage: main.ts DIR');
  const spec = JSON.parse(readFileSync(join(dir, 'clouds.json'), 'utf8')) as CloudsSpec;
  const log = (line: string) => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);
  const clouds = await startClouds(spec, { dir, machines: httpMachines(spec.supervisorSocket), log });
  const end = (): void => {
    process.exitCode = 0;
    void clouds.close();
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  process.stdout.write('ready\n');
}

await main();
