import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addressIn, loginUrl } from '../../commands/index.ts';
import { fault, systemClock } from '../../kernel/index.ts';
import { version } from '../place.ts';
import { Keeper } from './keeper.ts';
import { PATHS, PORTS, PROJECT } from './names.ts';

const ENTRY = join(import.meta.dirname, '..', '..', 'compose.ts');
const STATE = join(PATHS.data, 'state');

interface Told {
  cluster: string;
  fleet: string;
  publicUrl?: string;
  place?: string;
}

function toldBy(args: string[]): Told {
  const text = { type: 'string' } as const;
  const options = { cluster: text, fleet: text, 'public-url': text, place: text };
  const { cluster, fleet, place, 'public-url': publicUrl } = parseArgs({ args, options }).values;
  if (cluster === undefined || fleet === undefined)
    throw fault('TW6001', { value: 'run server', why: ['--cluster and --fleet are needed'] });
  return {
    cluster,
    fleet,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(place === undefined ? {} : { place }),
  };
}

/** Behind a proxy the pod's own address, else loopback: then only the API server's port-forward comes in. */
const argvOf = (t: Told): string[] => [
  process.execPath,
  ENTRY,
  ...['serve', '--port', String(PORTS.api)],
  ...(t.publicUrl === undefined ? [] : ['--host', '0.0.0.0', '--public-url', t.publicUrl]),
];

/** The keeper of the server in a pod, until SIGTERM. */
export async function runServerPod(args: string[]): Promise<void> {
  const told = toldBy(args);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const keeper = new Keeper({
    fleet: told.fleet,
    version: version(),
    data: PATHS.data,
    project: join(PATHS.project, PROJECT.file),
    ...(told.place === undefined ? {} : { place: { file: told.place, name: 'sandbox' } }),
    argv: argvOf(told),
    env: { ...process.env, TW_STANDS_AT: addressIn(told.cluster) },
    clock: systemClock,
    log: (line) => void process.stdout.write(`${new Date().toISOString()} ${line}\n`),
  });
  process.exitCode = await keeper.run(stop.signal);
}

/** Prints an address that signs in once: for whoever may run programs in this pod. */
export function printLink(): void {
  readFileSync(join(STATE, 'serve.json'));
  process.stdout.write(`${loginUrl({ stateDir: STATE, clock: systemClock }, 'http://localhost')}\n`);
}
